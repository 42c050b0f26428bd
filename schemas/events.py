"""Everything that is told: one class for each fact, with who tells it and who listens."""

from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

TYPE_PREFIX = "io.glimpse."
SCHEMA_PREFIX = "urn:glimpse:schema:"
"""With a type behind it, the `$id` of its JSON Schema, and what an envelope names as `dataschema`."""


class Event(BaseModel):
    """A fact. `name` is its dotted name; on the wire its type is `io.glimpse.<name>.v<major>`."""

    model_config = ConfigDict(frozen=True)

    name: ClassVar[str]
    major: ClassVar[int] = 1
    subject: str = Field(exclude=True, description="What it is about; also what events are kept in order by.")
    version: int | None = Field(
        default=None,
        exclude=True,
        description="The image's version after the change; none for facts that change nothing.",
    )

    @classmethod
    def type(cls) -> str:
        """Return the CloudEvents type."""
        return f"{TYPE_PREFIX}{cls.name}.v{cls.major}"


class ImageEvent(Event):
    """A fact about one image."""

    image: dict[str, Any] = Field(description="The image as the API shows it after the change, without locations.")
    previous: dict[str, Any] = Field(default_factory=dict, description="What the members that changed were before.")


class ImageCreated(ImageEvent):
    """Told by the API: there is a new, empty image."""

    name: ClassVar[str] = "image.created"


class ImageUpdated(ImageEvent):
    """Told by the API: metadata of an image changed, tags included."""

    name: ClassVar[str] = "image.updated"


class UploadStarted(ImageEvent):
    """Told by the API: bytes began to arrive."""

    name: ClassVar[str] = "image.upload.started"


class ImageUploaded(ImageEvent):
    """Told by the API: the bytes of an upload are stored."""

    name: ClassVar[str] = "image.uploaded"


class UploadFailed(ImageEvent):
    """Told by the API, or by the scrubber when the API died: the image is empty again."""

    name: ClassVar[str] = "image.upload.failed"
    reason: str


class StageStarted(ImageEvent):
    """Told by the API: bytes began to arrive in staging."""

    name: ClassVar[str] = "image.stage.started"


class ImageStaged(ImageEvent):
    """Told by the API: staged bytes wait for their import."""

    name: ClassVar[str] = "image.staged"


class StageFailed(ImageEvent):
    """Told by the API, or by the scrubber when the API died: nothing is staged."""

    name: ClassVar[str] = "image.stage.failed"
    reason: str


class ImportRequested(ImageEvent):
    """Told by the API; wakes the importer."""

    name: ClassVar[str] = "image.import.requested"
    task_id: str
    method: str
    stores: list[str]


class ImportProgressed(Event):
    """Told by the importer, now and then: how far a task is. Changes nothing, so it carries no version."""

    name: ClassVar[str] = "image.import.progressed"
    task_id: str
    phase: str
    bytes_done: int
    bytes_total: int | None = None


class ImportFailed(ImageEvent):
    """Told by the importer, or by the scrubber when nobody works on it any more: why there are no bytes."""

    name: ClassVar[str] = "image.import.failed"
    task_id: str | None
    code: str
    reason: str


class ImageActivated(ImageEvent):
    """Told by whoever stored the bytes: they can be had."""

    name: ClassVar[str] = "image.activated"


class ImageDeactivated(ImageEvent):
    """Told by the API: only administrators can have the bytes."""

    name: ClassVar[str] = "image.deactivated"


class ImageReactivated(ImageEvent):
    """Told by the API: everybody who may can have the bytes again."""

    name: ClassVar[str] = "image.reactivated"


class ImageDeleted(ImageEvent):
    """Told by the API; wakes the scrubber. Its bytes stay until `purge_after`; none when nothing is left to purge."""

    name: ClassVar[str] = "image.deleted"
    purge_after: datetime | None = None


class RestoreRequested(ImageEvent):
    """Told by the API or the command line; wakes the scrubber. No purge can take the image any more."""

    name: ClassVar[str] = "image.restore.requested"


class ImageRestored(ImageEvent):
    """Told by the scrubber: the image is what it was before it was deleted."""

    name: ClassVar[str] = "image.restored"


class RestoreFailed(ImageEvent):
    """Told by the scrubber: why an image could not come back."""

    name: ClassVar[str] = "image.restore.failed"
    reason: str


class ImagePurged(ImageEvent):
    """Told by the scrubber: the bytes are gone for good."""

    name: ClassVar[str] = "image.purged"


class MemberEvent(Event):
    """A fact about one project that an image is shared with."""

    member: dict[str, Any] = Field(description="The member as the API shows it.")
    previous: dict[str, Any] = Field(default_factory=dict, description="What the members that changed were before.")


class MemberCreated(MemberEvent):
    """Told by the API: an image was shared with a project."""

    name: ClassVar[str] = "image.member.created"


class MemberUpdated(MemberEvent):
    """Told by the API: a project accepted or rejected an image."""

    name: ClassVar[str] = "image.member.updated"


class MemberDeleted(MemberEvent):
    """Told by the API: an image is not shared with a project any more."""

    name: ClassVar[str] = "image.member.deleted"


class QuotaExceeded(Event):
    """Told by the API or the importer: somebody asked for more than a project may have. The subject is the project."""

    name: ClassVar[str] = "quota.exceeded"
    resource: str = Field(
        description="What there may not be more of: `user_storage_quota`, `image_size_total`, `image_stage_total`, "
        "`image_count_total` or `image_count_uploading`."
    )
    limit: int = Field(description="How much of it: bytes, or images.")
    reason: str = Field(description="What was answered.")


class ImageHashed(ImageEvent):
    """Told by the importer: bytes were hashed that were not, or with another algorithm."""

    name: ClassVar[str] = "image.hashed"


class CorruptionDetected(Event):
    """Told by the importer: a copy is not what is recorded of it. Nothing was changed; other copies may be whole."""

    name: ClassVar[str] = "image.corruption.detected"
    store: str = Field(description="The store that holds the copy.")
    reason: str


class ImageState(BaseModel):
    """No fact, but what facts have led to: an image as it is now. The last one of an image is kept for ever."""

    model_config = ConfigDict(frozen=True)

    image: dict[str, Any] = Field(description="The image as the API shows it, without locations.")

    @classmethod
    def type(cls) -> str:
        """Return the CloudEvents type."""
        return f"{TYPE_PREFIX}image.state.v1"


def every_event() -> list[type[Event]]:
    """Return every fact there is, by name."""
    from schemas import metadef_events  # noqa: F401  # a page of its own, which builds on this one

    found: list[type[Event]] = []
    waiting = [Event]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if "name" in kind.__dict__:
                found.append(kind)
    return sorted(found, key=lambda kind: kind.name)
