"""What alone a token may be used for, when it comes of an application credential with access rules (AC-67)."""

import re
from dataclasses import dataclass
from functools import lru_cache

PLACE = re.compile(r"\*\*|\*|\{[^}]*\}")
"""What stands for something else in a path: `**` for anything, `*` and `{name}` for one segment."""


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Calls to one service that are allowed."""

    service: str
    method: str
    path: str

    def allows(self, service: str, method: str, path: str) -> bool:
        """Say whether a call is one of them."""
        return self.service == service and self.method == method and _pattern(self.path).fullmatch(path) is not None


@lru_cache(maxsize=1024)
def _pattern(path: str) -> re.Pattern[str]:
    written, at = "", 0
    for place in PLACE.finditer(path):
        written += re.escape(path[at : place.start()]) + (".*" if place.group() == "**" else "[^/]+")
        at = place.end()
    return re.compile(written + re.escape(path[at:]))
