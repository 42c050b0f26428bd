"""`glimpse restore | scrub | orphans`: what the scrubber does by itself, asked for by hand."""

import asyncio
import contextlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from glimpse import restore as restoring
from glimpse import telemetry
from glimpse.commands import settled
from glimpse.database import migrate
from glimpse.database.pool import Actor, Database
from glimpse.errors import Invalid
from glimpse.image import ImageRow
from glimpse.settings import Settings

if TYPE_CHECKING:
    from services.scrubber.orphans import Finding

ImageId = Annotated[str, typer.Argument(metavar="ID", help="The id of a deleted image.")]
Once = Annotated[bool, typer.Option("--once", help="Do what is due, then leave. `glimpse scrubber` goes on for ever.")]
Delete = Annotated[bool, typer.Option("--delete", help="Delete bytes that no row knows.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one object a line.")]

ACTOR = Actor(service="command line")
LEFT_WITH_LOSSES = 1


def restore(image_id: ImageId, config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Ask a deleted image back, with everything it had; whatever runs goes on running."""
    with settled.refusals_in_one_line():
        image = asyncio.run(_restore(settled.load(config, overrides), image_id))
        print(f"image {image.id} will be {image.status_before} again: a running scrubber sees to it in a moment")


def scrub(once: Once = False, config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Restore, purge, delete and rescue what is due now, and say what was done."""
    with settled.refusals_in_one_line():
        if not once:
            raise Invalid("say `glimpse scrub --once`; the service that goes on for ever is `glimpse scrubber`")
        settings = settled.load(config, overrides)
        telemetry.configure(settings.log, "scrubber")
        asyncio.run(_scrub(settings))


def orphans(
    delete: Delete = False, as_json: AsJson = False, config: settled.Config = None, overrides: settled.Overrides = None
) -> None:
    """List bytes that no row knows, and rows whose bytes are not there; leave with 1 when there are such rows."""
    with settled.refusals_in_one_line():
        settings = settled.load(config, overrides)
        telemetry.configure(settings.log, "scrubber")
        if asyncio.run(_orphans(settings, delete, as_json)):
            raise typer.Exit(LEFT_WITH_LOSSES)


async def _restore(settings: Settings, image_id: str) -> ImageRow:
    await migrate.require_head(settings.postgres.dsn.get_secret_value())
    database = await Database.open(settings.postgres)
    try:
        async with database.transaction(ACTOR) as tx:
            return await restoring.request(tx, image_id)
    finally:
        await database.close()


async def _scrub(settings: Settings) -> None:
    from services.scrubber import main, once

    async with main.opened(settings, asyncio.Event()) as ports:
        for line in await once.run(ports):
            print(line)


async def _orphans(settings: Settings, delete: bool, as_json: bool) -> bool:
    """Print what is found as it is found; return whether bytes are missing that should be there."""
    from services.scrubber import main
    from services.scrubber import orphans as looking

    losses = found = 0
    async with (
        main.opened(settings, asyncio.Event()) as ports,
        contextlib.aclosing(looking.look(ports, delete=delete)) as findings,
    ):
        async for finding in findings:
            found += 1
            losses += finding.kind is not looking.Kind.ORPHAN
            print(orjson.dumps(asdict(finding)).decode() if as_json else _line(finding))
    if not as_json:
        print(f"{found} found" if found else "every byte has its row, and every row its bytes")
    return losses > 0


def _line(finding: "Finding") -> str:
    parts = [f"{finding.kind:13}", finding.store, finding.key or ""]
    parts += [f"image {finding.image_id}"] if finding.image_id else []
    parts += [f"{finding.size} bytes"] if finding.size is not None else []
    parts += ["deleted"] if finding.deleted else []
    parts += [finding.reason] if finding.reason else []
    return "  ".join(part for part in parts if part)
