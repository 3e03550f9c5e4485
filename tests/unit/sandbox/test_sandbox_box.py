"""Programs and functions in boxes: what comes back, which limit ended them, what they can see."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kamerton.formats.errors import InputError
from kamerton.sandbox import (
    CODE,
    BoxEnded,
    BrokenAnswer,
    CandidateError,
    Limit,
    Limits,
    Session,
    available,
    error_line,
    run,
    run_file,
)
from kamerton.sandbox import box as box_module
from kamerton.sandbox import program as program_module

pytestmark = pytest.mark.skipif(not available(), reason="no sandbox: apt-get install bubblewrap")
QUICK = Limits(cpu_seconds=1, wall_seconds=5)


@dataclass
class Called:
    """What came of a candidate's calls: a value or an error for each, and how the box ended."""

    values: list[Any] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    limit: Limit | None = None
    cpu_seconds: float = 0.0


def call(source: str, names: str = "", *arguments: Any, limits: Limits = CODE) -> Called:
    """Load a candidate in a box of its own and call the functions of `names`."""
    called = Called()
    with Session(limits) as session:
        try:
            session.load(source)
            for name in names:
                try:
                    called.values.append(session.call(name, *arguments))
                except CandidateError as error:
                    called.errors.append(error_line(error))
        except CandidateError as error:
            called.errors.append(error_line(error))
        except (BoxEnded, BrokenAnswer):
            called.errors.append("no answer")
        called.limit, called.cpu_seconds = session.limit, session.close().cpu_seconds
    return called


def test_a_program_says_and_ends_as_elsewhere() -> None:
    ended = run(["/bin/sh", "-c", "cat; echo no >&2; exit 3"], stdin=b"yes\n")
    assert (ended.exit, ended.stdout, ended.stderr, ended.limit) == (3, "yes\n", "no\n", None)


def test_a_signal_is_told() -> None:
    assert run(["/bin/sh", "-c", "kill -TERM $$"]).exit == 128 + 15


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert run(["/usr/bin/printf", "a\\377b"]).stdout == "a\ufffdb"


@pytest.mark.parametrize(
    ("script", "limit"),
    [
        ("while :; do :; done", "cpu"),
        ("head -c 3000000 /dev/zero", "output"),
        ("head -c 20000000 /dev/zero > /tmp/x", "file"),
    ],
)
def test_the_limit_that_ended_it_is_told(script: str, limit: str) -> None:
    ended = run(["/bin/sh", "-c", script], QUICK)
    assert ended.limit == limit
    assert ended.exit != 0
    assert len(ended.stdout) <= QUICK.output_bytes


def test_sleep_ends_by_the_clock() -> None:
    ended = run(["/bin/sleep", "60"], Limits(cpu_seconds=1, wall_seconds=0.5))
    assert ended.limit == "wall"
    assert ended.cpu_seconds < 0.5


def test_a_busy_machine_changes_no_limit() -> None:
    """Beside four busy programs for each processor, processor time still ends it, not the clock."""
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(4 * len(os.sched_getaffinity(0)))
    ]
    try:
        limits = Limits(cpu_seconds=1, wall_seconds=2)
        assert run(["/bin/sh", "-c", "while :; do :; done"], limits).limit == "cpu"
        assert call("while True: pass", "f", limits=limits).limit == "cpu"
        assert run(["/bin/sleep", "60"], limits).limit == "wall"
    finally:
        for program in busy:
            program.kill()
            program.wait()


def test_memory_ends_a_python_program(tmp_path: Path) -> None:
    file = tmp_path / "big.py"
    file.write_text("bytearray(2 * 2**30)")
    assert run_file(file).limit == "memory"


def test_time_of_children_counts() -> None:
    """Two processes of 0.7 seconds each are past one second together."""
    burn = "import time\nwhile time.process_time() < 0.7: pass"
    script = f"import os\nchild = os.fork()\n{burn}\nos.wait() if child else os._exit(0)"
    assert call(script, limits=QUICK).cpu_seconds > 1.3


def test_a_file_runs_as_python_or_by_itself(tmp_path: Path) -> None:
    python, shell = tmp_path / "a.py", tmp_path / "b"
    python.write_text("import sys\nprint(sys.version_info[:2], sys.flags.no_site)")
    shell.write_text("#!/bin/sh\necho $0 $HOME\n")
    assert run_file(python).stdout == f"{sys.version_info[:2]} 1\n"
    assert run_file(shell).stdout == "/box/program /tmp\n"
    with pytest.raises(InputError):
        run_file(tmp_path / "none")


