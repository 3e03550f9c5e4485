"""The embedded model, where its behaviour matters: `make test-long`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kamerton.develop import hub

pytestmark = pytest.mark.long
MUSEUM = Path(__file__).parents[2] / "recipes" / "museum" / "recipe.yaml"


def test_a_corrupt_cached_model_is_converted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAMERTON_HOME", str(tmp_path))
    weights = Path(hub.folder("embedded")) / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    capsys.readouterr()
    assert Path(hub.folder("embedded")) == weights.parent
    assert weights.read_bytes() == whole
    assert str(weights.parent) in capsys.readouterr().err


@pytest.mark.timeout(2400)
def test_the_museum_recipe_proves_what_it_promises(tmp_path: Path) -> None:
    """The main job as `make demo` runs it: about a quarter of an hour on two idle cores."""
    command = [sys.executable, "-m", "kamerton.cli.main", "run", str(MUSEUM), "--json"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"KAMERTON_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    primary = {
        c["name"]: c for c in json.loads(done.stdout)["comparisons"] if c["family"] == "primary"
    }
    assert {name: c["verdict"] for name, c in primary.items()} == {
        "tuning": "better",
        "retrieval": "better",
    }
    assert all(c["effect"]["low"] > 0 for c in primary.values())
