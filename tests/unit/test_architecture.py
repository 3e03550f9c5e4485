"""Architecture as tests: import contracts, light starts, and platforms that stand alone."""

import os
import shutil
import subprocess
import sys
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


@pytest.mark.parametrize(
    "command", [["--help"], ["run", "--help"], ["recipe", "ls"], ["runs", "ls"]]
)
def test_light_commands_load_nothing_heavy(command: list[str]) -> None:
    script = (
        "import sys\nfrom kamerton.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print('LOADED', [m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "LOADED []" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_platform_and_its_tests_load_alone(platform: str, tmp_path: Path) -> None:
    """The kernel and one platform, copied into an empty folder: every import of theirs is there."""
    copied(platform, tmp_path)
    modules = sorted((tmp_path / "src" / "kamerton" / platform).rglob("*.py"))
    names = [".".join(path.relative_to(tmp_path / "src").with_suffix("").parts) for path in modules]
    script = f"import importlib\nfor name in {names}:\n    importlib.import_module(name)"
    run_alone(["-c", script], tmp_path)
    run_alone(["-m", "pytest", "-q", "--collect-only", f"tests/unit/{platform}"], tmp_path)


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
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    where = "import kamerton; print(kamerton.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", where], env=environment, capture_output=True, text=True, check=True
    )
    assert str(tmp_path) in found.stdout, "the copy was not what was tested"
