"""Commits of a repository on this machine: exactly that one, without links and history."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from local_sets import TEXT, left, not_fetched

from kamerton.develop.data.sources import remote
from kamerton.develop.data.sources.remote import fetch, read_source


def run_git(folder: Path, *arguments: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        env=clean | {"GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> tuple[str, str]:
    """A repository of two commits: its address, and the hash of the first one."""
    folder = tmp_path / "mirror" / "novels.git"
    (folder / "ru").mkdir(parents=True)
    run_git(folder, "init", "--quiet", "--initial-branch", "main")
    (folder / "ru" / "a.txt").write_bytes(f"{TEXT}\n".encode())
    (folder / "b.txt").write_text("b\r\n", newline="")
    (folder / "ru" / "link.txt").symlink_to("/etc/hostname")
    run_git(folder, "add", ".")
    run_git(folder, "commit", "--quiet", "-m", "one")
    first = run_git(folder, "rev-parse", "HEAD")
    (folder / "ru" / "a.txt").write_text("changed", "utf-8")
    run_git(folder, "commit", "--quiet", "-am", "two")
    return f"git+file://{folder}", first


def test_exactly_that_commit_is_fetched_once(repository: tuple[str, str], tmp_path: Path) -> None:
    url, commit = repository
    cache = tmp_path / "cache"
    whole = fetch(f"{url}@{commit}", cache)
    assert whole.name == "novels"
    assert left(whole) == ["a.txt", "b.txt"]  # no .git, and no link that leads out
    assert (whole / "ru" / "a.txt").read_bytes() == f"{TEXT}\n".encode()
    assert (whole / "b.txt").read_bytes() == b"b\r\n"
    shutil.rmtree(tmp_path / "mirror")
    assert fetch(f"{url}@{commit}", cache) == whole
    assert fetch(f"{url}@{commit.upper()}#/ru/", cache) == whole / "ru"


def test_documents_of_a_repository_have_ids_inside_their_folder(
    repository: tuple[str, str], tmp_path: Path
) -> None:
    source = "{}@{}#ru".format(*repository)
    (found,) = read_source(source, ["*"], [], tmp_path / "cache")
    assert (found.id, found.text, found.source) == ("a.txt", f"{TEXT}\n", source)


def test_a_changed_copy_of_a_repository_is_fetched_again(
    repository: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = "{}@{}".format(*repository)
    place = fetch(source, tmp_path / "cache")
    (place / "ru" / "a.txt").write_text("forged", "utf-8")
    assert (fetch(source, tmp_path / "cache") / "ru" / "a.txt").read_text("utf-8") == f"{TEXT}\n"
    assert "has changed since" in capsys.readouterr().err


@pytest.mark.parametrize("named", ["@main", "", "@v1.0#ru", "@0398a12", "@"])
def test_only_a_full_commit_repeats(
    repository: tuple[str, str], tmp_path: Path, named: str
) -> None:
    caught = not_fetched(repository[0] + named, tmp_path / "cache")
    assert caught.key == "develop.read_needs_commit" and "full hash" in str(caught)


def test_addresses_of_repositories_are_understood() -> None:
    commit = "0" * 40
    found = remote.parse_git(f"git+https://me@host.org/owner/name.git@{commit}#a/b")
    assert found.url == "https://me@host.org/owner/name.git"
    assert (found.commit, found.folder, found.name) == (commit, "a/b", "name")
    assert not remote.is_git("git+ssh://host/name") and not remote.is_git("https://host/name.git")


def test_what_a_repository_lacks_is_named(repository: tuple[str, str], tmp_path: Path) -> None:
    url, commit = repository
    cache = tmp_path / "cache"
    assert not_fetched(f"{url}@{'1' * 40}", cache).key == "develop.read_git_failed"
    assert not_fetched(f"{url}-no@{commit}", cache).key == "develop.read_git_failed"
    assert not_fetched(f"{url}@{commit}#en", cache).key == "develop.read_no_folder_there"
    assert not_fetched(f"{url}@{commit}#../..", cache).key == "develop.read_no_folder_there"


def test_a_host_of_a_repository_that_does_not_answer(tmp_path: Path) -> None:
    caught = not_fetched(f"git+https://127.0.0.1:1/owner/name@{'1' * 40}", tmp_path)
    assert caught.key == "develop.read_git_failed" and caught.values["step"] == "fetch"
    assert left(tmp_path) == []


def test_a_machine_without_git_is_told_so(
    repository: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    caught = not_fetched("{}@{}".format(*repository), tmp_path / "cache")
    assert caught.key == "develop.read_no_git"
