"""Settings in [limits] and [limits.projects.<project>]: how much a project may have."""

from pydantic import Field

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
    projects: dict[str, ProjectLimits] = Field(default_factory=dict, description="Projects with limits of their own.")

    def of(self, project: str, resource: str) -> int | None:
        """Return a project's limit as it is set, by the name of the setting; None is no limit."""
        own = getattr(self.projects.get(project), resource, None)
        limit: int = getattr(self, resource) if own is None else own
        return limit if self.enabled and limit != UNLIMITED else None
