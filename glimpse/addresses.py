"""Where web-download may go: what a URI may say, and which addresses a connection may really be made to.

A URI is checked when it is asked for and again at each redirect; the address is checked at the socket, at the moment of
the connection, so that a name which changes its mind in between gains nothing.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from yarl import URL

from glimpse import settings
from glimpse.errors import Forbidden, Invalid

FETCHED = ("http", "https")
NOT_IN_A_URI = re.compile(r"[\x00-\x20\x7f\\]")
LONGEST_NAME, LONGEST_LABEL = 253, 63
"""Characters of a host's name, and of a part of it (RFC 1035)."""
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label that some resolvers read as part of an address: `127.1`, `2130706433`, `0x7f.1` (OP-32)."""

TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""NAT64: the last four bytes are the IPv4 address that is reached."""


def check_uri(uri: str, rules: settings.Import) -> None:
    """Raise Invalid unless a URI may be fetched: scheme, then host, then port (IMG-27, OP-31, OP-32)."""
    if NOT_IN_A_URI.search(uri):
        raise Invalid("the URI has a space, a control character or a backslash in it: percent-encode them")
    try:
        url = URL(uri)
        host, port = url.raw_host, url.explicit_port
    except ValueError as error:
        raise Invalid(f"this is no URI: {error}") from None
    schemes = [each for each in rules.allowed_schemes or FETCHED if each not in rules.disallowed_schemes]
    if url.scheme not in FETCHED or url.scheme not in schemes:
        raise Invalid(f"the scheme {url.scheme!r} is not allowed; {', '.join(schemes)} are")
    if url.raw_user is not None or url.raw_password is not None:
        raise Invalid("the URI has a user or a password in it: name a source that needs none")
    if not host:
        raise Invalid("the URI names no host")
    _check_host(host, rules)
    if port is not None and rules.allowed_ports and port not in rules.allowed_ports:
        allowed = ", ".join(map(str, rules.allowed_ports))
        raise Invalid(f"port {port} is not allowed; {allowed} are")
    if port is not None and port in rules.disallowed_ports:
        raise Invalid(f"port {port} is not allowed")


def check_address(address: str, rules: settings.Import) -> None:
    """Raise Forbidden unless an address is public, or in a network that the operator allows."""
    try:
        outer = ip_address(address.partition("%")[0])
    except ValueError:
        raise Forbidden(f"{address} is no address") from None
    inner = _reached(outer)
    if _is_in(rules.disallowed_networks, outer, inner):
        raise Forbidden(f"{address} is in a network that images are not fetched from")
    if _is_in(rules.allowed_networks, outer, inner):
        return
    if not all(_is_public(each) for each in (inner, outer) if each is inner or each.version == inner.version):
        raise Forbidden(f"{address} is no public address, and images are fetched from public ones only")


def _is_in(networks: Iterable[IPv4Network | IPv6Network], *either: IPv4Address | IPv6Address) -> bool:
    return any(each.version == network.version and each in network for network in networks for each in either)


def _check_host(host: str, rules: settings.Import) -> None:
    plain = host.rstrip(".")  # with a dot behind it, it is the same host
    if (rules.allowed_hosts and plain not in rules.allowed_hosts) or plain in rules.disallowed_hosts:
        raise Invalid(f"the host {host!r} is not allowed")
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        labels = plain.lower().split(".")
        sized = len(plain) <= LONGEST_NAME and all(0 < len(label) <= LONGEST_LABEL for label in labels)
        if not sized or "%" in host or NUMBER.fullmatch(labels[-1]):
            raise Invalid(f"{host!r} is neither a name nor an address as they are usually written") from None
        return
    try:
        check_address(host, rules)
    except Forbidden as error:
        raise Invalid(error.message) from None


def _reached(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the address that packets end at: what is wrapped in an IPv6 address, or the address itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if any(address in network for network in TRANSLATED):
            return IPv4Address(address.packed[-4:])
    return address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
