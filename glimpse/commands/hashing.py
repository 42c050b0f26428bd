"""`glimpse rehash | verify`: bytes that are read again, to hash them or to see whether they are what is recorded."""

import asyncio
import hashlib
from typing import Annotated

import typer

from glimpse import telemetry
from glimpse.commands import settled
from glimpse.errors import Invalid
from glimpse.settings import Images, Settings

Missing = Annotated[
    bool, typer.Option("--missing", help="Images without a multihash (this is what it does by itself).")
]
Algorithm = Annotated[
    str | None, typer.Option("--algorithm", help="Those that are hashed with another algorithm, too: all get this one.")
]
After = Annotated[str, typer.Option("--after", metavar="ID", help="Go on behind this image.")]
Rate = Annotated[
    int | None, typer.Option("--bytes-per-second", help="Default: import.rehash_bytes_per_second; 0 is no limit.")
]

LEFT_WITH_CORRUPTION = 1


def rehash(
    missing: Missing = False,
    algorithm: Algorithm = None,
    config: settled.Config = None,
    overrides: settled.Overrides = None,
) -> None:
    """Ask the importers to hash images that are not hashed, or are with another algorithm; each is a task of theirs."""
    with settled.refusals_in_one_line():
        if missing and algorithm is not None:
            raise Invalid("say --missing or --algorithm, not both: --algorithm hashes what is missing, too")
        settings = settled.load(config, overrides)
        if algorithm is not None:
            _check(algorithm)
        new, waiting = asyncio.run(_rehash(settings, algorithm))
        print(f"{new} images more will be hashed; {waiting} wait for running importers")


def verify(
    after: After = "",
    bytes_per_second: Rate = None,
    config: settled.Config = None,
    overrides: settled.Overrides = None,
) -> None:
    """Read every copy of every image and tell of those that are not what is recorded; leave with 1 when there are."""
    with settled.refusals_in_one_line():
        settings = settled.load(config, overrides)
        telemetry.configure(settings.log, "importer")
        rate = settings.import_.rehash_bytes_per_second if bytes_per_second is None else max(bytes_per_second, 0)
        if asyncio.run(_verify(settings, after, rate)):
            raise typer.Exit(LEFT_WITH_CORRUPTION)


def _check(algorithm: str) -> None:
    """Raise Invalid for what images could not be hashed with."""
    try:
        Images(hashing_algorithm=algorithm)
    except ValueError:
        known = ", ".join(sorted(name for name in hashlib.algorithms_guaranteed if not name.startswith("shake")))
        raise Invalid(f"images can not be hashed with {algorithm!r}; these are possible: {known}") from None


async def _rehash(settings: Settings, algorithm: str | None) -> tuple[int, int]:
    from services.importer import main
    from services.importer.hashing import queries
    from services.importer.hashing.examine import ACTOR

    async with main.opened(settings) as ports, ports.database.transaction(ACTOR) as tx:
        new = await queries.ask(tx, algorithm, settings.images.hashing_algorithm, again=True)
        return new, await queries.count_open(tx)


async def _verify(settings: Settings, after: str, rate: int) -> bool:
    from services.importer import main
    from services.importer.hashing import verify as verifying
    from services.importer.hashing.pace import Pace

    images = corrupt = 0
    async with main.opened(settings) as ports:
        async for image_id, wrong in verifying.verify(ports, after, Pace(rate)):
            images += 1
            corrupt += bool(wrong)
            for each in wrong:
                print(f"image {image_id}  {each.store}  {each.reason}")
    print(f"{images} images were read, {corrupt} of them have a copy that is not what is recorded")
    return corrupt > 0
