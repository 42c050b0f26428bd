"""Settings in [stores.<name>] and [staging]: where bytes are kept, and where they wait."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from glimpse.settings.section import AbsolutePath, Section


class DataDirectory(Section):
    """One directory of a file store."""

    path: AbsolutePath = Field(description="An absolute path.")
    priority: int = Field(0, description="The highest is filled first; equal ones by free space.")


class Store(Section):
    """A place where bytes are kept."""

    type: Literal["file", "http"] = Field(
        "file", description="What kind of place it is; http is the servers of others, which are only read."
    )
    paths: tuple[DataDirectory, ...] = Field((), description="Directories of a file store.")
    description: str | None = Field(None, description="Shown to users by /v2/info/stores.")
    weight: int = Field(0, description="Copies in the store with the largest weight are read first.")

    @model_validator(mode="after")
    def _files_are_in_directories(self) -> Self:
        if self.type == "file" and not self.paths:
            raise ValueError("a file store needs paths: its directories")
        if self.type == "http" and self.paths:
            raise ValueError("an http store has no paths: it keeps nothing")
        return self


class Staging(Section):
    """Where staged bytes wait for their import; it must be reachable by every API and every importer."""

    type: Literal["file"] = Field("file", description="What kind of place it is.")
    paths: tuple[DataDirectory, ...] = Field(
        (DataDirectory(path=Path("/var/lib/glimpse/staging"), priority=0),),
        min_length=1,
        description="Its directories.",
    )
    keep_days: float = Field(0, ge=0, description="Days a staged image waits for its import; 0 is for ever.")
