"""Nobody waits for ever: not for a row, a statement or a connection, and not for a process that froze."""

import asyncio
import contextlib
import os
import signal
import sys

import pytest
from pydantic import SecretStr

from glimpse import settings
from glimpse.database import images, pool
from glimpse.database.pool import Database
from glimpse.errors import Unavailable

HOLDER = """
import asyncio, os, signal, sys
from pydantic import SecretStr
from glimpse import settings
from glimpse.database import images
from glimpse.database.pool import Database

async def main():
    rules = settings.Postgres(dsn=SecretStr(sys.argv[1]), idle_in_transaction_seconds=float(sys.argv[2]))
    database = await Database.open(rules)
    async with database.transaction() as tx:
        await images.lock(tx, "i")
        print("held", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)

asyncio.run(main())
"""


@pytest.fixture
def opened(dsn):
    @contextlib.asynccontextmanager
    async def with_rules(**rules):
        database = await Database.open(settings.Postgres(dsn=SecretStr(dsn), **rules))
        try:
            yield database
        finally:
            await database.close()

    return with_rules


@pytest.fixture
async def image(database):
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO image_ids (id) VALUES ('i')")
        await tx.execute("INSERT INTO images (id, status, visibility) VALUES ('i', 'queued', 'shared')")


@contextlib.asynccontextmanager
async def frozen_holder(dsn, idle_seconds):
    """Another process that froze in the middle of a transaction, with the image's row in its hands."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, dsn, str(idle_seconds), stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(30):
            assert await process.stdout.readline() == b"held\n"
        yield
    finally:
        process.kill()
        await process.wait()


async def lock(database):
    async with database.transaction() as tx:
        return await images.lock(tx, "i")


@pytest.mark.usefixtures("image")
async def test_a_process_that_froze_with_an_image_in_its_hands_loses_it(dsn, database):
    async with frozen_holder(dsn, idle_seconds=1), asyncio.timeout(30):
        assert (await lock(database)).id == "i"


@pytest.mark.usefixtures("image")
async def test_who_waits_for_a_row_too_long_is_told_to_come_again_and_has_held_up_nobody_else(dsn, opened):
    async with opened(lock_timeout_seconds=0.3, pool_size=2) as database, frozen_holder(dsn, idle_seconds=3600):
        async with asyncio.timeout(30):
            found = await asyncio.gather(*(lock(database) for _ in range(6)), return_exceptions=True)
            async with database.reading() as reader:
                assert await images.find(reader, "i")
    assert {type(each) for each in found} == {Unavailable}


async def test_a_statement_that_takes_too_long_is_ended(opened):
    async with opened(statement_timeout_seconds=0.3) as database, asyncio.timeout(30):
        with pytest.raises(Unavailable, match="statement timeout"):
            async with database.reading() as reader:
                await reader.fetchval("SELECT pg_sleep(3600)")


async def test_a_server_that_froze_is_waited_for_no_longer_than_a_statement_may_take(opened):
    frozen = []

    async def freeze(database):
        async with database.transaction() as tx:
            frozen.append(await tx.fetchval("SELECT pg_backend_pid()"))
            os.kill(frozen[0], signal.SIGSTOP)
            await tx.fetchval("SELECT 1")

    try:
        async with opened(statement_timeout_seconds=0.3, acquire_timeout_seconds=0.3) as database, asyncio.timeout(30):
            with pytest.raises(Unavailable, match="too long"):
                await freeze(database)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)


async def test_while_every_connection_is_in_use_one_is_waited_for_no_longer_than_is_set(opened):
    async with opened(pool_size=1, acquire_timeout_seconds=0.2) as database, asyncio.timeout(30):
        async with database.reading():
            with pytest.raises(Unavailable, match="too long"):
                async with database.reading():
                    pass
        async with database.reading() as reader:
            assert await reader.fetchval("SELECT 1") == 1


async def test_closing_does_not_wait_for_whoever_does_not_give_back_and_cuts_them(opened, monkeypatch):
    monkeypatch.setattr(pool, "CLOSE_SECONDS", 0.2)
    async with opened() as database, asyncio.timeout(30):
        async with database.reading() as reader:
            await database.close()
            with pytest.raises(Unavailable):
                await reader.fetchval("SELECT 1")
        with pytest.raises(Unavailable):
            async with database.reading():
                pass
