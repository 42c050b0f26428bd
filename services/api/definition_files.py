"""Metadata definitions as files: one namespace, with everything in it, in each (MD-101, MD-102, MD-108)."""

import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import orjson

import glimpse
from glimpse.errors import Invalid
from schemas import metadefs
from services.api.actions.metadefs.contents import Contents
from services.api.queries.metadefs.namespaces import Namespace

SHIPPED = Path(glimpse.__file__).with_name("metadefs")
"""The definitions that come with Glimpse."""

NOBODY = "admin"
"""Whose a namespace is that no file gives to anybody (MD-104)."""

LONGEST_STEM_BYTES = 240

N = TypeVar("N", bound=metadefs.FileAssociation | metadefs.FileObject | metadefs.FileTag)


def find(path: Path) -> list[Path]:
    """Return the files that a path stands for, by name. Raises Invalid where there is none (MD-101)."""
    try:
        found = [path] if path.is_file() else sorted(each for each in path.iterdir() if _is_definition(each))
    except OSError as error:
        raise Invalid(f"{path} can not be read: {error.strerror}") from error
    if not found:
        raise Invalid(f"there is no file *.json in {path}")
    return found


def read(path: Path) -> metadefs.File:
    """Read one file. Raises Invalid with what is wrong with it (MD-107)."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Invalid(f"it can not be read: {error.strerror}") from error
    return parsed(content)


def parsed(content: bytes) -> metadefs.File:
    """Read what stands in a file. Raises Invalid."""
    try:
        value = orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise Invalid(f"it is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Invalid("it is JSON, but no object")
    if metadefs.has_nul(value):
        raise Invalid("it has U+0000 in it, which can not be kept")
    try:
        return metadefs.FILE.checked(value)
    except ValueError as error:
        raise Invalid(str(error)) from None


def own_fields(file: metadefs.File) -> dict[str, Any]:
    """Return what a file says of its namespace itself; what it does not say is unknown (MD-104)."""
    owner = file.get("owner")
    return {
        "namespace": file["namespace"],
        "display_name": file.get("display_name"),
        "description": file.get("description"),
        "visibility": file.get("visibility"),
        "protected": file.get("protected"),
        "owner": NOBODY if owner is None else owner,
    }


def associations_in(file: metadefs.File) -> list[metadefs.Association]:
    """Return what a file's namespace is for; of two that have one name the first counts, here and below (MD-105)."""
    found = _firsts(file.get("resource_type_associations"))
    return [metadefs.ASSOCIATION.checked(_said(each)) for each in found]


def objects_in(file: metadefs.File) -> list[metadefs.Object]:
    """Return the objects in a file; what they require is not read (MD-102)."""
    return [metadefs.OBJECT.checked(_said(each)) for each in _firsts(file.get("objects"))]


def tags_in(file: metadefs.File) -> list[str]:
    """Return the tags in a file."""
    return [each["name"] for each in _firsts(file.get("tags"))]


def document(namespace: Namespace, contents: Contents) -> dict[str, Any]:
    """Write a namespace down as a file has it: without owner, times, and what objects require (MD-108)."""
    return {
        "namespace": namespace.namespace,
        "display_name": namespace.display_name,
        "description": namespace.description,
        "visibility": namespace.visibility,
        "protected": namespace.protected,
        "resource_type_associations": [
            {"name": each.name, "prefix": each.prefix, "properties_target": each.properties_target}
            for each in contents.associations
        ],
        "properties": {each.name: each.definition for each in contents.properties},
        "objects": [
            {"name": each.name, "description": each.description, "properties": each.properties}
            for each in contents.objects
        ],
        "tags": [{"name": each.name} for each in contents.tags],
    }


def write(path: Path, content: dict[str, Any]) -> bool:
    """Write a file as a whole, or not at all; return whether there was one already. Raises OSError."""
    is_there = path.exists()
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    part.replace(path)
    return is_there


def file_names(namespaces: Iterable[Namespace]) -> Iterator[tuple[Namespace, str]]:
    """Yield each namespace with the name of its file: letters and digits of what people call it (MD-108).

    No two share a file, not even where capitals do not count.
    """
    taken: set[str] = set()
    for namespace in namespaces:
        stem = next(each for each in _stems(namespace) if _folded(each) not in taken)
        taken.add(_folded(stem))
        yield namespace, f"{stem}.json"


def _is_definition(path: Path) -> bool:
    return path.name.endswith(".json") and path.is_file()


def _firsts(found: list[N] | None) -> list[N]:
    by_name: dict[str, N] = {}
    for each in found or []:
        by_name.setdefault(each["name"], each)
    return list(by_name.values())


def _said(each: Any) -> dict[str, Any]:
    return {name: value for name, value in each.items() if value is not None}


def _stems(namespace: Namespace) -> Iterator[str]:
    """Yield what a file may be called, the best first, without an end."""
    by_name = _stripped(namespace.namespace)
    yield from (stem for stem in (_stripped(namespace.display_name or ""), by_name) if stem)
    number = 1
    while True:
        number += 1
        yield f"{by_name or 'namespace'}-{number}"


def _stripped(text: str) -> str:
    letters = "".join(character for character in text if character.isalnum())
    return letters.encode()[:LONGEST_STEM_BYTES].decode(errors="ignore")


def _folded(stem: str) -> str:
    """Return what two names share that some file systems take for one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", stem).casefold())
