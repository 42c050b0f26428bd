"""What each process of a running Glimpse holds in memory."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from benchmarks.service import Service


@dataclass(frozen=True)
class Process:
    """One process; memory in MiB. PSS counts shared pages in parts, so that PSS can be added up."""

    pid: int
    name: str
    rss: float
    pss: float


def processes(service: Service) -> list[Process]:
    """List the processes below the supervisor, and itself."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = list[Process](), [(service.process.pid, "")]
    while waiting:
        pid, parent = waiting.pop()
        with contextlib.suppress(OSError, IndexError):
            name = _name(pid) or parent
            found.append(Process(pid, name, *_memory(pid)))
            waiting += [(child, name) for child in children.get(pid, [])]
    return sorted(found, key=lambda process: (process.name, process.pid))


def _name(pid: int) -> str:
    argv = [part.decode(errors="replace") for part in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") if part]
    for word in ("up", "api", "importer", "scrubber"):
        if word in argv[:5]:
            return word
    return "postgres" if "postgres" in argv[0] else ""


def _memory(pid: int) -> tuple[float, float]:
    values = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in ("Rss", "Pss"):
            values[name] = int(rest.split()[0]) / 1024
    return values["Rss"], values["Pss"]
