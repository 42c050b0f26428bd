"""The filter that judges a child's system calls: no network, no second process, no hand on what is not its own.

A filter and no network namespace: it needs no privilege and works for root, for an ordinary user and in a container
that may make no namespaces; and it also closes what a network namespace leaves open, the sockets that have a path.
Landlock forbids opening files, but not changing their mode, owner or times; before its third version not truncating
them; before its sixth not signalling other processes. All that is refused here, on every kernel.
"""

import errno
import platform
import struct

# For each call its number on x86_64 and in the table that aarch64 and riscv64 share; None where there is no such call.
REFUSED: dict[str, tuple[int | None, int | None]] = {
    # the network, and the ring that could make sockets without asking
    "socket": (41, 198),
    "socketpair": (53, 199),
    "io_uring_setup": (425, 425),
    # other processes; abort() ends in an illegal instruction instead, which is as dead
    "fork": (57, None),
    "vfork": (58, None),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "setpriority": (141, 140),
    # memory and queues that processes share by number
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    # files that it did not have to open
    "truncate": (76, 45),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    # the kernel's machinery, where the holes are found
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
}
CLONE, CLONE3, PRLIMIT64 = (56, 220), (435, 435), (302, 261)
CLONE_THREAD = 0x10000
X32 = 0x40000000  # x86_64 has every call twice
MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1), "riscv64": (0xC00000F3, 1)}

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # where they stand in struct seccomp_data (little-endian)
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000


def instructions(machine: str | None = None) -> bytes | None:
    """Compile the filter for this processor, or another; None for one whose calls are not known here."""
    known = MACHINES.get(machine or platform.machine())
    if known is None:
        return None
    architecture, column = known
    code = [_op(LOAD, ARCHITECTURE), _op(EQUAL, architecture, 1, 0), _op(RETURN, KILL), _op(LOAD, NUMBER)]
    if column == 0:
        code += _on(AT_LEAST, X32, errno.ENOSYS)
    for numbers in REFUSED.values():
        number = numbers[column]
        if number is not None:
            code += _on(EQUAL, number, errno.EPERM)
    # Its flags lie in memory, where a filter can not look; without it libc makes its threads by clone.
    code += _on(EQUAL, CLONE3[column], errno.ENOSYS)
    code += [_op(EQUAL, CLONE[column], 0, 4), _op(LOAD, FIRST_ARGUMENT), _op(ANY_BIT, CLONE_THREAD, 1, 0)]
    code += [_op(RETURN, REFUSE | errno.EPERM), _op(RETURN, ALLOW)]
    code += [_op(EQUAL, PRLIMIT64[column], 0, 3), _op(LOAD, FIRST_ARGUMENT), _op(EQUAL, 0, 1, 0)]  # its own limits
    code += [_op(RETURN, REFUSE | errno.EPERM), _op(RETURN, ALLOW)]
    return b"".join(code)


def _on(test: int, operand: int, code: int) -> list[bytes]:
    return [_op(test, operand, 0, 1), _op(RETURN, REFUSE | code)]


def _op(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)
