"""The guard at the socket: connections are made to public addresses, or to those the operator allows, and no others."""

import errno
import socket
from typing import Any

from glimpse import addresses, settings
from glimpse.errors import Forbidden


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
            self.refused = error.message
            raise PermissionError(errno.EACCES, error.message) from None
        return socket.socket(family, kind, protocol)