def test_the_box_is_bare() -> None:
    """Nobody, no capabilities, a filter, no new privileges, its own name, few environment."""
    source = (
        "import ctypes, os, socket\n"
        "def f():\n"
        "    c = ctypes.CDLL(None)\n"
        "    data = (ctypes.c_uint * 6)()\n"
        "    head = (ctypes.c_uint * 2)(0x20080522, 0)\n"
        "    c.capget(head, data)\n"
        "    return os.getuid(), list(data), c.prctl(39, 0, 0, 0, 0), c.prctl(21),"
        " socket.gethostname(), sorted(os.environ), sorted(os.listdir('/')), os.listdir('/tmp')\n"
    )
    (seen,) = call(source, "f").values
    uid, capabilities, no_new, seccomp, name, environment, root, tmp = seen
    assert uid == (65534 if os.geteuid() == 0 else os.geteuid())
    assert (capabilities, no_new, seccomp, name, tmp) == ([0] * 6, 1, 2, "box", [])
    assert set(environment) <= {"HOME", "LANG", "PATH", "PWD", "PYTHONHASHSEED", "TZ", "LC_CTYPE"}
    assert "proc" not in root
    assert "sys" not in root


def test_a_box_leaves_nothing_behind_and_sees_no_other() -> None:
    source = "import os\ndef f():\n    open('/tmp/x', 'x').close()\n    return os.listdir('/tmp')"
    for _ in range(2):
        assert call(source, "f").values == [["x"]]


def test_functions_are_called_one_after_another() -> None:
    source = "seen = []\ndef f(x, *, y=0):\n    seen.append(x)\n    return len(seen), (x, y)"
    with Session() as session:
        session.load(source)
        assert session.call("f", {"a": [1]}) == (1, ({"a": [1]}, 0))
        assert session.call("f", 2.5, y=b"z") == (2, (2.5, b"z"))


def test_errors_come_with_type_and_line() -> None:
    called = call("def f():\n    raise ValueError('no')", "fg")
    assert called.errors == ["ValueError: no (line 2)", "KeyError: 'g'"]
    assert call("def f(:", "f").errors[0].startswith("SyntaxError")


def test_a_test_may_expect_an_error_but_not_the_end_of_the_box() -> None:
    source = "import os\ndef f(x):\n    if x: raise KeyError(x)\n    os._exit(0)"
    with Session() as session:
        session.load(source)
        with pytest.raises(KeyError):
            session.call("f", 1)
        with pytest.raises(BoxEnded):
            session.call("f", 0)
        assert not session.alive
    assert not issubclass(BoxEnded, Exception)


@pytest.mark.parametrize(
    ("source", "limit"),
    [
        ("while True: pass", "cpu"),
        ("import time; time.sleep(60)", "wall"),
        ("import os, time; os.closerange(0, 64); time.sleep(60)", "wall"),
    ],
)
def test_limits_of_functions_are_told(source: str, limit: str) -> None:
    called = call(source, "f", limits=Limits(cpu_seconds=1, wall_seconds=4))
    assert (called.limit, called.errors) == (limit, ["no answer"])


def test_large_arguments_and_answers_pass() -> None:
    words = ["word" * 100] * 1000
    assert call("def f(x): return x", "f", words).values == [words]


def test_what_it_prints_is_not_its_answer() -> None:
    source = "def f():\n    print('{\"value\":1}', flush=True)\n    return 2"
    assert call(source, "f").values == [2]


def test_sets_come_in_one_order() -> None:
    source = "def f(): return list({'one', 'two', 'three', 'four', 'five'})"
    first, second = (call(source, "f").values for _ in range(2))
    assert first == second


def test_nothing_is_left_running() -> None:
    script = "import subprocess\nsubprocess.Popen(['sleep', '12.345'])"
    call(script)
    run(["/bin/sh", "-c", "sleep 12.345 & sleep 12.345"], Limits(wall_seconds=0.5))
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert "sleep 12.345" not in running.stdout.replace("sh -c sleep 12.345", "")


def test_without_bubblewrap_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box_module.shutil, "which", lambda name: None)
    box_module.tool.cache_clear()
    program_module.require.cache_clear()
    try:
        assert not available()
        with pytest.raises(InputError, match=r"apt-get install (bubblewrap|util-linux)"):
            call("def f(): pass", "f")
    finally:
        box_module.tool.cache_clear()
        program_module.require.cache_clear()


def test_a_box_that_cannot_be_put_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box_module, "_UNSHARED", ("--no-such-option",))
    program_module.require.cache_clear()
    with pytest.raises(InputError, match=r"no-such-option.*0\.8 or newer"):
        program_module.require()


def test_a_box_that_never_came_up_is_not_the_candidate_s_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a machine out of memory would score every candidate as wrong."""
    program_module.require()
    monkeypatch.setattr(box_module, "_UNSHARED", ("--no-such-option",))
    with pytest.raises(InputError, match="nothing was judged"):
        call("def f(): return 1", "f")
