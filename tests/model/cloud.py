"""A small model of the contract: what the Images API must answer to a few projects and an administrator.

It knows no HTTP, no database and no code of the service; it is read beside docs/contract/images.md and access.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

OPEN = ("public", "community")
READ_ONLY = frozenset({"status", "size", "checksum", "created_at"})
BASE = frozenset({"name", "visibility", "protected", "os_hidden", "disk_format", "container_format", "min_ram", "tags"})


@dataclass(frozen=True)
class Caller:
    """Somebody who asks."""

    project: str
    roles: frozenset[str]

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles

    @property
    def may_write(self) -> bool:
        return bool({"admin", "member"} & self.roles)


@dataclass
class Image:
    """An image, as far as the model goes."""

    id: str
    owner: str
    name: str | None = None
    status: str = "queued"
    visibility: str = "shared"
    protected: bool = False
    os_hidden: bool = False
    disk_format: str | None = None
    container_format: str | None = None
    min_ram: int = 0
    tags: set[str] = field(default_factory=set)
    properties: dict[str, str] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None

    def document(self) -> dict[str, Any]:
        """Return what a show must hold of it; tags as a set."""
        return {
            **self.properties,
            "id": self.id,
            "owner": self.owner,
            "name": self.name,
            "status": self.status,
            "visibility": self.visibility,
            "protected": self.protected,
            "os_hidden": self.os_hidden,
            "disk_format": self.disk_format,
            "container_format": self.container_format,
            "min_ram": self.min_ram,
            "tags": self.tags,
            "size": None if self.content is None else len(self.content),
        }


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


Operation = tuple[str, str, Any]
"""What a PATCH asks: op, name, value."""


@dataclass
class Cloud:
    """Every image there is, and the ids there ever were."""

    images: dict[str, Image] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def create(self, caller: Caller, asked: dict[str, Any]) -> Image:
        """IMG-253 to IMG-269."""
        wanted = dict(asked)
        if not caller.may_write or (not caller.is_admin and wanted.get("visibility") == "public"):  # IMG-149, IMG-260
            raise Refusal(403)
        if not caller.is_admin and wanted.get("owner", caller.project) != caller.project:  # IMG-259
            raise Refusal(403)
        if wanted["id"] in self.used:  # IMG-257, IMG-258
            raise Refusal(409)
        given = {name: wanted.pop(name) for name in BASE | {"id", "owner"} if name in wanted}
        given["tags"] = set(given.get("tags", ()))
        image = Image(**{"owner": caller.project, **given}, properties=wanted)
        self.images[image.id] = image
        self.used.add(image.id)
        return image

    def show(self, caller: Caller, image_id: str) -> Image:
        """IMG-110, IMG-111, IMG-116."""
        image = self.images.get(image_id)
        if image is None or not self.sees(caller, image):
            raise Refusal(404)
        return image

    def sees(self, caller: Caller, image: Image) -> bool:
        """IMG-110."""
        return (
            caller.is_admin
            or image.visibility in OPEN
            or image.owner == caller.project
            or (image.visibility == "shared" and caller.project in image.members)
        )

    def list_images(self, caller: Caller, asked: dict[str, str]) -> list[str]:
        """IMG-281 to IMG-286: newest first."""
        found = [image.id for image in self.images.values() if self._is_listed(caller, image, asked)]
        return found[::-1]

    def _is_listed(self, caller: Caller, image: Image, asked: dict[str, str]) -> bool:
        visibility = asked.get("visibility")
        if visibility not in (None, "all", image.visibility) or image.os_hidden != (asked.get("os_hidden") == "true"):
            return False
        if asked.get("name", image.name) != image.name or asked.get("status", image.status) != image.status:
            return False
        if "tag" in asked and asked["tag"] not in image.tags:
            return False
        if "color" in asked and image.properties.get("color") != asked["color"]:
            return False
        if caller.is_admin:
            return image.visibility != "community" or visibility is not None or image.owner == caller.project
        if image.owner == caller.project or image.visibility == "public":
            return True
        if image.visibility == "community":
            return visibility is not None
        status, wanted = image.members.get(caller.project), asked.get("member_status", "accepted")
        return image.visibility == "shared" and status is not None and wanted in ("all", status)

    def patch(self, caller: Caller, image_id: str, operations: list[Operation]) -> Image:
        """IMG-324 to IMG-351; all of it or nothing (IMG-322)."""
        if any(name in READ_ONLY for _, name, _ in operations):  # IMG-346, before the image is looked for
            raise Refusal(403)
        image = self.show(caller, image_id)
        changed = Image(**{**vars(image), "tags": set(image.tags), "properties": dict(image.properties)})
        for operation in operations:
            self._writable(caller, image)  # IMG-325; an empty list checks nothing (IMG-147)
            _apply(caller, changed, operation)
        self.images[image_id] = changed
        return changed

    def delete(self, caller: Caller, image_id: str) -> None:
        """IMG-373 to IMG-383."""
        if self._writable(caller, self.show(caller, image_id)).protected:
            raise Refusal(403)
        del self.images[image_id]

    def upload(self, caller: Caller, image_id: str, content: bytes) -> None:
        """IMG-391 to IMG-403."""
        image = self._writable(caller, self.show(caller, image_id))
        if image.status != "queued":
            raise Refusal(409)
        if image.disk_format is None or image.container_format is None:
            raise Refusal(400)
        image.status, image.content = "active", content

    def download(self, caller: Caller, image_id: str) -> bytes | None:
        """IMG-419, IMG-420, IMG-440 to IMG-442."""
        image = self.show(caller, image_id)
        if not caller.may_write or (image.status == "deactivated" and not caller.is_admin):
            raise Refusal(403)
        return image.content

    def set_active(self, caller: Caller, image_id: str, status: str) -> None:
        """IMG-384 to IMG-387."""
        image = self._writable(caller, self.show(caller, image_id))
        if image.status not in ("active", "deactivated"):
            raise Refusal(403)
        image.status = status

    def tag(self, caller: Caller, image_id: str, tag: str) -> None:
        """IMG-509, IMG-515, IMG-516."""
        self._writable(caller, self.show(caller, image_id)).tags.add(tag)

    def untag(self, caller: Caller, image_id: str, tag: str) -> None:
        """IMG-514."""
        image = self._writable(caller, self.show(caller, image_id))
        if tag not in image.tags:
            raise Refusal(404)
        image.tags.remove(tag)

    def add_member(self, caller: Caller, image_id: str, project: str) -> dict[str, str]:
        """IMG-531 to IMG-537, the column of POST."""
        image = self._writable(caller, self._shared(caller, image_id, 403))
        if project in image.members:
            raise Refusal(409)
        image.members[project] = "pending"
        return {"member_id": project, "status": "pending"}

    def list_members(self, caller: Caller, image_id: str) -> dict[str, str]:
        """IMG-527, IMG-531 to IMG-535."""
        image = self._shared(caller, image_id, 403)
        if caller.is_admin or image.owner == caller.project:
            return dict(image.members)
        return {caller.project: image.members[caller.project]}

    def show_member(self, caller: Caller, image_id: str, project: str) -> dict[str, str]:
        """IMG-531 to IMG-536, the column of GET one."""
        image = self._shared(caller, image_id, 404)
        if project not in image.members or not (caller.is_admin or caller.project in (image.owner, project)):
            raise Refusal(404)
        return {"member_id": project, "status": image.members[project]}

    def answer(self, caller: Caller, image_id: str, project: str, status: str) -> dict[str, str]:
        """IMG-531 to IMG-536, IMG-543: the column of PUT. An owner that shares with itself is no member (AC-3)."""
        image = self._shared(caller, image_id, 403)
        if project not in image.members or not (caller.is_admin or caller.project in (image.owner, project)):
            raise Refusal(404)
        is_member = caller.project == project != image.owner
        if not caller.is_admin and not (is_member and caller.may_write):
            raise Refusal(403)
        image.members[project] = status
        return {"member_id": project, "status": status}

    def remove_member(self, caller: Caller, image_id: str, project: str) -> None:
        """IMG-530 to IMG-536, the column of DELETE."""
        image = self._writable(caller, self._shared(caller, image_id, 403))
        if project not in image.members:
            raise Refusal(404)
        del image.members[project]

    def _writable(self, caller: Caller, image: Image) -> Image:
        """IMG-118, IMG-141: seen, but may not be changed by this caller, is 403."""
        if not caller.is_admin and not (caller.may_write and image.owner == caller.project):
            raise Refusal(403)
        return image

    def _shared(self, caller: Caller, image_id: str, otherwise: int) -> Image:
        """IMG-521, IMG-532."""
        image = self.show(caller, image_id)
        if image.visibility != "shared":
            raise Refusal(otherwise)
        return image


def _apply(caller: Caller, image: Image, operation: Operation) -> None:
    """IMG-335 to IMG-342, IMG-350."""
    op, name, value = operation
    if name == "owner" and not caller.is_admin:  # IMG-341
        raise Refusal(403)
    if name == "visibility" and value == "public" and not caller.is_admin:  # IMG-342
        raise Refusal(403)
    if name in ("disk_format", "container_format") and image.status != "queued":  # IMG-350
        raise Refusal(403)
    if name in BASE or name == "owner":
        setattr(image, name, set(value) if name == "tags" else value)
    elif op == "add":
        image.properties[name] = value
    elif name not in image.properties:
        raise Refusal(409)
    elif op == "replace":
        image.properties[name] = value
    else:
        del image.properties[name]


def outcome(ask: Callable[[], Any]) -> tuple[int | None, Any]:
    """Return the status of a refusal and nothing, or no status and what came of it."""
    try:
        return None, ask()
    except Refusal as refusal:
        return refusal.status, None
