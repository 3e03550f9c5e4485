"""The seccomp filter of a box: a deny list of system calls, assembled as classic BPF.

What is denied answers EPERM: calls that look into other processes, load code into the kernel, make
or enter namespaces, mount, keep memory that no limit counts (memfd, System V), set clocks, or have
been the way out of boxes before (io_uring, userfaultfd, keyctl, bpf, perf). Sockets other than
AF_UNIX are denied, since AF_VSOCK reaches the host of a virtual machine through any network
namespace. Files of the host can be read, so they could be locked and watched: `flock`, leases and
all that watches are denied. Record locks (`F_SETLK`) answer success and lock nothing: sqlite3 and
dbm need that answer, and the filter cannot see whose file it is. `clone3` answers ENOSYS, because
its flags lie in memory, where a filter cannot look; the C library then uses `clone`, whose flags
are looked at. A call of another architecture (32-bit, x32) kills the process. Form: `struct
sock_filter` of linux/filter.h, `struct seccomp_data` of linux/seccomp.h.
"""

import platform
import struct
from collections.abc import Sequence
from functools import cache

from kamerton.formats.errors import InputError

# name: (x86_64, aarch64); None where the architecture has no such call.
DENIED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "vmsplice": (278, 75),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "open_tree_attr": (467, 467),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27),
    "flock": (73, 32),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "personality": (135, 92),
    "vhangup": (153, 58),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "modify_ldt": (154, None),
    "iopl": (172, None),
    "ioperm": (173, None),
    "uselib": (134, None),
}
# Calls of which only some arguments are denied.
LOOKED_AT: dict[str, tuple[int, int]] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "clone": (56, 220),
    "clone3": (435, 435),
    "ioctl": (16, 29),
    "fcntl": (72, 25),
}
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7), "arm64": (1, 0xC00000B7)}

_AF_UNIX = 1
_NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_TYPES_INTO_TERMINAL = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_RECORD_LOCKS = (6, 7)  # F_SETLK, F_SETLKW
# F_OFD_SETLK, F_OFD_SETLKW; F_SETLEASE, F_NOTIFY, F_SETDELEG
_LOCKS_AND_WATCHES = (37, 38, 1024, 1026, 1040)
_X32 = 0x40000000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _JUMP, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x05, 0x06
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24  # offsets in struct seccomp_data
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_NOTHING_DONE, _EPERM, _ENOSYS = 0x00050000, 0x00050001, 0x00050026  # the call answers 0, or fails

Instruction = tuple[int, int, int, int]


@cache
def program(machine: str = platform.machine()) -> bytes:
    """The filter for `bwrap --seccomp`, 8 bytes an instruction.

    Raises InputError for an architecture whose call numbers are not in the table.
    """
    if machine not in _ARCHITECTURES:
        raise InputError("sandbox.architecture", machine=machine)
    column, audit = _ARCHITECTURES[machine]
    denied = [number for pair in DENIED.values() if (number := pair[column]) is not None]
    lines = [
        *_head(audit),
        *_arguments(column),
        *_answer(denied, _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("<HBBI", *line) for line in lines)


def _head(audit: int) -> list[Instruction]:
    """Kill what is of another architecture; the accumulator then holds the call's number."""
    return [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
    ]


def _arguments(column: int) -> list[Instruction]:
    """Calls whose arguments decide; each block is passed over by other calls.

    Only the lower 32 bits are compared, as the kernel itself takes them (CVE-2019-10063).
    """
    number = {name: numbers[column] for name, numbers in LOOKED_AT.items()}
    unix_only = [(_LOAD, 0, 0, _FIRST), (_EQUAL, 1, 0, _AF_UNIX), (_RETURN, 0, 0, _EPERM)]
    no_namespace = [(_LOAD, 0, 0, _FIRST), (_ANY_BIT, 0, 1, _NAMESPACES), (_RETURN, 0, 0, _EPERM)]
    second = (_LOAD, 0, 0, _SECOND)
    no_typing = [second, *_answer(_TYPES_INTO_TERMINAL, _EPERM)]
    no_locks = [
        second,
        *_answer(_RECORD_LOCKS, _NOTHING_DONE),
        *_answer(_LOCKS_AND_WATCHES, _EPERM),
    ]
    return [
        *_block(number["socket"], unix_only),
        *_block(number["socketpair"], unix_only),
        *_block(number["clone"], no_namespace),
        *_block(number["ioctl"], no_typing),
        *_block(number["fcntl"], no_locks),
        (_EQUAL, 0, 1, number["clone3"]),
        (_RETURN, 0, 0, _ENOSYS),
    ]


def _block(number: int, body: Sequence[Instruction]) -> list[Instruction]:
    """`body` for one call, which is allowed where the body denies nothing."""
    return [(_EQUAL, 0, len(body) + 1, number), *body, (_RETURN, 0, 0, _ALLOW)]


def _answer(values: Sequence[int], answer: int) -> list[Instruction]:
    """`answer` where the accumulator is one of at most 255 values; anything else goes on."""
    tests = [(_EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
    return [*tests, (_JUMP, 0, 0, 1), (_RETURN, 0, 0, answer)]
