"""The schema, and how a database gets to it."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from glimpse.database import migrate
from glimpse.errors import Conflict, Unavailable
from tests.fixtures.waiting import until


async def test_an_empty_database_gets_the_whole_schema_and_then_has_nothing_to_do(cluster: str) -> None:
    connection = await asyncpg.connect(f"{cluster}/postgres")
    await connection.execute("CREATE DATABASE empty_one")
    try:
        assert await migrate.upgrade(f"{cluster}/empty_one") is True
        assert await migrate.upgrade(f"{cluster}/empty_one") is False
        assert await migrate.current(f"{cluster}/empty_one") == migrate.HEAD
    finally:
        await connection.execute("DROP DATABASE empty_one")
        await connection.close()


async def test_a_database_of_a_newer_glimpse_is_refused_and_left_alone(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    with pytest.raises(Conflict, match="newer Glimpse"):
        await migrate.upgrade(dsn)
    with pytest.raises(Conflict, match="newer Glimpse"):
        await migrate.require_head(dsn)
    assert await migrate.current(dsn) == "9999"


def test_head_is_the_last_revision_there_is() -> None:
    assert migrate.revisions()[-1].id == migrate.HEAD


@pytest.fixture
async def in_use(cluster: str) -> AsyncIterator[tuple[str, "asyncpg.Connection[asyncpg.Record]"]]:
    """A database at its first revision, and a connection that reads its images in a transaction."""
    name = f"t{os.urandom(6).hex()}"
    maintenance = await asyncpg.connect(f"{cluster}/postgres")
    await maintenance.execute(f"CREATE DATABASE {name}")
    reader = await asyncpg.connect(f"{cluster}/{name}")
    try:
        await reader.execute(migrate.script(None, "0001"))
        await reader.execute("BEGIN; SELECT count(*) FROM images")
        yield f"{cluster}/{name}", reader
    finally:
        await reader.close()
        await maintenance.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await maintenance.close()


@pytest.mark.rule("OP-83", "OP-167")
async def test_a_table_in_use_is_waited_for_and_others_do_not_wait_behind(
    in_use: tuple[str, "asyncpg.Connection[asyncpg.Record]"],
) -> None:
    dsn, reader = in_use
    upgrading = asyncio.create_task(migrate.upgrade(dsn))
    other = await asyncpg.connect(dsn)

    async def waiting() -> bool:
        return bool(await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    await until(waiting, bool)
    async with asyncio.timeout(20):
        await other.fetchval("SELECT count(*) FROM images")  # as soon as the migration has stepped back
    assert not upgrading.done()
    await reader.execute("COMMIT")
    assert await upgrading is True
    await other.close()
    assert await migrate.current(dsn) == migrate.HEAD


async def test_a_table_that_is_always_in_use_is_said_to_be_and_nothing_is_changed(
    in_use: tuple[str, "asyncpg.Connection[asyncpg.Record]"],
) -> None:
    dsn, _reader = in_use
    with pytest.raises(Unavailable, match="was in use for 0 seconds"):
        await migrate.upgrade(dsn, patience=timedelta(0))
    assert await migrate.current(dsn) == "0001"
