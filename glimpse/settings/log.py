"""Settings in [log]: what is written down."""

from typing import Literal

from pydantic import Field

from glimpse.settings.section import Section


class Log(Section):
    """What is written down."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least important line that is kept."
    )
    format: Literal["json", "console"] = Field("json", description="`json` for machines, `console` for people.")
