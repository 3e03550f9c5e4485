"""Programs and functions in boxes: what comes back, which limit ended them, what they can see."""

import errno
import fcntl
import os
import struct
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
from kamerton.sandbox.python import interpreter

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


BURN = "import os, signal, time\ndef burn():\n    while time.process_time() < 0.7: pass\n"
CHILDREN = {
    "waited for": "if not os.fork(): burn(); os._exit(0)\nburn(); os.wait()",
    "left alone": "if not os.fork(): burn(); time.sleep(9)\nburn(); time.sleep(1)",
    "nobody waits": "if not os.fork(): burn(); os._exit(0)\nburn(); time.sleep(1)",
    "ignored": "signal.signal(17, 1)\nif not os.fork(): burn(); os._exit(0)\nburn(); time.sleep(1)",
    "a grandchild": "if not os.fork(): os.fork() and os._exit(0); burn(); os._exit(0)\n"
    "burn(); time.sleep(1)",
    "a session of its own": "if not os.fork(): os.setsid(); burn(); os._exit(0)\n"
    "burn(); time.sleep(1)",
    "a command": "import subprocess, sys\n"
    "a = [sys.executable, '-c', 'import time\\nwhile time.process_time() < .7: pass']\n"
    "subprocess.Popen(a)\nburn(); time.sleep(1)",
    "a thread": "import threading\nthreading.Thread(target=burn).start()\n"
    "while time.process_time() < 1.4: pass",
    "two in turn": "for _ in '12':\n    if not os.fork(): burn(); os._exit(0)\n    time.sleep(1)",
    "killed": "a = os.fork()\nif not a: burn(); time.sleep(9)\n"
    "burn(); time.sleep(1); os.kill(a, 9)",
}


@pytest.mark.parametrize("script", CHILDREN.values(), ids=CHILDREN)
def test_time_of_children_counts(script: str) -> None:
    """Two times 0.7 seconds, whoever waits for the second, in a function and in a program."""
    limits = Limits(cpu_seconds=4, wall_seconds=20)
    assert call(BURN + script, limits=limits).cpu_seconds > 1.3
    ended = run(interpreter().command("-c", BURN + script), limits)
    assert (ended.limit, ended.cpu_seconds > 1.3) == (None, True)


@pytest.mark.parametrize("wait", ["os.wait()", "time.sleep(60)"])
def test_processes_share_the_limit_of_processor_time(wait: str) -> None:
    """Three that are each within the limit are past it together."""
    script = f"import os, time\nfor _ in '123':\n  if not os.fork():\n    while 1: pass\n{wait}"
    limits = Limits(cpu_seconds=2, wall_seconds=20)
    ended = run(interpreter().command("-c", script), limits)
    assert (ended.limit, ended.exit) == ("cpu", 137)
    assert 2 <= ended.cpu_seconds < 4
    called = call(script, "f", limits=limits)
    assert (called.limit, called.errors) == ("cpu", ["no answer"])


@pytest.mark.parametrize(
    "make",
    [
        "open(n, 'x').close()",
        "os.mkdir(n)",
        "os.symlink('/usr', n)",
        "os.symlink('a' * 1000, n)",
        "os.link('a', n)",
        "os.mkfifo(n)",
        "socket.socket(1).bind(n)",
        "os.mknod(n)",
        "os.makedirs(n + '/b/c')",
        "os.close(tempfile.mkstemp(dir='.')[0])",
        "open('a', 'rb').close(); os.setxattr('a', 'user.' + n, b'x' * 1000)",
    ],
)
def test_the_number_of_files_is_bounded(make: str) -> None:
    """Whatever takes memory of the kernel for a name: 775,000 empty files took 627 MiB."""
    source = (
        "import os, socket, tempfile\ndef f():\n"
        "    open('a', 'x').close()\n"
        "    try:\n"
        f"        for n in map(str, range(9999)): {make}\n"
        "    except OSError as error:\n"
        "        return error.strerror, int(n) <= 4096\n"
    )
    refused = ("No space left on device", True)
    no_attributes = ("Operation not supported", True)
    assert call(source, "f").values[0] in (refused, no_attributes)


LIBRARY = "import ctypes, fcntl, os\nc = ctypes.CDLL(None, use_errno=True)\n"
FILE = "open('/usr/bin/env', 'rb')"


