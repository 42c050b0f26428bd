"""`glimpse db ...`: the schema of the database."""

import asyncio
import json
from datetime import timedelta
from typing import Annotated, Any

import typer

from glimpse.commands import settled
from glimpse.database import migrate
from glimpse.database.migrate import Phase
from glimpse.database.pool import Database
from glimpse.settings import Settings

Days = Annotated[float, typer.Option(min=0, help="How many days images must have been gone.")]
To = Annotated[
    Phase, typer.Option("--to", help="How far: `expand` while the old Glimpse runs, then `migrate`, then `contract`.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]

LEFT_WITH = {Phase.EXPAND: 3, Phase.MIGRATE: 4, Phase.CONTRACT: 5}
"""What `check` leaves with, by what is to be done first (OP-83)."""

app = typer.Typer(help="The schema of the database.", no_args_is_help=True)


@app.command()
def upgrade(
    to: To = Phase.CONTRACT, as_json: AsJson = False, config: settled.Config = None, overrides: settled.Overrides = None
) -> None:
    """Bring the database to the schema this Glimpse needs, whatever runs with it meanwhile."""
    with settled.refusals_in_one_line():
        dsn = settled.load(config, overrides).postgres.dsn.get_secret_value()
        changed, revision = asyncio.run(_upgrade(dsn, to))
        text = f"the database is at schema {revision or 'none'}" + ("" if changed else " already")
        _say(as_json, text, revision=revision, head=migrate.HEAD, changed=changed)


@app.command()
def current(as_json: AsJson = False, config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Say which schema the database has."""
    with settled.refusals_in_one_line():
        dsn = settled.load(config, overrides).postgres.dsn.get_secret_value()
        revision = asyncio.run(migrate.current(dsn))
        _say(as_json, revision or "none", revision=revision, head=migrate.HEAD)


@app.command()
def check(as_json: AsJson = False, config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Leave with 0 when the database has the schema this Glimpse needs; with 3, 4 or 5 when it is to expand, to migrate
    or to contract.
    """
    with settled.refusals_in_one_line():
        revision = asyncio.run(migrate.current(settled.load(config, overrides).postgres.dsn.get_secret_value()))
        due = migrate.missing(revision, migrate.revisions())
        text = f"the database is at schema {revision or 'none'}"
        if due:
            text += f", this Glimpse needs {migrate.HEAD}: run `glimpse db upgrade`"
        _say(as_json, text, revision=revision, head=migrate.HEAD, needed=due[0].phase if due else None)
    if due:
        raise typer.Exit(LEFT_WITH[due[0].phase])


@app.command()
def purge(
    days: Days = 30, as_json: AsJson = False, config: settled.Config = None, overrides: settled.Overrides = None
) -> None:
    """Remove the rows of images that are gone for good; their ids are never given again."""
    with settled.refusals_in_one_line():
        removed = asyncio.run(_purge(settled.load(config, overrides), timedelta(days=days)))
        _say(as_json, f"{removed} rows of images removed", removed=removed)


async def _purge(settings: Settings, age: timedelta) -> int:
    from services.scrubber import retention

    await migrate.require_head(settings.postgres.dsn.get_secret_value())
    database = await Database.open(settings.postgres)
    try:
        return await retention.forget_images(database, age)
    finally:
        await database.close()


async def _upgrade(dsn: str, to: Phase) -> tuple[bool, str | None]:
    return await migrate.upgrade(dsn, to), await migrate.current(dsn)


def _say(as_json: bool, text: str, **facts: Any) -> None:
    print(json.dumps(facts) if as_json else text)
