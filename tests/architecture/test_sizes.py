"""A file that nobody can hold in their head has become two."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("glimpse", "services", "schemas", "scripts")
LINES_OF_A_FILE = 500  # think again at 250; this is where thinking was forgotten
LINES_OF_A_FUNCTION = 100  # and again at 30


def product_files() -> list[Path]:
    return [path for folder in PRODUCT for path in sorted((ROOT / folder).rglob("*.py"))]


def test_no_file_is_too_long_to_read() -> None:
    lengths = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in product_files()}
    assert not {name: lines for name, lines in lengths.items() if lines > LINES_OF_A_FILE}


def test_no_function_is_too_long_to_read() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in product_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not {name: lines for name, lines in lengths.items() if lines > LINES_OF_A_FUNCTION}


def test_every_module_begins_by_saying_what_is_in_it() -> None:
    assert not [str(path) for path in product_files() if not ast.get_docstring(ast.parse(path.read_text()))]