@pytest.mark.parametrize(
    "attempt",
    [
        f"fcntl.flock({FILE}, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        f"fcntl.flock({FILE}, fcntl.LOCK_SH)",
        "fcntl.flock(os.open('/usr', os.O_DIRECTORY), fcntl.LOCK_EX)",
        "fcntl.flock(open('/dev/null', 'r+b'), fcntl.LOCK_EX)",
        f"fcntl.fcntl({FILE}, fcntl.F_SETLEASE, fcntl.F_RDLCK)",
        f"fcntl.fcntl({FILE}, 37, bytes(32))",
        f"fcntl.fcntl({FILE}, 38, bytes(32))",
        "fcntl.fcntl(os.open('/usr/bin', os.O_DIRECTORY), fcntl.F_NOTIFY, fcntl.DN_ACCESS)",
        "checked(c.inotify_init())",
        "checked(c.inotify_init1(0))",
        "checked(c.inotify_add_watch(9, b'/usr/bin', 1))",
        "checked(c.fanotify_init(0, 0))",
    ],
)
def test_files_of_the_host_are_neither_locked_nor_watched(attempt: str) -> None:
    source = (
        f"{LIBRARY}def checked(answer):\n"
        "    if answer < 0: raise OSError(ctypes.get_errno(), 'no')\n"
        f"def f():\n    try: {attempt}\n    except OSError as error: return error.errno\n"
    )
    assert call(source, "f").values == [errno.EPERM]


@pytest.mark.parametrize("lock", ["LOCK_SH", "LOCK_SH | fcntl.LOCK_NB", "LOCK_EX", "LOCK_UN"])
@pytest.mark.parametrize("path", ["/usr/bin/env", "/dev/null"])
def test_a_record_lock_locks_nothing(path: str, lock: str, tmp_path: Path) -> None:
    """It answers success, as sqlite3 needs it, and the host's own lock is got beside it."""
    mode = "r+b" if path == "/dev/null" else "rb"
    source = f"{LIBRARY}def f(): fcntl.lockf(open('{path}', '{mode}'), fcntl.{lock}); return 1"
    with Session() as session, Path(path).open(mode) as stream:
        session.load(source + "\nheld = open('" + path + "', '" + mode + "')")
        assert session.call("f") == 1
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert fcntl.fcntl(stream, fcntl.F_GETLK, struct.pack("hhqqi4x", 1, 0, 0, 0, 0))[:2] == (
            struct.pack("h", fcntl.F_UNLCK)
        )


@pytest.mark.parametrize(
    "works",
    [
        "import sqlite3\nd = sqlite3.connect('d')\nd.execute('create table t (x)')\n"
        "with d: d.execute('insert into t values (1)')\n"
        "found = sqlite3.connect('d').execute('select x from t').fetchall() == [(1,)]",
        "import sqlite3\nd = sqlite3.connect('d')\nd.execute('pragma journal_mode=wal')\n"
        "d.execute('create table t (x)')\nfound = True",
        "import shelve\nwith shelve.open('s') as s: s['a'] = 1\n"
        "with shelve.open('s') as s: found = s['a'] == 1",
        "import dbm\nwith dbm.open('s', 'c') as s: s['a'] = '1'; found = s['a'] == b'1'",
        "import mailbox\nm = mailbox.mbox('m')\nm.add('text')\nm.flush()\nfound = len(m) == 1",
        "import fcntl\nf = open('f', 'w')\nfcntl.lockf(f, fcntl.LOCK_EX)\nfound = True",
        "import fcntl\nfound = fcntl.fcntl(0, fcntl.F_GETFD) >= 0",
        "import tempfile\nwith tempfile.TemporaryDirectory() as d: found = d.startswith('/tmp')",
        "import subprocess\nfound = subprocess.run(['echo', 'a'], stdout=-1).stdout == b'a\\n'",
        "import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()\nfound = True",
        "import asyncio\nfound = asyncio.run(asyncio.sleep(0, True))",
        "import os\nr, w = os.pipe()\nos.set_blocking(r, False)\nfound = not os.get_blocking(r)",
    ],
)
def test_python_s_own_needs_are_met(works: str) -> None:
    called = call(f"{works}\ndef f(): return found", "f")
    assert (called.values, called.errors) == ([True], [])


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
    assert uid == 65534
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
    called = call(source, "f", limits=Limits(cpu_seconds=1, wall_seconds=2))
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
