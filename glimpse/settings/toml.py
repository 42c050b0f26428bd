"""Values as a settings file has them."""

import json
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

from pydantic import SecretStr

from glimpse.settings.section import Section

BARE = re.compile(r"[A-Za-z0-9_-]+")


def written(value: Any) -> str:
    """Write a value; None has no way to be written. Secrets are not hidden."""
    match value:
        case SecretStr():
            return written(value.get_secret_value())
        case bool():
            return str(value).lower()
        case Enum():
            return written(value.value)
        case int() | float():
            return str(int(value) if value == int(value) else value)
        case tuple() | list():
            return f"[{', '.join(written(item) for item in value)}]"
        case Section() | Mapping():
            pairs = value.items() if isinstance(value, Mapping) else value
            return "{ " + ", ".join(f"{key(name)} = {written(item)}" for name, item in pairs) + " }"
        case _:
            return _string(str(value))


def key(name: str) -> str:
    """Write the name of a setting or of a table."""
    return name if BARE.fullmatch(name) else _string(name)


def _string(text: str) -> str:
    """JSON's escapes are TOML's, but that TOML escapes DEL, too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
