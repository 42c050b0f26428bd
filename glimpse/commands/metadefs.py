"""`glimpse metadefs ...`: metadata definitions between files and the catalogue."""

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from glimpse.commands import settled
from glimpse.database import migrate
from glimpse.database.pool import Database
from glimpse.settings import Settings

if TYPE_CHECKING:
    from services.api.actions.metadefs.loading import Line

app = typer.Typer(help="Metadata definitions, from files and into files.", no_args_is_help=True)

Source = Annotated[
    Path | None, typer.Option("--path", help="A file, or a folder of *.json. Default: those that come with Glimpse.")
]
Target = Annotated[Path, typer.Option("--path", help="The folder to write to. Default: this one.")]
Merge = Annotated[bool, typer.Option("--merge", help="Into namespaces that are there, put what they lack.")]
PreferNew = Annotated[
    bool, typer.Option("--prefer_new", "--prefer-new", help="With --merge: what is there becomes as the files have it.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="With --merge: what is there is replaced, and gone if no file has it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one object a line.")]


@app.command()
def load(
    path: Source = None,
    merge: Merge = False,
    prefer_new: PreferNew = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    config: settled.Config = None,
    overrides: settled.Overrides = None,
) -> None:
    """Bring definitions into the catalogue; namespaces that are there stay as they are, unless told otherwise."""
    with settled.refusals_in_one_line():
        from services.api import definition_files
        from services.api.actions.metadefs import loading

        manner = loading.manner(merge=merge, prefer_new=prefer_new, overwrite=overwrite)
        paths = definition_files.find(path or definition_files.SHIPPED)

        async def story(database: Database) -> bool:
            with _reporting(as_json, len(paths)) as note:
                for each in paths:
                    note(await loading.load(database, each, manner))
            return note.is_fine

        _run(config, overrides, story)


@app.command()
def fill(config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Bring in the definitions that come with Glimpse, once in the life of a database; `glimpse up` does it."""
    with settled.refusals_in_one_line():
        from services.api.actions.metadefs import loading

        async def story(database: Database) -> bool:
            made = await loading.fill_once(database)
            print(f"made {made} namespaces" if made else "the catalogue was filled before")
            return True

        _run(config, overrides, story)


@app.command()
def unload(as_json: AsJson = False, config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Empty the catalogue: everything in it, whoever made it, protected or not."""
    with settled.refusals_in_one_line():
        from services.api.actions.metadefs import loading

        async def story(database: Database) -> bool:
            gone = await loading.unload(database)
            print(orjson.dumps({"deleted": gone}).decode() if as_json else f"deleted {len(gone)} namespaces")
            return True

        _run(config, overrides, story)


@app.command()
def export(
    path: Target = Path(),
    as_json: AsJson = False,
    config: settled.Config = None,
    overrides: settled.Overrides = None,
) -> None:
    """Write the catalogue into files, one for each namespace; files of the same names are replaced."""
    with settled.refusals_in_one_line():
        from services.api.actions.metadefs import exporting

        async def story(database: Database) -> bool:
            with _reporting(as_json) as note:
                async for line in exporting.export(database, path):
                    note(line)
            return note.is_fine

        _run(config, overrides, story)


def _run(config: Path | None, overrides: list[str] | None, story: Callable[[Database], Awaitable[bool]]) -> None:
    """Do something with the catalogue, and leave with 1 when any of it failed."""

    async def with_a_database(settings: Settings) -> bool:
        await migrate.require_head(settings.postgres.dsn.get_secret_value())
        database = await Database.open(settings.postgres)
        try:
            return await story(database)
        finally:
            await database.close()

    if not asyncio.run(with_a_database(settled.load(config, overrides))):
        raise typer.Exit(1)


@dataclass
class _Notes:
    """What became of each namespace, noted line by line."""

    step: Callable[[str], None]
    lines: list["Line"] = field(default_factory=list)

    def __call__(self, line: "Line") -> None:
        self.lines.append(line)
        self.step(_printable(line.namespace or line.file))

    @property
    def is_fine(self) -> bool:
        """Whether nothing failed."""
        return not any(line.outcome == "failed" for line in self.lines)


@contextmanager
def _reporting(as_json: bool, total: int | None = None) -> Iterator[_Notes]:
    """Show how far it is on a terminal, and print a line for each namespace in the end, however that comes."""
    notes = _Notes(lambda _name: None)
    try:
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
            task = bar.add_task("definitions", total=total)
            notes.step = lambda name: bar.update(task, advance=1, description=escape(name))
            yield notes
    finally:
        for line in notes.lines:
            print(orjson.dumps(asdict(line)).decode() if as_json else _printable(_said(line)))
        if not as_json:
            counts = Counter(line.outcome for line in notes.lines)
            print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "there is nothing to do")


def _said(line: "Line") -> str:
    named = line.namespace or line.file
    if line.outcome == "failed" and line.namespace:
        named = f"{line.namespace} in {line.file}"
    return f"{line.outcome:8} {named}{line.detail and f': {line.detail}'}"


def _printable(text: str) -> str:
    """Write what a terminal would obey as text: names are users' choice."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
