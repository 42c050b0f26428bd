"""Settings in [scrubber]: how images go."""

from pydantic import Field

from glimpse.settings.section import Section


class Scrubber(Section):
    """How images go."""

    delayed_delete: bool = Field(False, description="Deleted images can be restored for a while (IMG-26).")
    grace_seconds: float = Field(7 * 86400, ge=0, description="How long, with delayed_delete on.")
    sweep_seconds: float = Field(5, gt=0, description="How often it looks for what is due.")
    batch: int = Field(100, ge=1, description="Images that one look takes.")
    parallel_deletes: int = Field(8, ge=1, description="Bytes of how many copies are removed at once in each store.")
    retry_seconds: float = Field(10, gt=0, description="Wait after a store failed to delete; it doubles each time.")
    retry_max_seconds: float = Field(3600, gt=0, description="The longest such wait.")
    claim_seconds: float = Field(300, gt=0, description="After this a purge whose worker died is taken again.")
    abandoned_seconds: float = Field(
        120, gt=0, description="A transfer nobody has been heard of for so long is given up."
    )
    orphan_hours: float = Field(24, ge=0, description="Bytes without a row are reported when they are this old.")
    delete_orphans: bool = Field(False, description="Delete such bytes instead of only reporting them.")
