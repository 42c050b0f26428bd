"""What a call says that adds a location to a queued image (section 22 of the contract)."""

import re
from dataclasses import dataclass
from typing import Any

from glimpse.errors import Invalid

ALGORITHMS = ("sha1", "sha256", "sha512", "md5")
SAID = frozenset({"os_hash_algo", "os_hash_value"})
USER = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*:/*)[^/?#]*@")


@dataclass(frozen=True, slots=True)
class NewLocation:
    """Where somebody says that the bytes are, and what they say that those hash to."""

    url: str
    said: dict[str, str]
    """Algorithm and digest; nothing when nobody vouches for the bytes."""

    @property
    def is_web(self) -> bool:
        """Whether everybody could fetch it."""
        return self.url.partition(":")[0].lower() in ("http", "https")

    @property
    def shown_url(self) -> str:
        """The URL without credentials. One that had some is refused as it is: whoever reads it has none."""
        return USER.sub(r"\1***@", self.url)


def parse(body: dict[str, Any]) -> NewLocation:
    """Read a body. Raises Invalid; how long a digest must be is looked at later (IMG-547 to IMG-549)."""
    url, said = body.get("url"), body.get("validation_data", {})
    if not isinstance(url, str):
        raise Invalid("a location needs a url: a text")
    if (
        not isinstance(said, dict)
        or not said.keys() <= SAID
        or not all(isinstance(each, str) for each in said.values())
    ):
        raise Invalid(f"validation_data has {' and '.join(sorted(SAID))}, and nothing else")
    if said and said.keys() != SAID:
        raise Invalid(f"validation_data needs both: {' and '.join(sorted(SAID))}")
    if said and said["os_hash_algo"] not in ALGORITHMS:
        raise Invalid(f"os_hash_algo is one of {', '.join(ALGORITHMS)}")
    return NewLocation(url, said)
