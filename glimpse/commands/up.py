"""`glimpse up`: everything in one place."""

import json
from pathlib import Path
from typing import Annotated

import typer

from glimpse import settings
from glimpse.commands import settled
from glimpse.errors import Invalid

DataDir = Annotated[
    str | None,  # an empty one would be the working directory
    typer.Option(help="Where everything is kept. Default: /var/lib/glimpse for root, else $XDG_DATA_HOME/glimpse."),
]
Host = Annotated[str | None, typer.Option(help="The address to listen on. Default: 127.0.0.1.")]
Port = Annotated[int | None, typer.Option(help="The port to listen on; 0 takes a free one. Default: 9292.")]
Postgres = Annotated[str | None, typer.Option("--postgres", help="Use this database (a DSN) and start none.")]

Kafka = Annotated[str | None, typer.Option("--kafka", help="Publish events to this Apache Kafka: host:port,...")]


def up(
    data_dir: DataDir = None,
    host: Host = None,
    port: Port = None,
    postgres: Postgres = None,
    kafka: Kafka = None,
    config: settled.Config = None,
    overrides: settled.Overrides = None,
) -> None:
    """Run all of it here: the three services and a Postgres of their own."""
    with settled.refusals_in_one_line():
        if data_dir == "":
            raise Invalid("--data-dir is empty: name a folder, or leave it out")
        options = {"api.host": host, "api.port": port, "postgres.dsn": postgres, "bus.kafka_bootstrap": kafka}
        told = [f"{name}={json.dumps(value)}" for name, value in options.items() if value is not None]
        stated = settings.stated(config, settled.nested([*told, *(overrides or [])]))
        from glimpse.embedded import house

        house.run(Path(data_dir) if data_dir else None, stated, chores=house.CHORES)
