"""Watch bytes pass and recognise what they are; oslo.utils does it, and carries the history of attacks on it."""

from dataclasses import dataclass
from typing import Any

from oslo_utils.imageutils import format_inspector as library

from glimpse.errors import WrongFormat

RAW = "raw"
SEVERAL = "several formats"
EARLY = 1024 * 1024
"""Within so many bytes a wrong format is refused, where the format allows."""

LARGEST_DISK = 2**63 - 1
"""No disk is larger: neither a file nor the database could say so."""

SETTLED_BY_HEADER = frozenset({"qcow2", "qed", "vdi", "vhdx", "luks"})
"""Formats whose safety is known once their header is; a VMDK has a footer that must agree."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a whole stream turned out to be."""

    format: str
    """`raw` for what is no known format."""
    size: int
    virtual_size: int | None
    unsafe: str | None
    """Why nobody should open it; None when nothing speaks against it."""


class Inspector:
    """Recognises one stream. With `declared`, bytes that can not be of that format any more are refused at once."""

    def __init__(self, declared: str | None = None) -> None:
        self._inspectors: dict[str, Any] = {name: kind() for name, kind in library.ALL_FORMATS.items() if name != RAW}
        self._declared = declared if declared in self._inspectors else None
        self._seen = 0

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes. Raises WrongFormat when they settle that the stream is not what was declared."""
        self._seen += len(chunk)
        for name, inspector in list(self._inspectors.items()):
            try:
                inspector.eat_chunk(chunk)
            except Exception:  # it meets hostile bytes: whatever it stumbles over, they are not of its format
                del self._inspectors[name]
        if self._declared is not None:
            self._refuse_early(self._declared)

    def finish(self) -> Finding:
        """Say what the stream was."""
        for inspector in self._inspectors.values():
            inspector.finish()
        matches = {name: each for name, each in self._inspectors.items() if _matches(each)}
        if set(matches) == {"iso", "gpt"}:  # a bootable CD is both
            del matches["gpt"]
        if not matches:
            return Finding(RAW, self._seen, self._seen, None)
        if len(matches) > 1:
            return Finding(SEVERAL, self._seen, None, f"it is several formats at once: {', '.join(sorted(matches))}")
        ((name, inspector),) = matches.items()
        if name == "gpt":  # a disk with partitions is a raw disk
            return Finding(RAW, self._seen, self._seen, _unsafe(inspector))
        return Finding(name, self._seen, _virtual_size(inspector), _unsafe(inspector))

    def _refuse_early(self, declared: str) -> None:
        inspector = self._inspectors.get(declared)
        if inspector is not None and not inspector.complete:
            return
        self._declared = None  # settled: the end of the stream needs to be looked at only once more
        if inspector is None or not _matches(inspector):
            others = sorted(name for name, other in self._inspectors.items() if _matches(other)) or [RAW]
            raise WrongFormat(f"disk_format says {declared}, but the bytes look like {' and '.join(others)}")
        if declared in SETTLED_BY_HEADER and (reason := _unsafe(inspector)):
            raise WrongFormat(f"these {declared} bytes are not safe to keep: {reason}")


def verdict(declared: str, container: str, finding: Finding, *, require_match: bool = True) -> int | None:
    """Return the virtual size of an image in bytes, None when it has none (IMG-180).

    Raises WrongFormat when the bytes are not safe, or not of the declared format (IMG-413, IMG-414, IMG-416, OP-43).
    """
    if container != "bare":
        return None
    if finding.unsafe is not None:
        raise WrongFormat(f"these {finding.format} bytes are not safe to keep: {finding.unsafe}")
    if declared == RAW:
        return finding.size or None
    if finding.format == declared:
        if (finding.virtual_size or 0) > LARGEST_DISK:
            raise WrongFormat(f"these {declared} bytes say that they are a disk of {finding.virtual_size} bytes")
        return finding.virtual_size or None
    if finding.format == RAW and declared not in library.ALL_FORMATS:
        return None  # nobody can tell
    if require_match:
        raise WrongFormat(f"disk_format says {declared}, but the bytes are {finding.format}")
    return None


def _matches(inspector: Any) -> bool:
    try:
        return bool(inspector.format_match)
    except Exception:  # too little was seen for it to tell
        return False


def _virtual_size(inspector: Any) -> int | None:
    try:
        return int(inspector.virtual_size)
    except Exception:
        return None


def _unsafe(inspector: Any) -> str | None:
    try:
        inspector.safety_check()
    except library.SafetyCheckFailed as error:
        return "; ".join(f"{name}: {failure}" for name, failure in error.failures.items())
    except Exception as error:  # not whole, or made to confuse: either way nobody should open it
        return str(error)
    return None
