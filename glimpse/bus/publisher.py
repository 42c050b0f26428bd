"""The publisher: whoever leads sends every event of the log to Kafka, in the order of positions, and then moves a mark.

The mark is that of a group of its own, so that the log is kept until Kafka has it. It moves when all of a round is
acknowledged, under a lease: who dies in between leaves it to the next leader to send that round again, with the same
ids and positions. Kafka may be away for as long as it likes.

The lease lasts longer than anything may be on its way, and a round is sent only while it is ours for so long. So
whoever takes it from a leader that died begins when nothing of that one can arrive any more.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from glimpse import settings
from glimpse.bus import leases, log, marks, positions, records
from glimpse.bus.envelope import Envelope
from glimpse.bus.groups import KAFKA, STATE
from glimpse.bus.leases import Holder, Lease
from glimpse.bus.producer import Batches, Producer
from glimpse.bus.records import Record, State
from glimpse.database import images
from glimpse.database.pool import Database, Reader
from glimpse.errors import Fenced, Unavailable
from glimpse.image import document

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Survey:
    """How far Kafka was told of every image there is, by somebody who began when the log ended at `since`."""

    since: int
    after: str = ""


class Publisher:
    """One who publishes whenever they lead."""

    def __init__(self, database: Database, bus: settings.Bus, leads: Callable[[], bool]) -> None:
        self._database = database
        self._bus = bus
        self._leads = leads
        lease, self._patience = settings.seconds(bus.lease_seconds), settings.seconds(bus.kafka_request_timeout_seconds)
        self._holder = Holder(database, log.lease_of(KAFKA), lease + self._patience, renew_after=lease / 3)
        self._lease: Lease | None = None
        self._producer: Producer | None = None
        self._survey: Survey | None = None
        self._in_doubt_until = float("-inf")

    async def run_once(self) -> int:
        """Publish what Kafka has not, if we lead; returns how much that was. Raises Unavailable."""
        lease = await self._holder.lease() if self._leads() else None
        if lease is None:  # another leads, or what another sent may still be on its way
            await self.give_back()
            return 0
        try:
            if lease != self._lease:
                await self._begin(lease)
            return await self._publish(lease)
        except Fenced:
            self._holder.lost(lease)
            await self._drop_producer()
            return 0
        except BaseException:
            await asyncio.shield(self._drop_producer())
            raise

    async def give_back(self) -> None:
        """Let another publish at once: nothing of ours is on its way."""
        await self._drop_producer()
        await self._holder.give_back()

    async def _begin(self, lease: Lease) -> None:
        async with self._database.transaction() as tx:
            await leases.hold(tx, lease, settings.seconds(self._bus.lease_seconds))
            await marks.insert(tx, KAFKA)
        self._lease, self._survey = lease, None

    async def _publish(self, lease: Lease) -> int:
        producer = await self._open_producer()
        async with self._database.reading() as reader:
            known = await _find_marks(reader)
            waiting = await log.list_from(reader, known.kafka + 1, self._bus.batch)
        if known.state is None and self._survey is None:
            self._survey = await self._begin_survey()
        done = 0
        while done < len(waiting):
            done += await self._send_round(lease, producer, waiting[done:], known)
        if known.state is None and self._survey:
            done += await self._send_images(lease, producer, self._survey)
        return done

    async def _send_round(self, lease: Lease, producer: Producer, waiting: Sequence[Envelope], known: "_Marks") -> int:
        """Send as many events as one round has room for, and how their images are then; returns how many events."""
        round_, state, latest = producer.events(), producer.state(), dict[str, State]()
        told_until = known.state if self._survey is None else self._survey.since
        count = 0
        for told in waiting:
            record, after = self._written(told, producer.limit)
            if not round_.add(record):
                break
            count += 1
            # What is gone is in no survey, though one that was broken off may have told of it.
            if after and (after.is_gone or told_until is None or told.pos > told_until):
                latest[told.subject] = after
        for image_id, after in latest.items():
            state.add_anyway(records.of_state(image_id, after, self._bus, producer.limit))
        await self._send(lease, producer, round_, state)
        async with self._database.transaction() as tx:
            await leases.hold(tx, lease, settings.seconds(self._bus.lease_seconds))
            await marks.move(tx, KAFKA, marks.LOG, waiting[count - 1].pos)
            await marks.advance(tx, STATE, waiting[count - 1].pos)
        return count

    def _written(self, told: Envelope, limit: int) -> tuple[Record, State | None]:
        """Return an event as Kafka gets it, and how its image is then. Raises Unavailable.

        One that can not be written holds up all that follow, and says so again and again; requests go on.
        """
        try:
            return records.of_event(told, self._bus, limit), records.state_after(told)
        except Exception as error:
            raise Unavailable(f"event {told.pos} can not be written for Kafka: {error!r}") from error

    async def _begin_survey(self) -> Survey:
        async with self._database.reading() as reader:
            since = await positions.find(reader)
        logger.info("telling Kafka of every image", since=since)
        return Survey(since)

    async def _send_images(self, lease: Lease, producer: Producer, survey: Survey) -> int:
        """Send how some more images are now; returns how many. After the last one Kafka knows all of them."""
        async with self._database.reading() as reader:
            found = await images.list_after(reader, survey.after, self._bus.batch)
        if not found:
            await self._end_survey(lease, survey)
            return 0
        state = producer.state()
        for image in found:
            now = State(document(image), image.version, survey.since, image.updated_at)
            state.add_anyway(records.of_state(image.id, now, self._bus, producer.limit))
        await self._send(lease, producer, state)
        self._survey = Survey(survey.since, found[-1].id)
        return len(found)

    async def _end_survey(self, lease: Lease, survey: Survey) -> None:
        async with self._database.transaction() as tx:
            await leases.hold(tx, lease, settings.seconds(self._bus.lease_seconds))
            published = await marks.find(tx, KAFKA, marks.LOG) or 0
            await marks.move(tx, STATE, marks.LOG, max(survey.since, published))
        self._survey = None
        logger.info("Kafka knows every image")

    async def _send(self, lease: Lease, producer: Producer, *rounds: Batches) -> None:
        if await self._holder.lease() != lease or not self._holder.is_sure_for(self._patience):
            raise Fenced("the lease may be another's before this has arrived")
        try:
            await producer.send(rounds)
        except Unavailable as error:
            if isinstance(error.__cause__, TimeoutError):  # it may arrive yet, and must not behind what comes after it
                self._in_doubt_until = time.monotonic() + self._patience.total_seconds()
            raise

    async def _open_producer(self) -> Producer:
        if self._producer is None:
            if time.monotonic() < self._in_doubt_until:
                raise Unavailable("Kafka did not answer in time; what it was sent may still arrive")
            self._producer = await Producer.open(self._bus)
            logger.info("connected to Kafka", bootstrap=self._bus.kafka_bootstrap)
        return self._producer

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.abandon()


@dataclass(frozen=True, slots=True)
class _Marks:
    kafka: int
    state: int | None
    """None while Kafka has not been told of every image."""


async def _find_marks(reader: Reader) -> _Marks:
    row = await reader.fetchrow(
        """
        SELECT max(pos) FILTER (WHERE reader = $1) AS kafka, max(pos) FILTER (WHERE reader = $2) AS state
          FROM marks
         WHERE reader IN ($1, $2) AND partition = $3
        """,
        KAFKA,
        STATE,
        marks.LOG,
    )
    return _Marks(row["kafka"] or 0, row["state"])
