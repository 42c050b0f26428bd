"""Write every file that is made from the code; `make schemas` runs it, and a test holds each file against its maker."""

from pathlib import Path

from scripts import asyncapi, configuration, events, exports, lifecycle, openapi

ROOT = Path(__file__).parent.parent
ONLY_GENERATED = ("schemas/json",)
"""Folders in which nothing is written by hand: what is not made any more is removed."""


def made() -> dict[str, str]:
    """Return the text of every generated file, by its name. What is new is one line here."""
    return {
        "docs/lifecycle.md": lifecycle.page(),
        "docs/configuration.md": configuration.page(),
        "docs/events.md": events.page(),
        "schemas/asyncapi.yaml": asyncapi.page(),
        "schemas/openapi.yaml": openapi.page(),
        **exports.event_schemas(),
    }


def left_over() -> list[Path]:
    """Return the files that nothing makes any more."""
    kept = {ROOT / name for name in made()}
    return [path for folder in ONLY_GENERATED for path in sorted((ROOT / folder).iterdir()) if path not in kept]


def main() -> None:
    """Write those files that are not as their maker would have them."""
    for name, text in made().items():
        path = ROOT / name
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote {name}")
    for path in left_over():
        path.unlink()
        print(f"removed {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
