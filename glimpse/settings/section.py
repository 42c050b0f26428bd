"""What every group of settings is."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A group of settings; a name it does not know is an error, so that a typo is noticed at start."""

    model_config = ConfigDict(extra="forbid", frozen=True)
