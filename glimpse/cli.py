"""The command `glimpse`: which word leads to which command."""

import sys
from importlib import metadata
from typing import Annotated

import typer

from glimpse.commands import config, db, doctor, events, hashing, image, metadefs, policy, scrubber, serve, token, up

INTERRUPTED = 130

app = typer.Typer(no_args_is_help=True, invoke_without_command=True, pretty_exceptions_enable=False)
app.command()(up.up)
app.command()(serve.api)
app.command()(serve.importer)
app.command()(serve.scrubber)
app.command()(scrubber.restore)
app.command()(scrubber.scrub)
app.command()(scrubber.orphans)
app.command()(hashing.rehash)
app.command()(hashing.verify)
app.command()(doctor.doctor)
app.command()(token.token)
app.add_typer(config.app, name="config")
app.add_typer(db.app, name="db")
app.add_typer(events.app, name="events")
app.add_typer(image.app, name="image")
app.add_typer(metadefs.app, name="metadefs")
app.add_typer(policy.app, name="policy")


@app.callback()
def about(
    version: Annotated[bool, typer.Option("--version", help="Say which Glimpse this is.", is_eager=True)] = False,
) -> None:
    """Glimpse, an event-driven image service."""
    if version:
        print(f"glimpse {metadata.version('glimpse')}")
        raise typer.Exit


def main() -> None:
    """Run the command line; Ctrl-C ends it without a word."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
