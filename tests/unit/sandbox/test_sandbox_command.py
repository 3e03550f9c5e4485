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


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("\x1b[2J\x1b[H", "\\u001b[2J\\u001b[H"),
        ("\x1b]0;title\x07", "\\u001b]0;title\\u0007"),
        ("\x1b]52;c;cm0gLXJm\x1b\\", "\\u001b]52;c;cm0gLXJm\\u001b\\"),
        ("\x9b31m", "\\u009b31m"),
        ("wrong\rright", "wrong\\u000dright"),
        ("wrong\b\b\b", "wrong\\u0008\\u0008\\u0008"),
        ("\x00\x0e\x7f", "\\u0000\\u000e\\u007f"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("a\u2028b", "a\\u2028b"),
        ("one\ttab\r\nжук 👩‍🔬 é\n", "one\ttab\r\nжук 👩‍🔬 é\n"),
    ],
)
def test_codes_for_the_terminal_are_shown_not_obeyed(said: str, shown: str, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(f"import sys\nfor s in (1, 2): open(s, 'wb').write({said.encode()!r})")
    code, out, err = run("run", str(file))
    shown = shown.replace("\r\n", "\n")  # as the runner gives them
    assert (code, out) == (0, shown)
    assert err.startswith(shown)
    code, out, _ = run("run", str(file), "--json")
    assert json.loads(out)["stdout"] == said
    assert not set(out) & {*map(chr, (*range(10), *range(11, 32), *range(127, 160)))}


def test_all_of_it_as_json(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text("print('жук')")
    code, out, _ = run("run", str(file), "--json")
    ended = json.loads(out)
    assert (code, ended["stdout"], ended["exit"], ended["limit"]) == (0, "жук\n", 0, None)


def test_it_says_that_it_is_there() -> None:
    assert run("check") == (0, "a sandbox can be had here\n", "")
