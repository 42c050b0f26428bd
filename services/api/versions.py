"""Which versions there are, and which of them a request speaks (section 3 of the contract)."""

from dataclasses import dataclass
from typing import Self

from aiohttp import web

from glimpse.settings import Settings
from services.api import answers, forwarded, routing

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


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of one deployment."""

    shown: tuple[str, ...]
    """Minors, as the document lists them."""
    served: frozenset[str]
    """First segments of a path that mean the API; all mean the same one (IMG-5, IMG-63)."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the versions that a deployment has by its settings."""
        shown = minors(multi_store=settings.api.multi_store, cache=False)
        return cls(tuple(shown), frozenset({"v2", *(f"v{minor}" for minor in shown)}))

    def negotiated(self, request: web.BaseRequest) -> list[str] | None:
        """Return the segments below the version; none at all for `/v2`, and None where only the document can answer.

        Raises Invalid for a path that is not UTF-8.
        """
        segments = routing.segments_of(request.rel_url.raw_path)
        accept = request.headers.get("Accept", "")
        if accept.startswith(BY_ACCEPT):  # then the path has no version in it (IMG-64)
            return segments if accept.removeprefix(BY_ACCEPT) in self.served else None
        return segments[1:] if segments[0] in self.served else None

    def document(self, request: web.BaseRequest, settings: Settings) -> web.Response:
        """Answer with every version (IMG-33 to IMG-38)."""
        newest = max(self.shown, key=lambda minor: int(minor.partition(".")[2]))
        href = (settings.api.public_endpoint or base_of(request, settings)).rstrip("/") + "/v2/"
        listed = [
            {
                "id": f"v{minor}",
                "status": "CURRENT" if minor == newest else "SUPPORTED",
                "links": [{"rel": "self", "href": href}],
            }
            for minor in self.shown
        ]
        first = routing.segments_of(request.rel_url.raw_path)[0]
        return answers.json({"versions": listed}, 200 if first == "versions" else 300)


def base_of(request: web.BaseRequest, settings: Settings) -> str:
    """Return scheme and host as the client knows them, without a slash at the end (IMG-37, IMG-99)."""
    return forwarded.seen(request, settings).base
