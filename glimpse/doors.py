"""Who can reach the API, where nobody is asked who they are."""

import socket
from ipaddress import ip_address

from glimpse.errors import Invalid
from glimpse.settings import Settings


def refuse_open_ones(settings: Settings) -> None:
    """Raise Invalid where everybody would be the administrator, and more than this machine can reach it (AC-43)."""
    if settings.auth.mode != "none" or settings.auth.insecure or _is_loopback(settings.api.host):
        return
    raise Invalid(
        f"auth.mode is none, and {settings.api.host} can be reached from outside: everybody would be the "
        "administrator; listen on 127.0.0.1, choose another auth.mode, or set auth.insecure=true"
    )


def _is_loopback(host: str) -> bool:
    """Ask as whoever listens will: a name, `localhost` too, is what this machine takes it for."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise Invalid(f"api.host: {host} is no address of this machine: {error.strerror}") from None
    return all(ip_address(address.partition("%")[0]).is_loopback for address in found)
