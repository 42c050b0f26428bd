"""What must hold once everything has come to rest, whatever was killed before: no byte, row or event is astray."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from glimpse.bus.groups import KAFKA, STATE
from tests.fixtures.kafka import read_all
from tests.fixtures.up import Glimpse


@dataclass(frozen=True)
class Topics:
    """Where in Kafka a Glimpse tells what happens."""

    bootstrap: str
    prefix: str = "glimpse"

    async def events(self) -> list[Any]:
        """Return every message, as somebody reads them who knows nothing of us."""
        return await read_all(self.bootstrap, f"{self.prefix}.image.events.v1")

    async def states(self) -> dict[str, Any]:
        """Return the image that Kafka knows last under each id; None for one that is gone."""
        messages = await read_all(self.bootstrap, f"{self.prefix}.image.state.v1")
        return {each.key.decode(): each.value and json.loads(each.value)["image"] for each in messages}


@dataclass
class Checker:
    """Looks at a Glimpse at rest."""

    glimpse: Glimpse
    kafka: Topics | None = None
    left: list[dict[str, Any]] = field(default_factory=list)
    """What moved last."""

    async def rest(self, seconds: float = 60) -> None:
        """Wait until nothing moves any more."""
        async with asyncio.timeout(seconds):
            while left := await self._moving():
                self.left = left
                await asyncio.sleep(0.05)  # between two looks; the time-out ends this

    async def in_order(self, seconds: float = 60) -> None:
        """Wait for rest, then look at everything."""
        try:
            await self.rest(seconds)
        except TimeoutError:
            raise AssertionError(f"still moving: {self.left}\n{self.glimpse.tail()}") from None
        await self._every_byte_has_its_row()
        await self._every_change_is_told_in_order()
        if self.kafka is not None:
            await self._kafka_has_heard_of_it(self.kafka)

    async def _moving(self) -> list[dict[str, Any]]:
        return await self.glimpse.query(
            """
            SELECT 'image' AS what, id, status FROM images
             WHERE status IN ('saving', 'importing', 'pending_delete')
            UNION ALL SELECT 'blob', store || ' ' || key, state FROM blobs WHERE state <> 'stored'
            UNION ALL SELECT 'task', id, status FROM tasks WHERE status IN ('pending', 'processing')
            UNION ALL SELECT 'event', subject, type FROM outbox
            UNION ALL SELECT 'mark', name, marks.pos::text
              FROM unnest($1::text[]) AS name LEFT JOIN marks ON marks.reader = name
             WHERE coalesce(marks.pos, 0) < (SELECT max(pos) FROM events)
            """,
            [] if self.kafka is None else [KAFKA, STATE],
        )

    async def _every_byte_has_its_row(self) -> None:
        rows = await self.glimpse.query("SELECT store, key, size FROM blobs")
        known = {(row["store"], row["key"]): row["size"] for row in rows}
        found = {
            (store, str(path.relative_to(root))): path.stat().st_size
            for store, root in self.glimpse.stores().items()
            for path in root.rglob("*")
            if path.is_file() and path.name != ".glimpse-store"
        }
        assert found == known, {"unknown": found.keys() - known.keys(), "missing": known.keys() - found.keys()}

    async def _every_change_is_told_in_order(self) -> None:
        told = await self.glimpse.query(
            """
            SELECT subject, array_agg(version ORDER BY pos) AS versions
              FROM events
             WHERE version IS NOT NULL
             GROUP BY subject
            """
        )
        versions = {row["subject"]: row["versions"] for row in told}
        for row in await self.glimpse.query("SELECT id, version FROM images"):
            assert versions[row["id"]] == list(range(1, row["version"] + 1)), row["id"]
        (dense,) = await self.glimpse.query(
            "SELECT count(*) AS number, min(pos) AS first, max(pos) AS last FROM events"
        )
        assert dense["number"] == dense["last"] - dense["first"] + 1

    async def _kafka_has_heard_of_it(self, kafka: Topics) -> None:
        """Everything that was committed and nothing else, repeats aside in order; and how each image is now."""
        log = await self.glimpse.query("SELECT id, pos, subject FROM events ORDER BY pos")
        messages = await kafka.events()
        assert {_id_and_position(each) for each in messages} == {(str(row["id"]), row["pos"]) for row in log}
        told: dict[str, list[int]] = defaultdict(list)
        for row in log:
            told[row["subject"]].append(row["pos"])
        assert heard(messages) == told
        states = await kafka.states()
        for row in await self.glimpse.query("SELECT id, status FROM images"):
            known = states.get(row["id"])
            assert (known["status"] if known else "deleted") == row["status"], row["id"]


def heard(messages: Iterable[Any]) -> dict[str, list[int]]:
    """Return the positions that a subscriber hears of each subject, who drops what is not higher in its partition."""
    found: dict[str, list[int]] = defaultdict(list)
    highest: dict[int, int] = defaultdict(int)
    for message in messages:
        _, pos = _id_and_position(message)
        if pos > highest[message.partition]:
            highest[message.partition] = pos
            found[message.key.decode()].append(pos)
    return found


def _id_and_position(message: Any) -> tuple[str, int]:
    headers = dict(message.headers)
    return headers["ce_id"].decode(), int(headers["ce_sequence"])
