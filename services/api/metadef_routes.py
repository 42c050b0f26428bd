"""Every route of the catalogue of metadata definitions on one page (MD-10, MD-11)."""

from schemas.metadef_discovery import DOCUMENTS
from services.api.handlers.metadefs import associations, namespaces, objects, properties, schemas, tags
from services.api.routing import route

NAMESPACE = "/metadefs/namespaces/{namespace}"

METADEFS = (
    route("/metadefs/resource_types", GET=associations.list_resource_types),
    route("/metadefs/namespaces", GET=namespaces.list_namespaces, POST=namespaces.create),
    route(NAMESPACE, GET=namespaces.show, PUT=namespaces.update, DELETE=namespaces.delete),
    route(f"{NAMESPACE}/resource_types", GET=associations.list_associations, POST=associations.create),
    route(f"{NAMESPACE}/resource_types/{{resource_type}}", DELETE=associations.delete),
    route(f"{NAMESPACE}/objects", GET=objects.list_objects, POST=objects.create, DELETE=objects.delete_all),
    route(f"{NAMESPACE}/objects/{{object}}", GET=objects.show, PUT=objects.update, DELETE=objects.delete),
    route(
        f"{NAMESPACE}/properties", GET=properties.list_properties, POST=properties.create, DELETE=properties.delete_all
    ),
    route(f"{NAMESPACE}/properties/{{property}}", GET=properties.show, PUT=properties.update, DELETE=properties.delete),
    route(f"{NAMESPACE}/tags", GET=tags.list_tags, POST=tags.create_many, DELETE=tags.delete_all),
    route(f"{NAMESPACE}/tags/{{tag}}", GET=tags.show, POST=tags.create, PUT=tags.update, DELETE=tags.delete),
    *(route(f"/schemas/metadefs/{kind}", GET=schemas.showing(kind)) for kind in DOCUMENTS),
)
