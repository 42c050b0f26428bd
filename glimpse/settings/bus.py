"""Settings in [bus]: how news travels."""

from pydantic import Field

from glimpse.settings.section import Section


class Bus(Section):
    """How news travels."""

    deployment: str = Field(
        "local", pattern=r"^[A-Za-z0-9._~-]+$", description="Names this deployment in the source of each event."
    )
    lease_seconds: float = Field(8, gt=0, description="How long the leader or a reader is believed to live unheard.")
    busy_seconds: float = Field(0.02, gt=0, description="How often a loop looks while there is news.")
    idle_seconds: float = Field(0.25, gt=0, description="How often it looks while there is none.")
    batch: int = Field(500, ge=1, description="Events that one step takes.")
    keep_days: float = Field(14, gt=0, description="How long events can be replayed.")
    attempts: int = Field(8, ge=1, description="How often a reaction to an event is tried before it is put aside.")
    retry_seconds: float = Field(
        0.25, ge=0, description="Wait before the second try; it doubles with each further one."
    )
    dead_letter_limit: int = Field(
        100, ge=0, description="Events that a group of readers may put aside; it stops rather than lose more."
    )
    dead_letter_days: float = Field(30, gt=0, description="How long events that were put aside are kept.")
