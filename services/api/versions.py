"""Which versions there are, and which of them a request speaks (section 3 of the contract)."""

from aiohttp import web

from glimpse.settings import Settings
from services.api import answers, routing

BY_ACCEPT = "application/vnd.openstack.images-"
ALWAYS = ("2.7", "2.6", "2.5", "2.4", "2.3", "2.2", "2.1", "2.0")


def minors(*, multi_store: bool, cache: bool) -> list[str]:
    """Return the minors that are shown, in the order in which clients have always seen them (IMG-39)."""
    if cache and multi_store:
        return [f"2.{minor}" for minor in range(18, 7, -1)] + list(ALWAYS)
    if cache:
        return ["2.18", "2.17", "2.16", "2.15", "2.14", "2.9", *ALWAYS]
    if multi_store:
        return ["2.15", "2.13", "2.12", "2.11", "2.10", "2.9", "2.8", "2.17", *ALWAYS]
    return ["2.15", "2.9", "2.17", *ALWAYS]


def negotiated(request: web.BaseRequest, settings: Settings) -> list[str] | None:
    """Return the segments below the version; none at all for `/v2`, and None where only the document can answer.

    Raises Invalid for a path that is not UTF-8.
    """
    segments = routing.segments_of(request.rel_url.raw_path)
    accept = request.headers.get("Accept", "")
    if accept.startswith(BY_ACCEPT):
        return segments if _is_served(accept.removeprefix(BY_ACCEPT), settings) else None
    return segments[1:] if _is_served(segments[0], settings) else None


def document(request: web.BaseRequest, settings: Settings) -> web.Response:
    """Answer with every version (IMG-33 to IMG-38)."""
    first = routing.segments_of(request.rel_url.raw_path.partition("%")[0])[0]
    shown = minors(multi_store=settings.api.multi_store, cache=False)
    newest = max(shown, key=lambda minor: int(minor.partition(".")[2]))
    href = f"{settings.api.public_endpoint or base_of(request, settings)}".rstrip("/") + "/v2/"
    listed = [
        {
            "id": f"v{minor}",
            "status": "CURRENT" if minor == newest else "SUPPORTED",
            "links": [{"rel": "self", "href": href}],
        }
        for minor in shown
    ]
    return answers.json({"versions": listed}, 200 if first == "versions" else 300)


def base_of(request: web.BaseRequest, settings: Settings) -> str:
    """Return scheme and host as the client knows them, without a slash at the end (IMG-37, IMG-99)."""
    host = request.headers.get("Host") or f"{settings.api.host}:{settings.api.port}"
    return f"{request.scheme}://{host}"


def _is_served(version: str, settings: Settings) -> bool:
    if version == "v2":
        return True
    shown = minors(multi_store=settings.api.multi_store, cache=False)
    return version.startswith("v") and version[1:] in shown
