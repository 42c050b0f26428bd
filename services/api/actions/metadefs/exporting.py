"""Write the catalogue into files, one for each namespace (MD-108)."""

from collections.abc import AsyncIterator
from pathlib import Path

from glimpse.database.pool import Database
from glimpse.errors import Invalid
from services.api import definition_files
from services.api.actions.metadefs import contents
from services.api.actions.metadefs.loading import Line, Outcome
from services.api.queries.metadefs import namespaces


async def export(database: Database, folder: Path) -> AsyncIterator[Line]:
    """Write every namespace as it is at one moment. Raises Invalid where there can be no such folder."""
    _make(folder)
    async with database.snapshot() as reader:
        for namespace, name in definition_files.file_names(await namespaces.list_all(reader)):
            found = await contents.read(reader, namespace)
            path = folder / name
            try:
                replaced = definition_files.write(path, definition_files.document(namespace, found))
            except OSError as error:
                yield Line(namespace.namespace, str(path), Outcome.FAILED, f"it can not be written: {error.strerror}")
                continue
            yield Line(namespace.namespace, str(path), Outcome.WRITTEN, "over an older file" if replaced else "")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Invalid(f"{folder} can not be made: {error.strerror}") from error
