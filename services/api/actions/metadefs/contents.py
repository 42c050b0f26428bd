"""Everything that is in a namespace: read at once, and put there at once."""

from dataclasses import dataclass

from glimpse.database.pool import Reader
from services.api.queries.metadefs import associations, objects, properties, tags
from services.api.queries.metadefs.associations import Association
from services.api.queries.metadefs.namespaces import Namespace
from services.api.queries.metadefs.objects import Object
from services.api.queries.metadefs.properties import Property
from services.api.queries.metadefs.tags import Tag


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a namespace."""

    associations: list[Association]
    properties: list[Property]
    objects: list[Object]
    tags: list[Tag]


async def read(reader: Reader, namespace: Namespace) -> Contents:
    """Read everything in a namespace, in four statements, however much it is."""
    return Contents(
        await associations.list_of(reader, [namespace.id]),
        await properties.list_of(reader, namespace.id),
        await objects.list_of(reader, namespace.id),
        await tags.list_of(reader, namespace.id),
    )
