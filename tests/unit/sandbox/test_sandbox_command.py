"""`kamerton sandbox`, as a person sees it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kamerton.sandbox import available

pytest.importorskip("kamerton.cli.sandbox", reason="this copy of the package has no commands")
pytestmark = pytest.mark.skipif(not available(), reason="no sandbox: apt-get install bubblewrap")


def run(*arguments: str) -> tuple[int, str, str]:
    from kamerton.cli.sandbox import app

    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.stdout, done.stderr


def test_a_file_says_and_ends_as_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text("import sys\nprint('out')\nsys.exit(7)")
    code, out, err = run("run", str(file))
    assert (code, out) == (7, "out\n")
    assert "processor time" in err


def test_a_limit_is_told(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text("while True: pass")
    code, _, err = run("run", str(file), "--cpu", "1")
    assert code == 137
    assert "ended by a limit: processor time" in err


def test_all_of_it_as_json(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text("print('жук')")
    code, out, _ = run("run", str(file), "--json")
    ended = json.loads(out)
    assert (code, ended["stdout"], ended["exit"], ended["limit"]) == (0, "жук\n", 0, None)


def test_it_says_that_it_is_there() -> None:
    assert run("check") == (0, "a sandbox can be had here\n", "")
