"""Architecture as tests: import contracts, light starts, and platforms that stand alone."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEAVES = (
    "__init__.py",
    "formats",
    "stats",
    "client",
    "sandbox",
    "documents",
    "privacy",
    "pipeline",
    "retrieval",
    "engines",
)
PLATFORMS = ("develop", "experiment", "serve", "studio")
HEAVY = ("torch", "numpy", "scipy", "transformers", "peft", "gradio", "xllamacpp", "openai")


def test_the_import_contracts_are_kept() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    found = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
    assert "0 broken" in found.stdout


def test_light_commands_load_nothing_heavy() -> None:
    script = f"""
import sys
from kamerton.cli.main import main
for command in (["--help"], ["run", "--help"], ["recipe", "ls"], ["runs", "ls"]):
    try:
        main(command)
    except SystemExit as end:
        assert not end.code
    assert not (loaded := [m for m in {HEAVY} if m in sys.modules]), (command, loaded)
"""
    run_python(["-c", script], ROOT)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_platform_and_its_tests_load_alone(platform: str, tmp_path: Path) -> None:
    """The kernel and one platform, copied into an empty folder: every import of theirs is there."""
    copied(platform, tmp_path)
    modules = sorted((tmp_path / "src" / "kamerton" / platform).rglob("*.py"))
    names = [".".join(path.relative_to(tmp_path / "src").with_suffix("").parts) for path in modules]
    script = f"""
import importlib, pytest, sys
for name in {names}:
    importlib.import_module(name)
sys.exit(pytest.main(["-q", "--collect-only", "tests/unit/{platform}"]))
"""
    run_alone(["-c", script], tmp_path)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_platform_passes_its_tests_alone(platform: str, tmp_path: Path) -> None:
    """The kernel and one platform, copied into an empty folder, need nothing else."""
    copied(platform, tmp_path)
    options = ["-q", "-p", "no:cacheprovider", "-m", "not long"]
    run_alone(["-m", "pytest", *options, f"tests/unit/{platform}"], tmp_path)


def copied(platform: str, tmp_path: Path) -> None:
    for name in (*LEAVES, platform):
        source, target = ROOT / "src" / "kamerton" / name, tmp_path / "src" / "kamerton" / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    shutil.copytree(ROOT / "tests" / "unit" / platform, tmp_path / "tests" / "unit" / platform)
    for file in (ROOT / "tests").glob("*.py"):
        shutil.copyfile(file, tmp_path / "tests" / file.name)
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")


def run_alone(arguments: list[str], tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "src")}
    run_python(arguments, tmp_path, environment)
    where = run_python(["-c", "import kamerton; print(kamerton.__file__)"], tmp_path, environment)
    assert str(tmp_path) in where, "the copy was not what was tested"


def run_python(
    arguments: list[str], folder: Path, environment: Mapping[str, str] | None = None
) -> str:
    """Stdout of a child that must end well."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout
