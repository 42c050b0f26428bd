"""A small service for `glimpse up` to look after: python service.py MANNER [--config FILE]."""

import os
import signal
import subprocess
import sys
import threading

manner = sys.argv[1]
if manner == "dies":
    sys.exit("no, said the service")
if manner == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
if manner == "parent":  # of a process that does not hear of its death
    subprocess.Popen(["sleep", "1000"])
print(f"{manner} in {sys.argv[-1]}", file=sys.stderr, flush=True)
with os.fdopen(int(os.environ.pop("GLIMPSE_READY_FD")), "wb") as ready:
    ready.write(b"ready\n")
threading.Event().wait()
