"""`glimpse config ...`: the settings, before anything runs with them."""

import json
import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from glimpse import settings
from glimpse.commands import settled
from glimpse.errors import Invalid
from glimpse.settings import Settings

app = typer.Typer(help="The settings.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command()
def show(as_json: AsJson = False, config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Print every setting in force, and where its value comes from; secrets are left out."""
    from glimpse.settings import shown

    with settled.refusals_in_one_line():
        layers = settled.layers(config, overrides)
        in_force = settings.validated(layers.tree())
        if as_json:
            print(json.dumps(shown.as_tree(in_force, layers), indent=2, ensure_ascii=False))
        else:
            print(shown.as_toml(in_force, layers), end="")


@app.command()
def check(config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Say what is wrong with the settings, a line each, and leave with 1 when anything is; no network is needed."""
    with settled.refusals_in_one_line():
        tree = settled.layers(config, overrides).tree()
        wrong = settings.problems(tree) or list(_obstacles(settings.validated(tree)))
    for line in wrong:
        print(line, file=sys.stderr)
    if wrong:
        raise typer.Exit(1)
    print("the settings can be used")


def _obstacles(configured: Settings) -> Iterator[str]:
    """Say what would keep the services of this machine from their work."""
    from glimpse.stores import catalog, filesystem
    from services.api import main as api
    from services.importer import ports as importer

    yield from catalog.obstacles(configured)
    if obstacle := filesystem.obstacle_to(importer.scratch_root(configured)):
        yield f"import.scratch_dir: {obstacle}"
    try:
        api.refuse_open_doors(configured)
    except Invalid as error:
        yield error.message
