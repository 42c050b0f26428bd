"""Statements on the projects that images are shared with."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from glimpse.database.pool import Reader, Transaction
from schemas.vocabulary import MemberStatus


@dataclass(frozen=True, slots=True)
class Member:
    """One row of `members`, with the columns' names."""

    image_id: str
    member: str
    status: MemberStatus
    created_at: datetime
    updated_at: datetime


async def list_of_image(reader: Reader, image_id: str, only: str | None) -> list[Member]:
    """Return the members of an image, oldest first; `only` one of them when it is given."""
    rows = await reader.fetch(
        """
        SELECT image_id, member, status, created_at, updated_at
          FROM members
         WHERE image_id = $1 AND ($2::text IS NULL OR member = $2)
         ORDER BY created_at, member
        """,
        image_id,
        only,
    )
    return [_member(row) for row in rows]


async def find(reader: Reader, image_id: str, member: str) -> Member | None:
    """Read one member, None when there is none."""
    row = await reader.fetchrow(
        """
        SELECT image_id, member, status, created_at, updated_at
          FROM members
         WHERE image_id = $1 AND member = $2
        """,
        image_id,
        member,
    )
    return row and _member(row)


async def count(reader: Reader, image_id: str) -> int:
    """Return how many members an image has."""
    number: int = await reader.fetchval("SELECT count(*) FROM members WHERE image_id = $1", image_id)
    return number


async def insert(tx: Transaction, image_id: str, member: str) -> Member | None:
    """Share an image with a project; None when it is already."""
    row = await tx.fetchrow(
        """
        WITH moment AS MATERIALIZED (
            SELECT clock_timestamp() AS now
        )
        INSERT INTO members (image_id, image_created_at, member, created_at, updated_at)
        SELECT images.id, images.created_at, $2, moment.now, moment.now
          FROM images, moment
         WHERE images.id = $1
            ON CONFLICT DO NOTHING
     RETURNING image_id, member, status, created_at, updated_at
        """,
        image_id,
        member,
    )
    return row and _member(row)


async def update(tx: Transaction, image_id: str, member: str, status: MemberStatus) -> Member:
    """Write down what a project says to an image."""
    row = await tx.fetchrow(
        """
        UPDATE members
           SET status = $3, updated_at = clock_timestamp()
         WHERE image_id = $1 AND member = $2
     RETURNING image_id, member, status, created_at, updated_at
        """,
        image_id,
        member,
        status,
    )
    return _member(row)


async def delete(tx: Transaction, image_id: str, member: str) -> Member | None:
    """Stop to share an image with a project; returns what is gone, None when nothing was there."""
    row = await tx.fetchrow(
        """
        DELETE FROM members
         WHERE image_id = $1 AND member = $2
     RETURNING image_id, member, status, created_at, updated_at
        """,
        image_id,
        member,
    )
    return row and _member(row)


def _member(row: Any) -> Member:
    return Member(**{**dict(row.items()), "status": MemberStatus(row["status"])})


async def delete_all(tx: Transaction, image_id: str) -> None:
    """Share an image with nobody any more."""
    await tx.execute("DELETE FROM members WHERE image_id = $1", image_id)
