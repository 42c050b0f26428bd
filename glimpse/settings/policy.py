"""Settings in [policy]: who may do what."""

from typing import Literal

from pydantic import Field

from glimpse.settings.section import AbsolutePath, Section


class Policy(Section):
    """Who may do what."""

    file: AbsolutePath | None = Field(
        None, description="Rules that replace the built-in ones, YAML or JSON; it is read again when it changes (AC-5)."
    )
    enforce_new_defaults: bool = Field(
        True,
        description="Off lets in who was let in before there were readers and members; ownership still counts (AC-6).",
    )
    property_protection_file: AbsolutePath | None = Field(
        None, description="Who may make, read, change and remove properties by their names; unset, nobody asks (AC-51)."
    )
    property_protection_format: Literal["roles", "policies"] = Field(
        "roles", description="What stands in that file: roles, or names of rules (AC-51)."
    )
