"""`glimpse events ...`: what happened, who has heard of it, and what could not be handled."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table

from glimpse import process
from glimpse.bus import dead_letters, envelope, groups, log, marks
from glimpse.bus import replay as replaying
from glimpse.bus.envelope import Envelope
from glimpse.bus.groups import Group
from glimpse.commands import settled, tables
from glimpse.database import migrate
from glimpse.database.pool import Database
from glimpse.errors import Invalid, NotFound, Unavailable
from glimpse.image import timestamp
from glimpse.settings import Bus, Settings
from schemas.events import TYPE_PREFIX

app = typer.Typer(help="What happened, and who has heard of it.", no_args_is_help=True)
dlq = typer.Typer(help="Events that a group of readers could not handle.", no_args_is_help=True)
app.add_typer(dlq, name="dlq")

AsJson = Annotated[bool, typer.Option("--json", help="One CloudEvent on each line.")]
Ids = Annotated[list[int], typer.Argument(help="As `glimpse events dlq list` shows them.")]


@app.command()
def tail(
    since: Annotated[int | None, typer.Option("--from", min=1, help="Begin with this position.")] = None,
    image: Annotated[str | None, typer.Option(help="Only what is about this image.")] = None,
    as_json: AsJson = False,
    follow: Annotated[bool, typer.Option(help="Go on with what happens from now on, until Ctrl-C.")] = True,
    config: settled.Config = None,
    overrides: settled.Overrides = None,
) -> None:
    """Show every event that is kept, oldest first, and then each new one."""

    async def story(settings: Settings, database: Database) -> None:
        stop = asyncio.Event()
        process.stop_on_signals(stop)
        write = _json_line if as_json else _line
        pos = await _first(database, since)
        while not stop.is_set():
            found = await _read(database, image, pos, settings.bus.batch)
            for told in found:
                print(write(told, settings.bus.deployment))
                pos = told.pos + 1
            sys.stdout.flush()
            if len(found) < settings.bus.batch:
                if not follow:
                    return
                await process.pause(stop, timedelta(seconds=settings.bus.idle_seconds))

    _run(config, overrides, story)


@app.command()
def replay(
    since: Annotated[int | None, typer.Option("--from", min=1, help="Begin with this position.")] = None,
    until: Annotated[int | None, typer.Option("--until", min=1, help="End with this position.")] = None,
    image: Annotated[str | None, typer.Option(help="Only what is about this image.")] = None,
    topic: Annotated[str | None, typer.Option(help="Tell it to this topic of Kafka, which is made.")] = None,
    config: settled.Config = None,
    overrides: settled.Overrides = None,
) -> None:
    """Tell kept events once more, with their ids and positions: one CloudEvent on each line, or to a topic."""

    async def story(settings: Settings, database: Database) -> None:
        part = replaying.Part(await _first(database, since), until, image)
        if topic is not None:
            if not settings.bus.kafka_bootstrap:
                raise Invalid("there is no Kafka: bus.kafka_bootstrap is not set")
            print(f"{await replaying.to_topic(database, settings.bus, part, topic)} told to {topic}")
            return
        async for page in replaying.pages(database, part, settings.bus.batch):
            for told in page:
                print(_json_line(told, settings.bus.deployment))
        sys.stdout.flush()

    _run(config, overrides, story)


@app.command("groups")
def list_groups(config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Show each group of readers, and how far it is."""

    async def story(settings: Settings, database: Database) -> None:
        async with database.reading() as reader:
            found = await groups.list_groups(reader)
        if settings.bus.kafka_bootstrap:
            found = await _as_kafka_sees_it(settings.bus, found)
        table = Table("group", "partition", "position", "behind", "dead letters", "moved", "read by")
        for group in found:
            table.add_row(
                _printable(group.reader),
                "log" if group.partition == marks.LOG else str(group.partition),
                str(group.pos),
                "" if group.behind is None else str(group.behind),
                str(group.dead_letters),
                timestamp(group.moved_at),
                group.owner or ("nobody" if group.partition == marks.LOG else ""),
            )
        tables.show(table)

    _run(config, overrides, story)


