"""Builds the walls around itself and then becomes the program: started as a script of its own, never imported.

A script and no `preexec_fn`, because Python code between fork and exec of a process with threads may hang for ever.
It needs the standard library only and takes one argument, the plan that `child` writes, as JSON.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
SECCOMP_MODE_FILTER = 2
# The same numbers on every processor: all that came after the tables were joined.
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
LANDLOCK_RULE_PATH_BENEATH = 1

libc = ctypes.CDLL(None, use_errno=True)


class RulesetAttributes(ctypes.Structure):
    """What the ruleset forbids unless a rule allows it (struct landlock_ruleset_attr)."""

    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class PathBeneath(ctypes.Structure):
    """A file or folder and what may be done there (struct landlock_path_beneath_attr)."""

    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


class FilterProgram(ctypes.Structure):
    """Where a filter stands in memory (struct sock_fprog)."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def become(plan: dict[str, Any]) -> None:
    """Do what the plan says and turn into its program; returns only by raising."""
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and that would survive exec
        signal.signal(ignored, signal.SIG_DFL)
    os.umask(0o077)
    if plan["user"] is not None:
        drop(*plan["user"])
    checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    checked(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "pdeathsig")  # after drop(), which clears it
    if os.getppid() != plan["parent"]:
        raise ProcessLookupError("whoever asked is gone already")
    for name, value in plan["rlimits"].items():
        limit(getattr(resource, name), value)
    if plan["landlock"] is not None:
        restrict_files(plan["landlock"])
    if plan["seccomp"] is not None:
        restrict_calls(bytes.fromhex(plan["seccomp"]))
    os.ftruncate(plan["report"], 0)
    os.execve(plan["argv"][0], plan["argv"], {})  # noqa: S606 - no shell is the point


def drop(uid: int, gid: int) -> None:
    """Stop being root, for good."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def limit(which: int, value: int) -> None:
    """Lower a limit, or leave it where it is lower already; CPU gets a second more to hear of it than to die of it."""
    _, hard = resource.getrlimit(which)
    ceiling = value + 1 if which == resource.RLIMIT_CPU else value
    if hard != resource.RLIM_INFINITY:
        ceiling = min(ceiling, hard)
    resource.setrlimit(which, (min(value, ceiling), ceiling))


def restrict_files(rules: dict[str, Any]) -> None:
    """Forbid all files but those named, by Landlock."""
    attributes = RulesetAttributes(rules["fs"], rules["net"], rules["scoped"])
    ruleset = libc.syscall(LANDLOCK_CREATE_RULESET, ctypes.byref(attributes), rules["attributes_size"], 0)
    checked(ruleset, "landlock_create_ruleset")
    for path, allowed in rules["paths"]:
        try:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        allow(ruleset, opened, allowed)
    for descriptor, allowed in rules["descriptors"]:
        allow(ruleset, descriptor, allowed)
    checked(libc.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
    os.close(ruleset)


def allow(ruleset: int, descriptor: int, allowed: int) -> None:
    """Add one exception."""
    rule = PathBeneath(allowed, descriptor)
    added = libc.syscall(LANDLOCK_ADD_RULE, ruleset, LANDLOCK_RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    checked(added, "landlock_add_rule")


def restrict_calls(instructions: bytes) -> None:
    """Have the kernel judge every system call from now on."""
    program = FilterProgram(len(instructions) // 8, instructions)
    checked(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0), "seccomp")


def checked(result: int, call: str) -> None:
    """Raise what the call failed with."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{call}: {os.strerror(code)}")


if __name__ == "__main__":
    plan = json.loads(sys.argv[1])
    os.set_inheritable(plan["report"], False)
    try:
        become(plan)
    except Exception as error:
        os.ftruncate(plan["report"], 0)
        os.pwrite(plan["report"], str(error).encode()[:500], 0)
        sys.exit(1)
