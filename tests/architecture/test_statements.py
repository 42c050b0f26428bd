"""SQL stands in the rooms it belongs in, whole and named column by column."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("glimpse/database/", "glimpse/bus/", "/queries/", "/queries.py")
COMPOSED = (
    "services/api/queries/listing.py",  # the image list: its arms and filters are put together
    "services/api/queries/metadefs/listing.py",  # namespaces and tags: sorted by any of their columns
)
STATEMENT = re.compile(
    r"^\s*(WITH\s+\w+.*?\bAS\b|SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|LOCK\s+TABLE\s)", re.DOTALL
)

SETS = re.compile(r"\bUPDATE\s+images\b(.*?)(?=\bFROM\b|\bWHERE\b|\Z)", re.DOTALL)


class Text(NamedTuple):
    """A string in the code that reads as a statement."""

    place: str
    sql: str
    is_composed: bool


def statements() -> list[Text]:
    folders = (ROOT / "glimpse", ROOT / "services", ROOT / "schemas")
    return [found for folder in folders for path in sorted(folder.rglob("*.py")) for found in statements_of(path)]


def statements_of(path: Path, root: Path = ROOT) -> Iterator[Text]:
    tree = ast.parse(path.read_text())
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "?" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            text = node.value
        else:
            continue
        if STATEMENT.match(text):
            place = f"{path.relative_to(root)}:{node.lineno}"
            yield Text(place, text, isinstance(node, ast.JoinedStr))


def test_there_are_statements_to_look_at() -> None:
    assert any(found.place.startswith("glimpse/database/images.py") for found in statements())


def test_sql_stands_in_queries_in_the_database_and_on_the_bus_only() -> None:
    assert not [found.place for found in statements() if not any(room in found.place for room in ROOMS)]


def test_columns_are_named() -> None:
    assert not [
        found.place for found in statements() if re.search(r"\bSELECT\s+(\w+\.)?\*|\bRETURNING\s+\*", found.sql)
    ]


def test_no_statement_is_built_from_strings() -> None:
    assert not [found.place for found in statements() if found.is_composed and not found.place.startswith(COMPOSED)]


def test_whoever_writes_the_status_of_an_image_asks_the_lifecycle_first() -> None:
    writers = {
        f"{path.relative_to(ROOT)} {node.name}": "lifecycle.check(" in ast.unparse(node)
        for folder in ("glimpse", "services")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _writes_status(node)
    }
    assert writers.pop("glimpse/database/images.py save") is False  # it is what `move` writes with, after asking
    assert all(writers.values()), writers


def _writes_status(function: ast.AST) -> bool:
    texts = [
        part.value for part in ast.walk(function) if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    return any(re.search(r"\bstatus\s*=", assignments) for text in texts for assignments in SETS.findall(text))


@pytest.mark.parametrize(
    ("source", "composed"),
    [
        ("Q = 'SELECT 1'", [False]),
        ("Q = ' WITH due AS (SELECT 1) UPDATE images SET x = 1'", [False]),
        ("Q = f'DELETE FROM {table}'", [True]),
        ("TEXT = 'Select an image, or UPDATE one'", []),
    ],
)
def test_a_statement_is_known_when_seen(tmp_path: Path, source: str, composed: list[bool]) -> None:
    (tmp_path / "handlers.py").write_text(source)
    assert [found.is_composed for found in statements_of(tmp_path / "handlers.py", tmp_path)] == composed
