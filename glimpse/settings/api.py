"""Settings in [api]: the process that answers requests."""

from pathlib import Path

from pydantic import Field, field_validator
from yarl import URL

from glimpse.settings.section import AbsolutePath, Section


class Api(Section):
    """The process that answers requests."""

    host: str = Field("127.0.0.1", description="The address it listens on.")
    port: int = Field(9292, ge=0, le=65535, description="The port it listens on; 0 takes a free one.")
    workers: int = Field(0, ge=0, description="Processes that share the port; 0 is one for each core.")
    public_endpoint: str | None = Field(None, description="Base of the links in version documents (IMG-9).")
    max_request_id_length: int = Field(
        64, ge=0, description="Longer request ids are refused with 431 (IMG-103); 0 is no limit."
    )
    limit_param_default: int = Field(25, ge=1, description="Images on a page when nobody says how many (IMG-20).")
    api_limit_max: int = Field(1000, ge=1, description="Images on a page at most (IMG-20).")
    max_json_bytes: int = Field(
        2**20 + 2**16,
        ge=2**20,
        description="The largest JSON body that is read (IMG-94). A page of images can be as much for each of them.",
    )
    idle_seconds: float = Field(
        900, gt=0, description="How long a client may send nothing of its body, or take nothing of its answer."
    )
    drain_seconds: float = Field(30, ge=0, description="How long transfers may go on after SIGTERM.")
    patience_seconds: float = Field(
        5, gt=0, description="A store or database that does not answer for so long is not waited for, where it can be."
    )
    access_log: bool = Field(True, description="One line for each request.")
    healthcheck_disable_file: AbsolutePath = Field(
        Path("/etc/glimpse/healthcheck_disable"),
        description="While this file exists, /healthcheck says 503, so that no new requests are sent here (AC-71).",
    )
    proxy_headers: bool = Field(
        False,
        description="Believe what the proxies in auth.trusted_proxies say in Forwarded or X-Forwarded-* of how clients "
        "reach us; links and Location fields are made of it (AC-74).",
    )
    gzip: bool = Field(
        False,
        description="Compress answers for those who ask for it, images too: no quick way for their bytes (AC-73).",
    )
    multi_store: bool = Field(
        True,
        description="Speak of stores by name; off answers as a deployment with one nameless store (IMG-8, IMG-10).",
    )

    @field_validator("public_endpoint")
    @classmethod
    def _is_a_base(cls, text: str | None) -> str | None:
        try:
            if text is None or (
                (url := URL(text)).scheme in ("http", "https") and url.host and not (url.query_string or url.fragment)
            ):
                return text
        except ValueError:
            pass
        raise ValueError(f"{text!r} is no base of links: write it as https://images.example.org")
