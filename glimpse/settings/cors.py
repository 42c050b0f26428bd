"""Settings in [cors]: pages of other origins."""

from pydantic import Field

from glimpse.settings.section import Section


class Cors(Section):
    """Pages of other origins that may call the API (AC-72)."""

    allowed_origins: tuple[str, ...] = Field(
        (), description="Origins that are known, as browsers write them; `*` is everybody."
    )
    allow_credentials: bool = Field(True, description="Let pages send cookies and the like.")
    max_age_seconds: int = Field(3600, ge=0, description="How long a browser need not ask again.")
    allow_methods: tuple[str, ...] = Field(
        ("GET", "PUT", "POST", "DELETE", "PATCH"), description="Methods that pages may use."
    )
    allow_headers: tuple[str, ...] = Field(
        (
            "Content-MD5",
            "X-Image-Meta-Checksum",
            "X-Storage-Token",
            "Accept-Encoding",
            "X-Auth-Token",
            "X-Identity-Status",
            "X-Roles",
            "X-Service-Catalog",
            "X-User-Id",
            "X-Tenant-Id",
            "X-OpenStack-Request-ID",
        ),
        description="Header fields that pages may send.",
    )
    expose_headers: tuple[str, ...] = Field(
        (
            "X-Image-Meta-Checksum",
            "X-Auth-Token",
            "X-Subject-Token",
            "X-Service-Token",
            "X-OpenStack-Request-ID",
        ),
        description="Header fields of an answer that pages may read.",
    )