@app.command()
def forget(group: str, config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Keep no events for a group any more that nobody will ever read for again."""

    async def story(_settings: Settings, database: Database) -> None:
        await groups.forget(database, group)
        print(f"forgot {group}")

    _run(config, overrides, story)


@dlq.command("list")
def list_dead_letters(
    group: Annotated[str | None, typer.Argument(help="Only what this group put aside.")] = None,
    as_json: AsJson = False,
    config: settled.Config = None,
    overrides: settled.Overrides = None,
) -> None:
    """Show what was put aside, and why."""

    async def story(_settings: Settings, database: Database) -> None:
        async with database.reading() as reader:
            found = await dead_letters.list_of(reader, group)
        if as_json:
            for letter in found:
                print(letter.message.decode())
            return
        table = Table("id", "group", "position", "type", "subject", "put aside", "reason")
        for letter in found:
            reason = ("to be tried again; " if letter.retry else "") + letter.reason
            cells = (letter.reader, str(letter.pos), _short(letter.type), letter.subject, timestamp(letter.buried_at))
            table.add_row(str(letter.id), *(_printable(cell) for cell in (*cells, reason)))
        tables.show(table)

    _run(config, overrides, story)


@dlq.command()
def retry(ids: Ids, config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Have its group try an event again."""

    async def story(_settings: Settings, database: Database) -> None:
        async with database.transaction() as tx:
            _all_found(ids, await dead_letters.mark_retry(tx, ids))
        print(f"{len(ids)} to be tried again")

    _run(config, overrides, story)


@dlq.command()
def drop(ids: Ids, config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Drop what was put aside, for good."""

    async def story(_settings: Settings, database: Database) -> None:
        async with database.transaction() as tx:
            _all_found(ids, await dead_letters.delete(tx, ids))
        print(f"{len(ids)} dropped")

    _run(config, overrides, story)


@dlq.command()
def unreadable(
    group: str,
    drop: Annotated[bool, typer.Option("--drop", help="Drop them for good.")] = False,
    config: settled.Config = None,
    overrides: settled.Overrides = None,
) -> None:
    """Show the messages in Kafka that a group could not read: no events of ours, which nobody can try again."""

    async def story(settings: Settings, _database: Database) -> None:
        if not settings.bus.kafka_bootstrap:
            raise Invalid("there is no Kafka: bus.kafka_bootstrap is not set")
        from glimpse.bus import unreadable

        if drop:
            print(f"{await unreadable.drop(settings.bus, group)} dropped")
            return
        table = Table("partition", "offset", "put aside", "key", "reason")
        for each in await unreadable.list_of(settings.bus, group):
            cells = (str(each.partition), str(each.offset), timestamp(each.put_aside_at), each.key, each.reason)
            table.add_row(*(_printable(cell) for cell in cells))
        tables.show(table)

    _run(config, overrides, story)


async def _as_kafka_sees_it(bus: Bus, found: list[Group]) -> list[Group]:
    """Fill in how far behind groups are in Kafka; when it is away, say so instead."""
    from glimpse.bus import lag

    try:
        readers = {group.reader for group in found if group.partition != marks.LOG}
        lags = {reader: await lag.of_group(bus, reader) for reader in readers}
    except Unavailable as error:
        print(f"glimpse: how far groups are behind in Kafka is not known: {error.message}", file=sys.stderr)
        return found
    return [
        replace(group, behind=lags[group.reader][group.partition].behind)
        if group.partition in lags.get(group.reader, ())
        else group
        for group in found
    ]


Story = Callable[[Settings, Database], Awaitable[None]]


def _run(config: Any, overrides: list[str] | None, story: Story) -> None:
    async def with_a_database(settings: Settings) -> None:
        await migrate.require_head(settings.postgres.dsn.get_secret_value())
        database = await Database.open(settings.postgres)
        try:
            await story(settings, database)
        finally:
            await database.close()

    with settled.refusals_in_one_line(), _quiet_when_nobody_listens():
        asyncio.run(with_a_database(settled.load(config, overrides)))


@contextmanager
def _quiet_when_nobody_listens() -> Iterator[None]:
    """Leave when the other end of the pipe does, as `head` does."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _first(database: Database, since: int | None) -> int:
    """Return where to begin, and say what is missing."""
    async with database.reading() as reader:
        oldest = await log.find_oldest(reader)
    if since is not None and oldest is not None and since < oldest:
        print(f"glimpse: events before {oldest} are not kept any more", file=sys.stderr)
    return since or 0


async def _read(database: Database, image: str | None, pos: int, limit: int) -> list[Envelope]:
    async with database.reading() as reader:
        if image is None:
            return await log.list_from(reader, pos, limit)
        return await log.list_of_subject_from(reader, image, pos, limit)


def _json_line(told: Envelope, deployment: str) -> str:
    return envelope.to_structured(told, deployment).value.decode()


def _line(told: Envelope, _deployment: str) -> str:
    """Write an event for people: position, time, fact, subject, what it is now, what changed."""
    data = orjson.loads(told.data)
    shown = data.get("image") or data.get("member") or {}
    parts = [str(shown[name]) for name in ("name", "member_id", "status") if shown.get(name)]
    if data.get("previous"):
        parts.append("changed " + ", ".join(sorted(data["previous"])))
    parts += [f"{name}={value}" for name, value in data.items() if isinstance(value, str | int)]
    words = "  ".join(_printable(part) for part in (told.subject, *parts))
    return f"{told.pos:>8}  {timestamp(told.occurred_at)}  {_short(told.type):<24}  {words}"


def _short(name: str) -> str:
    """Return a type as people say it."""
    return name.removeprefix(TYPE_PREFIX).removesuffix(".v1")


def _printable(text: str) -> str:
    """Write what a terminal would obey as text: names are users' choice."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _all_found(ids: list[int], found: int) -> None:
    if found < len(set(ids)):
        raise NotFound("not all of these were put aside: `glimpse events dlq list` shows what is")
