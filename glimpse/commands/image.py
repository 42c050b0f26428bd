"""`glimpse image ...`: a small client with progress bars."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Column, Table

from glimpse import client
from glimpse.client import Client
from glimpse.commands import settled, tables
from glimpse.errors import GlimpseError, Invalid

app = typer.Typer(help="Images, over HTTP.", no_args_is_help=True)

Url = Annotated[str, typer.Option("--url", envvar="GLIMPSE_URL", help="Where the service is.")]
Token = Annotated[str | None, typer.Option("--token", envvar=["GLIMPSE_TOKEN", "OS_TOKEN"], help="Who you are.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Wanted = Annotated[str, typer.Argument(help="An image's id, or its name when only one has it.")]
Name = Annotated[str | None, typer.Option(help="Default: the file's name.")]
DiskFormat = Annotated[str, typer.Option(help="What the bytes are: raw, qcow2, vmdk, vdi, vhd, vhdx, iso ...")]
ContainerFormat = Annotated[str, typer.Option(help="What they are wrapped in.")]
Store = Annotated[str | None, typer.Option(help="Which store keeps them.")]
Property = Annotated[list[str] | None, typer.Option("--property", help="name=value. May be given several times.")]
Tag = Annotated[list[str] | None, typer.Option("--tag", help="May be given several times.")]
DEFAULT_URL = "http://127.0.0.1:9292"


@app.command("list")
def list_images(
    name: Annotated[str | None, typer.Option(help="Only images with this name.")] = None,
    limit: Annotated[int | None, typer.Option(min=0, help="At most so many.")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List the images you can see."""

    async def story(service: Client) -> None:
        found = await service.list_images({"name": f"eq:{name}"} if name else {}, limit)
        if as_json:
            _print_json(found)
            return
        table = Table(Column("id", no_wrap=True), "name", "status", "visibility", "disk format", "size")
        for image in found:
            row = (
                image["id"],
                image["name"],
                image["status"],
                image["visibility"],
                image["disk_format"],
                image["size"],
            )
            table.add_row(*("" if value is None else str(value) for value in row))
        tables.show(table)

    _run(url, token, story)


