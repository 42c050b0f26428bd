"""`glimpse db ...`: the schema of the database."""

import asyncio
from datetime import timedelta
from typing import Annotated

import typer

from glimpse.commands import settled
from glimpse.database import migrate
from glimpse.database.pool import Database
from glimpse.settings import Settings

Days = Annotated[float, typer.Option(min=0, help="How many days images must have been gone.")]

app = typer.Typer(help="The schema of the database.", no_args_is_help=True)


@app.command()
def upgrade(config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Bring the database to the schema this Glimpse needs."""
    with settled.refusals_in_one_line():
        dsn = settled.load(config, overrides).postgres.dsn.get_secret_value()
        changed = asyncio.run(migrate.upgrade(dsn))
        print(f"the database is at schema {migrate.HEAD}" + ("" if changed else " already"))


@app.command()
def current(config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Say which schema the database has."""
    with settled.refusals_in_one_line():
        dsn = settled.load(config, overrides).postgres.dsn.get_secret_value()
        print(asyncio.run(migrate.current(dsn)) or "none")


@app.command()
def check(config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Leave with 0 when the database has the schema this Glimpse needs."""
    with settled.refusals_in_one_line():
        asyncio.run(migrate.require_head(settled.load(config, overrides).postgres.dsn.get_secret_value()))
        print(f"the database is at schema {migrate.HEAD}")


@app.command()
def purge(days: Days = 30, config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Remove the rows of images that are gone for good; their ids are never given again."""
    with settled.refusals_in_one_line():
        removed = asyncio.run(_purge(settled.load(config, overrides), timedelta(days=days)))
        print(f"{removed} rows of images removed")


async def _purge(settings: Settings, age: timedelta) -> int:
    from services.scrubber import retention

    await migrate.require_head(settings.postgres.dsn.get_secret_value())
    database = await Database.open(settings.postgres)
    try:
        return await retention.forget_images(database, age)
    finally:
        await database.close()
