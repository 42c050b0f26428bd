"""Who may call from a page of another origin, and what a browser is told about it (AC-72)."""

from collections.abc import Mapping

from glimpse import settings

ALWAYS_ALLOWED = frozenset(
    {"accept", "accept-language", "content-type", "cache-control", "content-language", "expires", "last-modified"}
    | {"pragma"}
)
"""Request header fields that no list need name."""


def fields(origin: str | None, rules: settings.Cors) -> dict[str, str]:
    """Return what an answer to a page says; nothing to an origin that is not known."""
    known = _known(origin, rules)
    if known is None:
        return {}
    return {
        **_to(known, rules),
        "Access-Control-Expose-Headers": ",".join(rules.expose_headers),
    }


def preflight(headers: Mapping[str, str], rules: settings.Cors) -> dict[str, str]:
    """Return what a browser is told that asks beforehand; nothing when it may not do all of what it asks for."""
    known = _known(headers.get("Origin"), rules)
    method = headers.get("Access-Control-Request-Method")
    asked = [name.strip() for name in headers.get("Access-Control-Request-Headers", "").split(",") if name.strip()]
    allowed = ALWAYS_ALLOWED | {name.lower() for name in rules.allow_headers}
    if known is None or method not in rules.allow_methods or not allowed.issuperset(map(str.lower, asked)):
        return {}
    told = {
        **_to(known, rules),
        "Access-Control-Max-Age": str(rules.max_age_seconds),
        "Access-Control-Allow-Methods": method,
    }
    if asked:
        told["Access-Control-Allow-Headers"] = ",".join(asked)
    return told


def _known(origin: str | None, rules: settings.Cors) -> str | None:
    """Return an origin as it is answered: itself, or the star that admits everybody."""
    if origin is None:
        return None
    if origin in rules.allowed_origins:
        return origin
    return "*" if "*" in rules.allowed_origins else None


def _to(origin: str, rules: settings.Cors) -> dict[str, str]:
    told = {"Vary": "Origin", "Access-Control-Allow-Origin": origin}
    if rules.allow_credentials:
        told["Access-Control-Allow-Credentials"] = "true"
    return told
