"""What a person reads when everything runs: where it is, and lines to paste."""

import ipaddress
import shlex
import shutil
import sys
from pathlib import Path

from glimpse.embedded import directory
from glimpse.embedded.directory import Directory
from glimpse.settings import Settings

DEFAULT_URL = "http://127.0.0.1:9292"


def text(home: Directory, settings: Settings, seconds: float) -> str:
    """Return the text, set off by empty lines."""
    here = url(settings.api.host, settings.api.port)
    lines = [
        f"Glimpse is ready after {seconds:.1f} seconds: {here}",
        f"Everything it keeps is in {home.path}. Ctrl-C stops it.",
        "",
        *(f"    {line}" for line in _to_paste(home, settings, here)),
    ]
    return "\n" + "\n".join(lines).rstrip() + "\n"


def url(host: str, port: int) -> str:
    """Return where a client on this machine finds the service."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"http://{host}:{port}"
    if address.is_unspecified:
        host = "::1" if address.version == 6 else "127.0.0.1"
    return f"http://[{host}]:{port}" if address.version == 6 else f"http://{host}:{port}"


def _to_paste(home: Directory, settings: Settings, here: str) -> list[str]:
    glimpse, openstack = _typed("glimpse"), _typed("openstack")
    beside = "" if home.path == directory.default() else f" --config {shlex.quote(str(home.settings))}"
    watch = f"{glimpse} events tail{beside}"
    if settings.auth.mode != "none":
        return [watch]  # what else is needed to be let in, we do not know
    there = "" if here == DEFAULT_URL else f" --url {here}"
    create = (
        f"{openstack} --os-auth-type none --os-endpoint {here} image create --disk-format raw --file disk.raw plain"
    )
    return [
        f"curl -s {here}/v2/images",
        *([create] if shutil.which(openstack) else []),  # a client of others', that not everybody has
        f"{glimpse} image upload disk.raw --disk-format raw --name mine{there}",
        watch,
    ]


def _typed(command: str) -> str:
    """Return what to type for a command: its name where that leads to the one beside us, its whole path elsewhere."""
    ours = Path(sys.executable).with_name(command)
    found = shutil.which(command)
    if not ours.exists() or (found is not None and Path(found).resolve() == ours.resolve()):
        return command
    return shlex.quote(str(ours))
