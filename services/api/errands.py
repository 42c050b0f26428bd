"""What a task does in its caller's name: where to, and with which token, sealed so that importers alone can read it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from glimpse import addresses, sealed, settings, signatures
from glimpse.errors import Invalid
from glimpse.image import ImageRow
from schemas.vocabulary import ImportMethod
from services.api.wishes import Wish


def sealed_for(task_id: str, wished: Wish, image: ImageRow, configured: settings.Settings) -> str | None:
    """Seal what the importer needs besides the request; None when it needs nothing. Raises Invalid."""
    rules = configured.import_
    if wished.method is not ImportMethod.GLANCE_DOWNLOAD:
        asks = configured.signatures.key_manager_url is not None and signatures.is_signed(image.properties)
        if not asks or wished.token is None or rules.public_key is None:
            return None
        return sealed.seal(rules.public_key, task_id, json.dumps({"token": wished.token}))
    method = wished.body["method"]
    interface = method.get("glance_service_interface") or "public"
    endpoint = endpoint_of(method["glance_region"], interface, wished.catalogue, rules)
    key = rules.public_key
    assert key is not None, "settings do not offer glance-download without one"
    return sealed.seal(key, task_id, json.dumps({"endpoint": endpoint, "token": wished.token}))


def endpoint_of(region: str, interface: str, catalogue: str | None, rules: settings.Import) -> str:
    """Return where the image service of a region is: as the catalogue says, or as the operator does. Raises Invalid.

    What the operator has written down may be anywhere; what a catalogue says is checked like a web-download (OP-34).
    """
    for endpoint in _in_catalogue(region, interface, catalogue):
        if endpoint not in rules.glance_regions.values():
            addresses.check_uri(endpoint, rules)
        return endpoint
    if region in rules.glance_regions:
        return rules.glance_regions[region]
    raise Invalid(f"there is no image service in region {region} that this one knows of")


def _in_catalogue(region: str, interface: str, catalogue: str | None) -> Iterator[str]:
    """Yield addresses of image services, from a catalogue of either age."""
    for service in _dicts(orjson.loads(catalogue) if catalogue else None):
        if service.get("type") != "image":
            continue
        for endpoint in _dicts(service.get("endpoints")):
            if region not in (endpoint.get("region"), endpoint.get("region_id")):
                continue
            here = endpoint.get("url") if endpoint.get("interface") == interface else None
            if isinstance(url := here or endpoint.get(f"{interface}URL"), str):
                yield url


def _dicts(value: Any) -> Iterable[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
