"""Progress in a log: few lines, whole ones, and none for what is done at once."""

import io
import os
import re
import subprocess
import sys

import pytest

from kamerton.formats.progress import LOG_SECONDS, calm_libraries, progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that pass as a test says, for tqdm and for us."""
    now = [1000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("steps", "seconds", "lines"),
    [(1, 0.0, 0), (20_000, 29.0, 0), (20_000, 31.0, 2), (20_000, 300.0, 11), (3, 300.0, 4)],
)
@pytest.mark.parametrize("figures", [False, True])
def test_a_log_has_a_line_every_half_minute(
    steps: int, seconds: float, lines: int, figures: bool, clock: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    monkeypatch.setattr("tqdm.std.time", lambda: clock[0])
    with progress("reading", steps, "rows") as bar:
        for _ in range(steps):
            clock[0] += seconds / steps
            bar.update(1)
            if figures:
                bar.set_postfix_str(f"loss {clock[0]:.1f}")
    written = log.getvalue()
    assert "\r" not in written and "\x1b" not in written and "\n\n" not in written
    assert abs(len(written.splitlines()) - lines) <= 1 and bool(written) == bool(lines)
    if lines:
        assert re.search(rf"reading: 100%  {steps}/{steps} .* rows/s", written.splitlines()[-1])


def test_a_log_speaks_russian(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setenv("KAMERTON_LANG", "ru")
    monkeypatch.setattr(sys, "stderr", log)
    monkeypatch.setattr("tqdm.std.time", lambda: clock[0])
    with progress("чтение", 9, "строк") as bar:
        for _ in range(9):
            clock[0] += 20
            bar.update(1)
    assert re.search(r"чтение:  \d\d %  \d/9 +0\.05 строк/с  осталось \d\d:\d\d", log.getvalue())
    assert not re.search("[a-z]", log.getvalue())


LIBRARY = """
from kamerton.formats.progress import calm_libraries
calm_libraries()
import sys, tqdm.auto
from huggingface_hub.utils import tqdm as hub
for bar in (tqdm.auto.tqdm, hub):
    for _ in bar(range(5000)):
        pass
"""


def test_bars_of_libraries_are_silent_in_a_log() -> None:
    program = [sys.executable, "-c", LIBRARY]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_what_a_user_set_for_bars_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"TQDM_MININTERVAL": "5"})
    calm_libraries()
    assert os.environ["TQDM_MININTERVAL"] == "5"
    assert os.environ["TQDM_DELAY"] == f"{LOG_SECONDS:g}"
