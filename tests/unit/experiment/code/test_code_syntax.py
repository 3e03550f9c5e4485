"""Trees of programs, from several threads at once."""

import gc
import threading
from collections.abc import Iterator

import pytest

from kamerton.experiment.code.tasks import parse

CODE = "\n".join(
    f"def f{i}(a):\n    return [1, [2, (3, {{4: [5, (a + (6 + (7 + 8)))]}})]]" for i in range(60)
)


@pytest.fixture
def collector_that_lets_others_in() -> Iterator[None]:
    """A callback in Python, at every few objects: there the interpreter may change threads."""
    before = gc.get_threshold()

    def called(*_: object) -> None:
        sum(range(50))

    gc.callbacks.append(called)
    gc.set_threshold(50, 2, 2)
    yield
    gc.set_threshold(*before)
    gc.callbacks.remove(called)


@pytest.mark.usefixtures("collector_that_lets_others_in")
def test_threads_do_not_disturb_each_other() -> None:
    wrong: list[BaseException] = []

    def many() -> None:
        try:
            for _ in range(40):
                assert len(parse(CODE).body) == 60
        except (SystemError, AssertionError) as error:
            wrong.append(error)

    threads = [threading.Thread(target=many) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong


def test_what_is_no_program_is_refused() -> None:
    with pytest.raises(SyntaxError):
        parse("def f(:")
