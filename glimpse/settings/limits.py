"""Settings in [limits] and [limits.projects.<project>]: how much a project may have."""

import time
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr

from glimpse.errors import Unavailable
from glimpse.settings.section import Section

MIB = 2**20
UNLIMITED = -1


class ProjectLimits(Section):
    """What one project may have, where it differs from the others."""

    image_size_total_mib: int | None = Field(None, ge=UNLIMITED, description="Instead of the one for everybody.")
    image_stage_total_mib: int | None = Field(None, ge=UNLIMITED, description="Instead of the one for everybody.")
    image_count_total: int | None = Field(None, ge=UNLIMITED, description="Instead of the one for everybody.")
    image_count_uploading: int | None = Field(None, ge=UNLIMITED, description="Instead of the one for everybody.")


class Limits(Section):
    """How much a project may have; -1 is no limit."""

    enabled: bool = Field(
        False,
        description="Hold projects to these limits, and show what they use (IMG-19); images.user_storage_quota is not "
        "asked then.",
    )
    image_size_total_mib: int = Field(
        UNLIMITED, ge=UNLIMITED, description="Bytes of a project's images, each copy counted (IMG-638)."
    )
    image_stage_total_mib: int = Field(
        UNLIMITED, ge=UNLIMITED, description="Bytes that wait for their import, or are being imported (IMG-639)."
    )
    image_count_total: int = Field(UNLIMITED, ge=UNLIMITED, description="Images of a project (IMG-637).")
    image_count_uploading: int = Field(
        UNLIMITED, ge=UNLIMITED, description="Images whose bytes are on their way at once (IMG-640)."
    )
    source: Literal["settings", "keystone"] = Field(
        "settings",
        description="Where the numbers are: here, or in the identity service that `auth.keystone_url` names.",
    )
    keystone_seconds: float = Field(60, gt=0, description="How often it is asked for them.")
    keystone_patience_seconds: float = Field(
        600, gt=0, description="How long they count when it does not answer; after that whoever needs them gets a 503."
    )
    projects: dict[str, ProjectLimits] = Field(default_factory=dict, description="Projects with limits of their own.")

    _known_until: float | None = PrivateAttr(None)

    def known(self, numbers: Mapping[str, Any]) -> Self:
        """Return the same with the numbers that the identity service has now."""
        found = self.model_copy(update=dict(numbers))
        found._known_until = time.monotonic() + self.keystone_patience_seconds
        return found

    def of(self, project: str, resource: str) -> int | None:
        """Return a project's limit as it is set, by the name of the setting; None is no limit.

        Raises Unavailable where nobody knows it (IMG-717).
        """
        if self.enabled and self.source == "keystone" and not self._is_known():
            raise Unavailable("the identity service does not say what projects may have")
        own = getattr(self.projects.get(project), resource, None)
        limit: int = getattr(self, resource) if own is None else own
        return limit if self.enabled and limit != UNLIMITED else None

    def _is_known(self) -> bool:
        return self._known_until is not None and time.monotonic() <= self._known_until
