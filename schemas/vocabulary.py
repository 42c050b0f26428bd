"""The closed sets of words that images, members and tasks are described with."""

from enum import StrEnum


class Status(StrEnum):
    """Where an image is in its life (IMG-210 to IMG-218)."""

    QUEUED = "queued"
    SAVING = "saving"
    UPLOADING = "uploading"
    IMPORTING = "importing"
    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    KILLED = "killed"
    PENDING_DELETE = "pending_delete"
    DELETED = "deleted"


GONE = frozenset({Status.PENDING_DELETE, Status.DELETED})
"""What no client ever sees (IMG-217, IMG-218)."""


class Visibility(StrEnum):
    """Who may see an image (IMG-156)."""

    PUBLIC = "public"
    COMMUNITY = "community"
    SHARED = "shared"
    PRIVATE = "private"


class MemberStatus(StrEnum):
    """What a project said to an image that was shared with it (IMG-520)."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class TaskStatus(StrEnum):
    """How far a piece of work is (IMG-585)."""

    PENDING = "pending"
    PROCESSING = "processing"
    SUCCESS = "success"
    FAILURE = "failure"


class TaskType(StrEnum):
    """The work that clients may see (IMG-725)."""

    IMPORT = "import"
    API_IMAGE_IMPORT = "api_image_import"
    LOCATION_IMPORT = "location_import"


class ImportMethod(StrEnum):
    """The ways in which bytes arrive by themselves (IMG-459)."""

    GLANCE_DIRECT = "glance-direct"
    WEB_DOWNLOAD = "web-download"
    COPY_IMAGE = "copy-image"
    GLANCE_DOWNLOAD = "glance-download"


DISK_FORMATS = ("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop")
"""The disk formats a deployment knows unless its settings say otherwise (IMG-21)."""

CONTAINER_FORMATS = ("ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed")
"""The container formats likewise (IMG-22)."""

STAGING = "os_glance_staging_store"
"""The reserved name of the store that staged bytes wait in; never listed (OP-55)."""
