"""A server that is ours alone: is it the one that was started here, and has it our database?"""

import asyncpg

from glimpse.database.failures import OF_THE_DRIVER, unreachable
from glimpse.errors import Conflict, Unavailable

NAME = "glimpse"


async def make_database(dsn: str, data_directory: str) -> None:
    """Make our database on a server unless it has one; `dsn` leads to another of its databases.

    Raises Conflict when the server keeps its data somewhere else: then it is not ours to write to.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=10)
    except (*OF_THE_DRIVER, ValueError) as error:
        raise Unavailable(unreachable(error)) from error
    try:
        found = await connection.fetchval("SHOW data_directory")
        if found != data_directory:
            raise Conflict(f"the server that answers keeps its data in {found}, not in {data_directory}")
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", NAME) is None:
            await connection.execute(f"CREATE DATABASE {NAME}")
    except asyncpg.DiskFullError as error:
        raise Unavailable(f"there is no room left for the database: {error}") from error
    finally:
        await connection.close()
