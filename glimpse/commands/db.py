"""`glimpse db ...`: the schema of the database."""

import asyncio

import typer

from glimpse.commands import settled
from glimpse.database import migrate

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
