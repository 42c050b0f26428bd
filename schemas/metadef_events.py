"""What is told of metadata definitions; the subject is the namespace, by the name it has after the change.

The API tells all of it, whoever asked: a client, or a file that was loaded. Nobody of ours listens. What goes with its
namespace is not told again thing by thing. A namespace that is called otherwise from now on is told of under its old
name, so that whoever follows that one hears where it went, and then under the new one.
"""

from typing import Any, ClassVar

from pydantic import Field

from schemas.events import Event


class NamespaceEvent(Event):
    """A fact about one namespace."""

    namespace: dict[str, Any] = Field(description="The namespace as the API shows it, without what is in it.")
    previous: dict[str, Any] = Field(default_factory=dict, description="What the members that changed were before.")


class NamespaceCreated(NamespaceEvent):
    """Told by the API: there is a new namespace; what is in it is told next."""

    name: ClassVar[str] = "metadef.namespace.created"


class NamespaceUpdated(NamespaceEvent):
    """Told by the API: a namespace changed; one that has another name now is told of under both, the old one first."""

    name: ClassVar[str] = "metadef.namespace.updated"


class NamespaceDeleted(NamespaceEvent):
    """Told by the API: a namespace is gone, with everything that was in it."""

    name: ClassVar[str] = "metadef.namespace.deleted"


class ContentsEvent(Event):
    """A fact about everything of one kind in a namespace."""

    names: list[str] = Field(description="What they were called.")


class ObjectsDeleted(ContentsEvent):
    """Told by the API: a namespace has no objects any more."""

    name: ClassVar[str] = "metadef.objects.deleted"


class PropertiesDeleted(ContentsEvent):
    """Told by the API: a namespace has no properties any more."""

    name: ClassVar[str] = "metadef.properties.deleted"


class TagsDeleted(ContentsEvent):
    """Told by the API: a namespace has no tags any more."""

    name: ClassVar[str] = "metadef.tags.deleted"


class ObjectEvent(Event):
    """A fact about one object."""

    object: dict[str, Any] = Field(description="The object as the API shows it.")
    previous: dict[str, Any] = Field(default_factory=dict, description="What the members that changed were before.")


class ObjectCreated(ObjectEvent):
    """Told by the API: there is a new object in a namespace."""

    name: ClassVar[str] = "metadef.object.created"


class ObjectUpdated(ObjectEvent):
    """Told by the API: an object changed, or has another name."""

    name: ClassVar[str] = "metadef.object.updated"


class ObjectDeleted(ObjectEvent):
    """Told by the API: an object is gone."""

    name: ClassVar[str] = "metadef.object.deleted"


class PropertyEvent(Event):
    """A fact about one property of a namespace."""

    property: dict[str, Any] = Field(description="The property as the API shows it.")
    previous: dict[str, Any] = Field(default_factory=dict, description="What the members that changed were before.")


class PropertyCreated(PropertyEvent):
    """Told by the API: there is a new property in a namespace."""

    name: ClassVar[str] = "metadef.property.created"


class PropertyUpdated(PropertyEvent):
    """Told by the API: a property changed, or has another name."""

    name: ClassVar[str] = "metadef.property.updated"


class PropertyDeleted(PropertyEvent):
    """Told by the API: a property is gone."""

    name: ClassVar[str] = "metadef.property.deleted"


class AssociationEvent(Event):
    """A fact about one type of resource that a namespace is for."""

    association: dict[str, Any] = Field(description="The association as the API shows it.")
    previous: dict[str, Any] = Field(default_factory=dict, description="What the members that changed were before.")


class AssociationCreated(AssociationEvent):
    """Told by the API: a namespace is for one more type of resource."""

    name: ClassVar[str] = "metadef.association.created"


class AssociationUpdated(AssociationEvent):
    """Told by the API: a file says otherwise how a namespace is used for a type of resource; requests can not."""

    name: ClassVar[str] = "metadef.association.updated"


class AssociationDeleted(AssociationEvent):
    """Told by the API: a namespace is not for a type of resource any more."""

    name: ClassVar[str] = "metadef.association.deleted"


class TagEvent(Event):
    """A fact about one tag of a namespace."""

    tag: dict[str, Any] = Field(description="The tag as the API shows it.")
    previous: dict[str, Any] = Field(default_factory=dict, description="What the members that changed were before.")


class TagCreated(TagEvent):
    """Told by the API: there is a new tag in a namespace."""

    name: ClassVar[str] = "metadef.tag.created"


class TagUpdated(TagEvent):
    """Told by the API: a tag has another name, or was loaded again."""

    name: ClassVar[str] = "metadef.tag.updated"


class TagDeleted(TagEvent):
    """Told by the API: a tag is gone."""

    name: ClassVar[str] = "metadef.tag.deleted"
