"""Metadata definitions: the list of namespaces that come with Glimpse, the largest of them, and one with 10,000."""

import time
from dataclasses import asdict
from typing import Any

from benchmarks import requests, service
from benchmarks.service import Service

NAMESPACES = "/v2/metadefs/namespaces"
HUGE = "Bench::Huge"
PROPERTIES = 10_000


def measured(glimpse: Service, seconds: int) -> dict[str, Any]:
    """Ask for each of them, with everything in it."""
    largest, things = _largest(glimpse)
    service.call(glimpse, "POST", NAMESPACES, _huge())
    loads = {
        "list of 20 namespaces": f"{NAMESPACES}?limit=20",
        f"{largest}, with all {things} things in it": f"{NAMESPACES}/{largest}",
        f"namespace with {PROPERTIES} properties": f"{NAMESPACES}/{HUGE}",
    }
    try:
        return {
            f"{name}, {connections} connections": asdict(_load(f"{glimpse.url}{path}", connections, seconds))
            for name, path in loads.items()
            for connections in (1, 16)
        }
    finally:
        service.call(glimpse, "DELETE", f"{NAMESPACES}/{HUGE}")


def _load(url: str, connections: int, seconds: int) -> requests.Rate:
    rate = requests.load(url, connections, seconds)
    assert not rate.failed, f"{url}: {rate.failed} answers were not 200"
    return rate


def _largest(glimpse: Service) -> tuple[str, int]:
    """Return the namespace with the most in it, and how much that is."""
    sizes = {name: _size(glimpse, name) for name in _shipped(glimpse)}
    largest = max(sizes, key=lambda name: sizes[name])
    return largest, sizes[largest]


def _shipped(glimpse: Service) -> list[str]:
    """Return the names of the namespaces that come with Glimpse, which are all there soon after it is ready."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        listed: Any = service.call(glimpse, "GET", f"{NAMESPACES}?limit=1000")
        if listed["namespaces"]:
            return [each["namespace"] for each in listed["namespaces"]]
        time.sleep(0.1)
    raise SystemExit("the definitions that come with Glimpse were not loaded")


def _size(glimpse: Service, name: str) -> int:
    shown: Any = service.call(glimpse, "GET", f"{NAMESPACES}/{name}")
    return sum(len(shown.get(kind, ())) for kind in ("properties", "objects", "tags", "resource_type_associations"))


def _huge() -> dict[str, Any]:
    definition = {"title": "A property", "type": "string", "enum": ["one", "two"]}
    return {"namespace": HUGE, "properties": {f"p{number}": definition for number in range(PROPERTIES)}}
