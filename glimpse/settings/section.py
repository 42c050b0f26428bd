"""What every group of settings is."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo, field_validator

CENTURY_DAYS = 36_525
UNITS = {"seconds": 86_400, "hours": 24, "days": 1}
"""How many of each a day has."""


class Section(BaseModel):
    """A group of settings; a name it does not know is an error, so that a typo is noticed at start."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _ends_within_a_century(cls, value: Any, about: ValidationInfo) -> Any:
        """Refuse durations with which no clock can count."""
        unit = (about.field_name or "").rpartition("_")[2]
        if unit in UNITS and isinstance(value, int | float) and value > CENTURY_DAYS * UNITS[unit]:
            raise ValueError(f"no duration is longer than a century: {CENTURY_DAYS * UNITS[unit]} {unit}")
        return value


def written_as(pattern: str, words: str) -> AfterValidator:
    """Refuse texts that do not match a pattern, in words instead of signs."""
    form = re.compile(pattern)

    def check(text: str) -> str:
        if not form.fullmatch(text):
            raise ValueError(f"{text!r} is not written as it should be: {words}")
        return text

    return AfterValidator(check)


def _is_absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(f"{path} is no absolute path: services may be started anywhere")
    return path


AbsolutePath = Annotated[Path, AfterValidator(_is_absolute)]
