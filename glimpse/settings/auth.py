"""Settings in [auth]: who is calling."""

from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from pydantic import Field

from glimpse.settings.section import Section


class Auth(Section):
    """Who is calling."""

    mode: Literal["none", "headers"] = Field(
        "none",
        description="`none`: everybody is the administrator (AC-43); `headers`: a proxy in front says who (AC-40).",
    )
    none_user: str | None = Field(None, description="The user id of everybody, in mode `none`.")
    none_project: str | None = Field(None, description="The project id of everybody, in mode `none`.")
    www_authenticate_uri: str = Field(
        "http://127.0.0.1:5000/v3", description="Where a 401 sends people to be identified (IMG-106)."
    )
    allow_anonymous: bool = Field(
        False, description="Let people without identity look at what the rules open to everybody (IMG-29)."
    )
    insecure: bool = Field(False, description="Let mode `none` listen beyond the loopback interface.")
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")), description="Whose identity headers are believed."
    )
