"""The command `glimpse`: which word leads to which command."""

import typer

from glimpse.commands import config, db, events, image, metadefs, scrubber, serve, up

app = typer.Typer(help="Glimpse, an event-driven image service.", no_args_is_help=True, pretty_exceptions_enable=False)
app.command()(up.up)
app.command()(serve.api)
app.command()(serve.importer)
app.command()(serve.scrubber)
app.command()(scrubber.restore)
app.command()(scrubber.scrub)
app.command()(scrubber.orphans)
app.add_typer(config.app, name="config")
app.add_typer(db.app, name="db")
app.add_typer(events.app, name="events")
app.add_typer(image.app, name="image")
app.add_typer(metadefs.app, name="metadefs")


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
