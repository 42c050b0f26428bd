"""The guard at the socket: connections are made to public addresses, or to those the operator allows, and no others."""

import errno
import socket
from typing import Any

import aiohttp
import structlog

from glimpse import addresses, settings
from glimpse.errors import Forbidden

log = structlog.get_logger()

REFUSED = "it leads to what is no public address, or one of a network that images are not fetched from"
"""Without the address: what inner names lead to is nothing that strangers are told."""


class Guard:
    """Makes the sockets of one download. What it refuses is the address itself, whatever name led to it."""

    def __init__(self, rules: settings.Import) -> None:
        self._rules = rules
        self.refused: str | None = None
        """Why the last refusal was made."""

    def __call__(self, address: tuple[Any, ...]) -> socket.socket:
        """Make a socket for an entry of getaddrinfo. Raises PermissionError: the connector tries the next one."""
        family, kind, protocol, _name, where = address
        try:
            addresses.check_address(str(where[0]), self._rules)
        except Forbidden as error:
            self.refused = REFUSED
            log.info("an address was refused", reason=error.message)
            raise PermissionError(errno.EACCES, error.message) from None
        return socket.socket(family, kind, protocol)


def open_session(guard: Guard, rules: settings.Import, connections: int) -> aiohttp.ClientSession:
    """Return a session that reaches nothing that the guard does not let it reach."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(socket_factory=guard, limit=connections),
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=rules.connect_timeout_seconds, sock_read=rules.read_timeout_seconds
        ),
        headers={"Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,  # no proxy of the environment's: it would connect in our place, past the guard
    )
