"""Write every file that is made from the code; `make schemas` runs it, and a test holds each file against its maker."""

from collections.abc import Callable
from pathlib import Path

from scripts import lifecycle

ROOT = Path(__file__).parent.parent

GENERATED: dict[str, Callable[[], str]] = {
    "docs/lifecycle.md": lifecycle.page,
}
"""What is generated, and what makes its text. A new one is one line here."""


def main() -> None:
    """Write those files that are not as their maker would have them."""
    for name, text in made().items():
        path = ROOT / name
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote {name}")


def made() -> dict[str, str]:
    """Return the text of every generated file."""
    return {name: make() for name, make in GENERATED.items()}


if __name__ == "__main__":
    main()
