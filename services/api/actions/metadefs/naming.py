"""Words about many things in a namespace: which name was taken, and how many there are of each kind."""

from collections import Counter
from collections.abc import Iterable, Mapping

ONE_OF = {"associations": "association", "objects": "object", "tags": "tag", "properties": "property"}


def counted(counts: Mapping[str, int]) -> str:
    """Say how many things there are of each kind, leaving out kinds without any: `1 object, 3 tags`."""
    return ", ".join(f"{count} {kind if count != 1 else ONE_OF[kind]}" for kind, count in counts.items() if count)


def taken(wanted: Iterable[str], made: Iterable[str]) -> str:
    """Return the first of the names wanted for which nothing was made."""
    return next((Counter(list(wanted)) - Counter(made)).elements())