@app.command("deleted")
def list_deleted(
    name: Annotated[str | None, typer.Option(help="Only images with this name.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only images of this project.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many.")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List deleted images, newest first, for administrators: `glimpse restore ID` gives one back."""

    async def story(service: Client) -> None:
        filters = {name: value for name, value in {"name": name, "owner": owner}.items() if value is not None}
        found = await service.list_images(filters, limit, "/v2/images/deleted")
        if as_json:
            _print_json(found)
            return
        table = Table(Column("id", no_wrap=True), "name", "owner", "deleted at", "can be restored until")
        for image in found:
            until = "is being restored" if image["restore_requested_at"] else image["restorable_until"] or "is gone"
            row = (image["id"], image["name"], image["owner"], image["deleted_at"], until)
            table.add_row(*("" if value is None else str(value) for value in row))
        tables.show(table)

    _run(url, token, story)


@app.command()
def show(wanted: Wanted, url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:
    """Show one image."""

    async def story(service: Client) -> None:
        _show(await service.find(wanted), as_json)

    _run(url, token, story)


@app.command()
def upload(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The bytes.")],
    disk_format: DiskFormat,
    name: Name = None,
    container_format: ContainerFormat = "bare",
    store: Store = None,
    properties: Property = None,
    tags: Tag = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Create an image and send its bytes; what arrived is compared with what was sent."""

    async def story(service: Client) -> None:
        members = _members(name or file.name, disk_format, container_format, properties, tags)
        image = await service.create(members)
        with _bar() as progress:
            headers = {"X-Image-Meta-Store": store} if store else {}
            try:
                sent = await service.send(f"/v2/images/{image['id']}/file", file, progress, headers)
            except (GlimpseError, OSError) as error:  # an empty image would only be in the way
                raise await _given_up(service, image["id"], error) from error
        image = await service.find(image["id"])
        if image["os_hash_algo"] == "sha512" and image["os_hash_value"] != sent:
            raise client.Refused(f"image {image['id']} does not hold what was sent: delete it and try again")
        _show(image, as_json)

    _run(url, token, story)


@app.command()
def download(
    wanted: Wanted,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Fetch an image's bytes; the file appears once they are verified."""

    async def story(service: Client) -> None:
        image = await service.find(wanted)
        with _bar() as progress:
            await service.receive(image, output, progress)
        print(f"{output}: {image['size']} bytes, {image['os_hash_algo']} verified")

    _run(url, token, story)


@app.command("import")
def import_image(
    source: Annotated[str, typer.Argument(help="A file, or an http(s) URL that the service fetches.")],
    disk_format: DiskFormat,
    name: Name = None,
    container_format: ContainerFormat = "bare",
    store: Store = None,
    properties: Property = None,
    tags: Tag = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Create an image and have the service check, convert and store its bytes."""
    remote = source.startswith(("http://", "https://"))
    with settled.refusals_in_one_line():
        if not remote and not Path(source).is_file():
            raise Invalid(f"{source} is neither a file nor an http(s) URL")

    async def story(service: Client) -> None:
        called = name or source.rstrip("/").rpartition("/")[2]
        members = _members(called, disk_format, container_format, properties, tags)
        image = await service.create(members)
        with _bar() as progress:
            if not remote:
                await service.send(f"/v2/images/{image['id']}/stage", Path(source), progress, {})
            method = {"name": "web-download", "uri": source} if remote else {"name": "glance-direct"}
            wish = {"method": method, **({"stores": [store]} if store else {})}
            await service.json("POST", f"/v2/images/{image['id']}/import", json=wish)
            image = await service.wait_for_import(image["id"], progress)
        _show(image, as_json)

    _run(url, token, story)


@app.command()
def delete(wanted: Wanted, url: Url = DEFAULT_URL, token: Token = None) -> None:
    """Delete an image."""

    async def story(service: Client) -> None:
        image = await service.find(wanted)
        await service.json("DELETE", f"/v2/images/{image['id']}")
        print(f"deleted {image['id']}")

    _run(url, token, story)


def _run(url: str, token: str | None, story: Callable[[Client], Awaitable[None]]) -> None:
    async def with_a_session() -> None:
        async with Client.open(url, token) as service:
            await story(service)

    with settled.refusals_in_one_line():
        asyncio.run(with_a_session())


async def _given_up(service: Client, image_id: str, error: GlimpseError | OSError) -> GlimpseError:
    """Delete an image that got no bytes; return what is to be said, with its id where it had to be left."""
    told = error.message if isinstance(error, GlimpseError) else f"can not read the file: {error.strerror}"
    try:
        await service.json("DELETE", f"/v2/images/{image_id}")
    except GlimpseError:
        return client.Refused(f"{told}; image {image_id} was made and has no bytes: glimpse image delete {image_id}")
    return client.Refused(told)


def _members(
    name: str, disk_format: str, container_format: str, properties: list[str] | None, tags: list[str] | None
) -> dict[str, Any]:
    members: dict[str, Any] = {"name": name, "disk_format": disk_format, "container_format": container_format}
    for assignment in properties or []:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise Invalid(f"--property {assignment}: write it as name=value")
        members[key] = value
    return {**members, "tags": tags or []}


@contextlib.contextmanager
def _bar() -> Iterator[client.Progress]:
    """Show how far a transfer is on a terminal; keep quiet elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=Console(stderr=True), disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("starting", total=None)

        def progress(phase: str, done: int, total: int | None) -> None:
            bar.update(task, description=phase, completed=done, total=total)

        yield progress


def _show(image: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(image)
        return
    table = Table("member", "value")
    for member, value in sorted(image.items()):
        table.add_row(member, _words(value))
    tables.show(table)


def _words(value: Any) -> str:
    """Return what a member holds as one would read it; what has members itself as JSON."""
    if isinstance(value, list):
        return ", ".join(_words(each) for each in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))
