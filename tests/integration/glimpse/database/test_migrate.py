"""The schema, and how a database gets to it."""

import asyncpg
import pytest

from glimpse.database import migrate
from glimpse.errors import Conflict


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
