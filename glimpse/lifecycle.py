"""Which status may follow which, and who may move an image: the one table."""

from enum import StrEnum

from glimpse.errors import IllegalMove
from schemas.vocabulary import Status


class Mover(StrEnum):
    """Who moves an image."""

    API = "api"
    IMPORTER = "importer"
    SCRUBBER = "scrubber"


MOVES: dict[tuple[Status, Status], frozenset[Mover]] = {
    # bytes arrive in the request
    (Status.QUEUED, Status.SAVING): frozenset({Mover.API}),
    (Status.SAVING, Status.ACTIVE): frozenset({Mover.API}),
    (Status.SAVING, Status.QUEUED): frozenset({Mover.API, Mover.SCRUBBER}),  # a broken or an abandoned upload
    # bytes are staged, then imported
    (Status.QUEUED, Status.UPLOADING): frozenset({Mover.API}),
    (Status.UPLOADING, Status.QUEUED): frozenset({Mover.API, Mover.SCRUBBER}),
    (Status.UPLOADING, Status.IMPORTING): frozenset({Mover.API}),
    (Status.QUEUED, Status.IMPORTING): frozenset({Mover.API, Mover.IMPORTER}),
    (Status.IMPORTING, Status.ACTIVE): frozenset({Mover.IMPORTER}),
    (Status.IMPORTING, Status.QUEUED): frozenset({Mover.IMPORTER, Mover.SCRUBBER}),
    # bytes are somewhere already
    (Status.QUEUED, Status.ACTIVE): frozenset({Mover.API, Mover.IMPORTER}),
    # taken out of use, and put back
    (Status.ACTIVE, Status.DEACTIVATED): frozenset({Mover.API}),
    (Status.DEACTIVATED, Status.ACTIVE): frozenset({Mover.API}),
    # deleted: with a stored copy it can be restored for a while, without one it is gone at once
    **{
        (live, Status.PENDING_DELETE): frozenset({Mover.API})
        for live in (
            Status.QUEUED,
            Status.SAVING,
            Status.UPLOADING,
            Status.IMPORTING,
            Status.ACTIVE,
            Status.DEACTIVATED,
        )
    },
    **{
        (live, Status.DELETED): frozenset({Mover.API})
        for live in (
            Status.QUEUED,
            Status.SAVING,
            Status.UPLOADING,
            Status.IMPORTING,
            Status.ACTIVE,
            Status.DEACTIVATED,
            Status.KILLED,
        )
    },
    (Status.PENDING_DELETE, Status.DELETED): frozenset({Mover.SCRUBBER}),
    # restored: back to what it was (IMG-716)
    **{
        (Status.PENDING_DELETE, before): frozenset({Mover.SCRUBBER})
        for before in (Status.ACTIVE, Status.DEACTIVATED, Status.QUEUED)
    },
}


def check(source: Status, target: Status, mover: Mover) -> None:
    """Raise IllegalMove unless `mover` may take an image from `source` to `target`."""
    if mover not in MOVES.get((source, target), frozenset()):
        raise IllegalMove(f"an image that is {source} can not become {target} by the {mover}")
