"""Becomes another program that hears of its parent's death: started as a script of its own, never imported.

    tether.py PARENT SIGNAL USER GROUP PROGRAM ARGUMENT...

A script and no `preexec_fn`, because Python code between fork and exec of a process with threads may hang for ever.
USER and GROUP are numbers, or `-` to stay who one is. It needs the standard library only.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def become(parent: int, heard: int, account: tuple[int, int] | None, argv: list[str]) -> None:
    """Turn into the program; returns only by raising."""
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and that would survive exec
        signal.signal(ignored, signal.SIG_DFL)
    if account is not None:
        uid, gid = account
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, heard, 0, 0, 0)  # after the change of user, which clears it
    if os.getppid() != parent:
        raise ProcessLookupError("whoever asked is gone already")
    os.execv(argv[0], argv)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    user, group = sys.argv[3:5]
    try:
        become(int(sys.argv[1]), int(sys.argv[2]), None if user == "-" else (int(user), int(group)), sys.argv[5:])
    except OSError as error:
        sys.exit(f"{sys.argv[5]} can not be started: {error}")
