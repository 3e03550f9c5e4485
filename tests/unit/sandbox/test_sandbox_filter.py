"""The filter denies what it says, on both architectures, as a BPF machine runs it."""

import ctypes
import ctypes.util
import errno
import struct

import pytest

from kamerton.formats.errors import InputError
from kamerton.sandbox.filter import DENIED, LOOKED_AT, program

ALLOW, KILL, EPERM = 0x7FFF0000, 0x80000000, 0x50000 | errno.EPERM
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
TOKENS = {"x86_64": AUDIT["x86_64"], "aarch64": AUDIT["aarch64"]}
MACHINES = list(AUDIT)


def answer(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the filter says of a call: a small BPF machine of its own."""
    padded = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("<IIQ6Q", number, audit or AUDIT[machine], 0, *padded)
    code = program(machine)
    lines = [struct.unpack_from("<HBBI", code, at) for at in range(0, len(code), 8)]
    at = accumulator = 0
    while True:
        operation, yes, no, value = lines[at]
        if operation == 0x06:
            return value
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
            at += 1
            continue
        if operation == 0x05:
            at += 1 + value
            continue
        held = {
            0x15: accumulator == value,
            0x35: accumulator >= value,
            0x45: bool(accumulator & value),
        }[operation]
        at += 1 + (yes if held else no)


def column(machine: str) -> int:
    return MACHINES.index(machine)


@pytest.mark.parametrize("machine", MACHINES)
def test_each_call_of_the_list_is_denied(machine: str) -> None:
    numbers = [pair[column(machine)] for pair in DENIED.values()]
    assert [n for n in numbers if n is not None and answer(machine, n) != EPERM] == []


@pytest.mark.parametrize("machine", MACHINES)
def test_all_other_calls_are_allowed(machine: str) -> None:
    special = {pair[column(machine)] for pair in (*DENIED.values(), *LOOKED_AT.values())}
    others = [n for n in range(600) if n not in special]
    assert [n for n in others if answer(machine, n) != ALLOW] == []


@pytest.mark.parametrize("machine", MACHINES)
def test_arguments_decide(machine: str) -> None:
    number = {name: pair[column(machine)] for name, pair in LOOKED_AT.items()}
    assert answer(machine, number["socket"], 1) == ALLOW
    assert {answer(machine, number["socket"], family) for family in (0, 2, 10, 16, 40)} == {EPERM}
    assert answer(machine, number["socketpair"], 1) == ALLOW
    assert answer(machine, number["clone"], 0x3D0F00) == ALLOW  # a thread of glibc's
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert answer(machine, number["clone"], flag | 17) == EPERM
        assert answer(machine, number["clone"], 1 << 40 | flag) == EPERM
    assert answer(machine, number["clone3"]) == 0x50000 | errno.ENOSYS
    assert answer(machine, number["ioctl"], 0, 0x5401) == ALLOW
    assert answer(machine, number["ioctl"], 0, 0x5412) == EPERM
    assert answer(machine, number["ioctl"], 0, 1 << 32 | 0x5412) == EPERM
    done_without_effect = 0x50000
    locks = {command: answer(machine, number["fcntl"], 3, command) for command in range(2000)}
    assert [c for c, said in locks.items() if said == done_without_effect] == [6, 7]
    assert [c for c, said in locks.items() if said == EPERM] == [37, 38, 1024, 1026, 1040]
    assert set(locks.values()) == {ALLOW, EPERM, done_without_effect}


@pytest.mark.parametrize("machine", MACHINES)
def test_other_architectures_are_killed(machine: str) -> None:
    assert answer(machine, 1, audit=0x40000003) == KILL
    assert answer(machine, 0x40000000 + 1) == KILL


def test_an_unknown_machine_is_refused() -> None:
    with pytest.raises(InputError, match="riscv64"):
        program("riscv64")


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_those_of_libseccomp(machine: str) -> None:
    name = ctypes.util.find_library("seccomp")
    if name is None:
        pytest.skip("no libseccomp here to compare with: apt-get install libseccomp2")
    resolve = ctypes.CDLL(name).seccomp_syscall_resolve_name_arch
    found = {call: resolve(TOKENS[machine], call.encode()) for call in (*DENIED, *LOOKED_AT)}
    ours = {call: pair[column(machine)] for call, pair in (DENIED | LOOKED_AT).items()}
    # What this libseccomp does not know, or the architecture has not, is negative.
    known = {call: number for call, number in found.items() if number >= 0}
    assert len(known) > 55
    assert {call: ours[call] for call in known} == known
