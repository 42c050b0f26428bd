"""Settings in [images]: what an image may be, and what is shown of it."""

import hashlib
from typing import Annotated

from pydantic import Field, field_validator

from glimpse.settings.section import Section, written_as
from schemas.vocabulary import CONTAINER_FORMATS, DISK_FORMATS

UNITS = {"": 1, "B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
MAX_HASH_HEX = 128  # what os_hash_value can carry (IMG-168)


class Images(Section):
    """What an image may be, and what is shown of it."""

    size_cap_bytes: int = Field(1024**4, ge=1, le=2**63 - 1, description="The largest image (IMG-16).")
    member_quota: int = Field(128, description="Members of one image; negative is no limit (IMG-18).")
    property_quota: int = Field(128, description="Custom properties of one image; negative is no limit (IMG-18).")
    tag_quota: int = Field(128, description="Tags of one image; negative is no limit (IMG-18).")
    user_storage_quota: Annotated[
        str, written_as(r"[0-9]+(B|KB|MB|GB|TB)?", "a number, and B, KB, MB, GB or TB behind it")
    ] = Field(
        "0",
        description="Bytes of one project, such as 500GB; 0 is no limit (IMG-17).",
    )
    disk_formats: tuple[str, ...] = Field(DISK_FORMATS, description="Disk formats that are taken (IMG-21).")
    container_formats: tuple[str, ...] = Field(
        CONTAINER_FORMATS, description="Container formats that are taken (IMG-22)."
    )
    hashing_algorithm: str = Field("sha512", description="What os_hash_value is made with (IMG-23).")
    show_direct_url: bool = Field(
        False, description="Show everybody who sees an image where its bytes are, as `direct_url` (IMG-14, AC-90)."
    )
    show_locations: bool = Field(
        False,
        description="Show everybody who sees an image every place where its bytes are, as `locations`, and let PATCH "
        "change them (IMG-15, AC-90).",
    )
    location_quota: int = Field(10, description="Locations of one image; negative is no limit (IMG-18).")
    do_secure_hash: bool = Field(
        True, description="Read and hash what is added as a location by POST; else it is believed (IMG-25)."
    )
    require_format_match: bool = Field(True, description="Refuse bytes that are not of the declared format (IMG-24).")

    @property
    def user_storage_bytes(self) -> int:
        """The storage quota of a project in bytes; 0 is no limit."""
        number = self.user_storage_quota.rstrip("BKMGT")
        return int(number) * UNITS[self.user_storage_quota[len(number) :]]

    @field_validator("hashing_algorithm")
    @classmethod
    def _fits_os_hash_value(cls, name: str) -> str:
        try:
            size = hashlib.new(name).digest_size
        except ValueError:
            raise ValueError(f"hashlib does not know {name!r}; sha512 and sha256 are usual") from None
        if not 0 < size * 2 <= MAX_HASH_HEX:
            raise ValueError(f"{name} has no digest of at most {MAX_HASH_HEX // 2} bytes; sha512 and sha256 are usual")
        return name
