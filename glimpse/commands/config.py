"""`glimpse config ...`: the settings, before anything runs with them."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from glimpse import doors, settings
from glimpse.commands import settled
from glimpse.errors import Conflict, Invalid, Unavailable
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
def check(as_json: AsJson = False, config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Say what is wrong with the settings, a line each, and leave with 1 when anything is; no network is needed."""
    with settled.refusals_in_one_line():
        tree = settled.layers(config, overrides).tree()
        wrong = settings.problems(tree) or list(_obstacles(settings.validated(tree)))
    if as_json:
        print(json.dumps({"wrong": wrong}, ensure_ascii=False))
    elif not wrong:
        print("the settings can be used")
    else:
        print(*wrong, sep="\n", file=sys.stderr)
    if wrong:
        raise typer.Exit(1)


@app.command(name="seal")
def seal() -> None:
    """Make keys for import.sealing_key, which importers need, and import.sealing_public_key, which APIs need."""
    from glimpse import sealed

    private = sealed.new_private_key()
    print(f'[import]\nsealing_key = "{private}"  # importers alone')
    print(f'sealing_public_key = "{sealed.public_key_of(private)}"  # APIs')


def _obstacles(configured: Settings) -> Iterator[str]:
    """Say what would keep the services of this machine from their work."""
    from glimpse.stores import catalog, filesystem
    from services.importer import ports as importer

    yield from catalog.obstacles(configured)
    if obstacle := filesystem.obstacle_to(importer.scratch_root(configured)):
        yield f"import.scratch_dir: {obstacle}"
    for look in (doors.refuse_open_ones, _look_at_the_rules):
        try:
            look(configured)
        except Invalid as error:
            yield error.message


def _look_at_the_rules(configured: Settings) -> None:
    """Raise Invalid for files that say who may do what, and can not be read."""
    from services.api.policy import protections
    from services.api.policy.policy import Policy

    protections.opened(configured.policy, Policy(configured.policy))


@app.command()
def convert(
    api_conf: Annotated[Path, typer.Argument(metavar="GLANCE-API.CONF", help="The reference's configuration.")],
    paste_ini: Annotated[
        Path | None, typer.Argument(metavar="[PASTE.INI]", help="The file with its pipelines.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write. Default: print it.")] = None,
) -> None:
    """Write settings that mean what the reference's mean; what has no equivalent is told on standard error."""
    from glimpse.moving import convert, written

    with settled.refusals_in_one_line():
        outcome = convert.converted(api_conf, paste_ini)
        text = written.as_toml(outcome, api_conf.name)
        if output is None:
            print(text, end="")
        else:
            _write_new(output, text)
    print(written.as_report(outcome), end="", file=sys.stderr)


def _write_new(path: Path, text: str) -> None:
    """Write a file that only its owner reads, for it may hold a password. Raises Conflict when there is one already."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
    except FileExistsError:
        raise Conflict(f"{path} is there already: move it away, or choose another name") from None
    except OSError as error:
        raise Unavailable(f"can not write {path}: {error.strerror}") from None
