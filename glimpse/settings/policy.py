"""Settings in [policy]: who may do what."""

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
