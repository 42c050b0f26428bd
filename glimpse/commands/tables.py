"""How commands print tables."""

import sys

from rich.console import Console
from rich.table import Table


def show(table: Table) -> None:
    """Print a table, as wide as it needs to be when nobody looks at it on a terminal."""
    Console(width=None if sys.stdout.isatty() else 400, markup=False).print(table)
