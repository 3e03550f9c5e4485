"""Every hostile program, in the box: none gets out, none passes. The count is the last test's."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from kamerton.experiment.code.judge import judge
from kamerton.experiment.code.tasks import CodeTask
from kamerton.sandbox import Limits, available, run
from kamerton.sandbox.program import PROGRAM
from kamerton.sandbox.python import interpreter
from sandbox_suite import ENTRY, SOLUTION, TEST, Attack, attacks
from sandbox_suite.host import host, works_bare

ALL = attacks()
LIMITS = Limits(cpu_seconds=1, wall_seconds=4)
FORGED = CodeTask("forged", "", ENTRY, TEST)
needs_box = pytest.mark.skipif(not available(), reason="no sandbox: apt-get install bubblewrap")
held: Counter[str] = Counter()


def names(found: list[Attack]) -> list[str]:
    return [attack.name for attack in found]


def test_the_suite_is_large_and_each_program_says_what_it_tries() -> None:
    assert len(ALL) >= 60
    assert len(set(names(ALL))) == len(ALL)
    assert all(attack.tries and attack.success for attack in ALL)


def gets_through(attack: Attack, folder: Path) -> bool:
    """Whether the program gets what it wants, in the box."""
    folder.mkdir()
    with host(folder) as found:
        text = attack.program(found.outside, found.port, found.victim.pid)
        if attack.forges:
            return judge(FORGED, text, LIMITS).passed
        ended = run(interpreter().command(PROGRAM), LIMITS, {PROGRAM: text.encode()})
        assert "SyntaxError" not in ended.stderr
        if attack.name == "outlive":
            time.sleep(1)  # it would write half a second later
        return found.lost(ended.stdout + ended.stderr)


def chosen(request: pytest.FixtureRequest) -> list[Attack]:
    """The programs that this session tries."""
    named = {item.name for item in request.session.items}
    return [attack for attack in ALL if f"test_it_is_held[{attack.name}]" in named]


@pytest.fixture(scope="module")
def trials(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[bool]]]:
    """Several at a time, since many of them only wait for their end."""
    home = tmp_path_factory.mktemp("attacks")
    with ThreadPoolExecutor(4) as many:
        yield {a.name: many.submit(gets_through, a, home / a.name) for a in chosen(request)}


@needs_box
@pytest.mark.parametrize("attack", ALL, ids=names(ALL))
def test_it_is_held(attack: Attack, trials: dict[str, Future[bool]]) -> None:
    assert not trials[attack.name].result(), attack.success
    held[attack.name] += 1


@needs_box
def test_a_solution_passes_the_test_of_the_forgers() -> None:
    """Else nothing could pass, and the suite would prove nothing."""
    assert judge(FORGED, SOLUTION, LIMITS).passed


@needs_box
def test_a_program_that_gets_what_it_wants_is_seen(tmp_path: Path) -> None:
    """Else nobody would be found to escape."""
    with host(tmp_path) as found:
        attack = Attack("self", "files", "", "", False, "escaped()")
        text = attack.program(found.outside)
        ended = run(interpreter().command(PROGRAM), LIMITS, {PROGRAM: text.encode()})
        assert found.lost(ended.stdout)
        assert not found.lost("")


BARE = [attack for attack in ALL if attack.bare]


@pytest.mark.parametrize("attack", BARE, ids=names(BARE))
def test_it_is_an_attack(attack: Attack, tmp_path: Path) -> None:
    """The harmless ones win where there is no box."""
    assert works_bare(attack, tmp_path)


@needs_box
def test_none_of_all_has_won(request: pytest.FixtureRequest) -> None:
    """0 of N; only where the whole suite has run."""
    if len(chosen(request)) < len(ALL):
        pytest.skip("only a part of the suite was chosen")
    assert sorted(held) == sorted(names(ALL)), f"of {len(ALL)} programs {len(held)} were held"
