"""What clients can learn about images, members and tasks: JSON Schemas of what they send and see (section 26).

Clients decide by these which names are fields of every image, and which of them may be set.
"""

from typing import Any

from schemas.images import LONGEST, STATUSES, UUID, VISIBILITIES, ImageFields
from schemas.vocabulary import MemberStatus, TaskStatus, TaskType

Schema = dict[str, Any]


def image(fields: ImageFields) -> Schema:
    """Describe an image as a deployment has it (IMG-592)."""
    defined = {name: {**schema, "is_base": False} for name, schema in fields.defined.items()}
    return {
        "name": "image",
        "properties": {**defined, **_image(fields)},
        "additionalProperties": {"type": "string"},
        "links": [_link("self"), _link("enclosure", "file"), _link("describedby", "schema")],
    }


def images(fields: ImageFields) -> Schema:
    """Describe a page of images (IMG-593)."""
    return {
        "name": "images",
        "properties": {
            "images": {"type": "array", "items": image(fields)},
            "first": {"type": "string"},
            "next": {"type": "string"},
            "schema": {"type": "string"},
        },
        "links": [_link("first"), _link("next"), _link("describedby", "schema")],
    }


def member() -> Schema:
    """Describe a project that an image is shared with (IMG-594)."""
    return {
        "name": "member",
        "properties": {
            "member_id": _text("The project that the image is shared with."),
            "image_id": _text("The image.", pattern=UUID),
            "created_at": _text("When it was shared."),
            "updated_at": _text("When that changed last."),
            "status": _text("What the project says to it.", enum=list(MemberStatus)),
            "schema": _read_only("Where this schema is."),
        },
    }


def members() -> Schema:
    """Describe all of them (IMG-595)."""
    return _list_of("members", member())


def task() -> Schema:
    """Describe a piece of work (IMG-596)."""
    return {
        "name": "task",
        "properties": {
            **_task(),
            "input": {"type": ["null", "object"], "description": "What it was given."},
            "result": {"type": ["null", "object"], "description": "What came of it."},
            "message": _text("What there is to say about it."),
        },
    }


def tasks() -> Schema:
    """Describe a page of tasks, which says less of each (IMG-597)."""
    return _list_of("tasks", {"name": "task", "properties": _task()})


def _image(fields: ImageFields) -> Schema:
    """Describe the fields that every image has (IMG-599 to IMG-610)."""
    return {
        "id": _text("What the image is called by programs.", pattern=UUID),
        "name": _text_or_null("What the image is called by people.", LONGEST),
        "status": _read_only("Where the image is in its life.", enum=list(STATUSES)),
        "visibility": _text("Who may see the image.", enum=list(VISIBILITIES)),
        "protected": {"type": "boolean", "description": "Whether the image is safe from being deleted."},
        "os_hidden": {"type": "boolean", "description": "Whether the image is left out of lists."},
        "checksum": _digest("The MD5 of the bytes; verify with os_hash_value instead.", 32),
        "os_hash_algo": _digest("What os_hash_value is made with.", 64),
        "os_hash_value": _digest("The digest of the bytes, in hex.", 128),
        "owner": _text_or_null("The project that the image belongs to.", LONGEST),
        "size": _count("How many bytes there are."),
        "virtual_size": _count("How many bytes a disk has for its guest."),
        "container_format": _one_of("What the disk is wrapped in.", fields.container_formats),
        "disk_format": _one_of("How the disk is written.", fields.disk_formats),
        "created_at": _read_only("When the image was made."),
        "updated_at": _read_only("When it was changed last."),
        "tags": {
            "type": "array",
            "items": {"type": "string", "maxLength": LONGEST},
            "description": "Words that the image can be found by.",
        },
        "direct_url": _read_only("Where the bytes are, in the words of their store."),
        "min_ram": {"type": "integer", "description": "MB of memory that a server needs to boot it."},
        "min_disk": {"type": "integer", "description": "GB of disk that a server needs to boot it."},
        "self": _read_only("Where the image is."),
        "file": _read_only("Where its bytes are."),
        "stores": _read_only("The stores that have its bytes, joined by commas."),
        "schema": _read_only("Where this schema is."),
        "locations": _locations(),
    }


def _locations() -> Schema:
    validation: Schema = {
        "type": "object",
        "writeOnly": True,
        "additionalProperties": False,
        "description": "What the bytes are known to hash to.",
        "properties": {
            "checksum": {"type": "string", "minLength": 32, "maxLength": 32},
            "os_hash_algo": {"type": "string", "maxLength": 64},
            "os_hash_value": {"type": "string", "maxLength": 128},
        },
        "required": ["os_hash_algo", "os_hash_value"],
    }
    location: Schema = {
        "type": "object",
        "properties": {
            "url": {"type": "string", "maxLength": LONGEST},
            "metadata": {"type": "object"},
            "validation_data": validation,
        },
        "required": ["url", "metadata"],
    }
    return {"type": "array", "items": location, "description": "Every place where the bytes are, and what it is like."}


def _task() -> Schema:
    """Describe what lists say of a task, too."""
    return {
        "id": _text("What the task is called.", pattern=UUID),
        "type": _text("What kind of work it is.", enum=list(TaskType)),
        "status": _text("How far it is.", enum=list(TaskStatus)),
        "owner": _text("The project that asked for it."),
        "expires_at": {"type": ["null", "string"], "description": "Until when it is shown, once it has ended."},
        "created_at": _text("When it was asked for."),
        "updated_at": _text("When it was heard of last."),
        "image_id": _text("The image that it works on."),
        "request_id": _text("The request that asked for it."),
        "user_id": _text("Who asked for it."),
        "self": _read_only("Where the task is."),
        "schema": _read_only("Where this schema is."),
    }


def _list_of(name: str, item: Schema) -> Schema:
    return {
        "name": name,
        "properties": {name: {"type": "array", "items": item}, "schema": {"type": "string"}},
        "links": [_link("describedby", "schema")],
    }


def _link(rel: str, member: str | None = None) -> Schema:
    return {"rel": rel, "href": f"{{{member or rel}}}"}


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def _read_only(description: str, **more: Any) -> Schema:
    return _text(description, readOnly=True, **more)


def _text_or_null(description: str, longest: int) -> Schema:
    return {"type": ["null", "string"], "maxLength": longest, "description": description}


def _digest(description: str, longest: int) -> Schema:
    return {**_text_or_null(description, longest), "readOnly": True}


def _count(description: str) -> Schema:
    return {"type": ["null", "integer"], "readOnly": True, "description": description}


def _one_of(description: str, words: Any) -> Schema:
    return {"type": ["null", "string"], "enum": [None, *words], "description": description}
