"""schemas/openapi.yaml: the API, route by route, as OpenAPI 3.1; what /openapi.json says where nothing is set."""

import orjson
import yaml

from glimpse import settings
from schemas.images import ImageFields
from services.api.openapi import document


def page() -> str:
    """Return the whole description."""
    images = settings.Images()
    described = orjson.loads(document.served(ImageFields(images.disk_formats, images.container_formats)))
    text: str = yaml.dump(described, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
    return f"# Made by `make schemas` from the routes and services/api/openapi; do not edit it by hand.\n{text}"


class _Dumper(yaml.SafeDumper):
    """Writes what is the same in several places as often as it is there."""

    def ignore_aliases(self, data: object) -> bool:
        return True
