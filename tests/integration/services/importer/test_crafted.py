"""Disks that nobody should open: each is refused before qemu-img sees it, and none gives a secret away if it does."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from glimpse.errors import Unavailable, WrongFormat
from glimpse.formats.inspect import EARLY, Inspector, verdict
from services.importer import qemu, sandbox
from services.importer.sandbox import Command, Limits, Reads, Wall, Writes
from tests.fixtures import crafted

NAMES = [(each.name, each.cve) for each in crafted.corpus(Path("/nowhere"))]
SECRET = b"the password of the database is swordfish\n"
LIMITS = Limits(file_bytes=64 * 2**20, cpu_seconds=20, wall_seconds=60)
needs_qemu_img = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")


@pytest.fixture
def folder():
    """A folder that every user may walk into, with a secret that every user may read: only the walls protect it."""
    folder = Path("/tmp") / f"glimpse-test-crafted-{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "secret").write_bytes(SECRET.ljust(65536, b"."))
    (folder / "secret").chmod(0o644)
    yield folder
    shutil.rmtree(folder)


def inspected(content: bytes, declared: str, *, strict: bool) -> int | None:
    """Do what an import does with bytes: look at them as they pass, then judge."""
    inspector = Inspector(declared if strict else None)
    for begin in range(0, len(content), 65536):
        inspector.feed(content[begin : begin + 65536])
    finding = inspector.finish()
    if declared == "raw" and finding.format != "raw":  # as judge.judge does where there is conversion (OP-41)
        raise WrongFormat("declared raw, and more than that")
    return verdict(declared, "bare", finding)


def test_there_is_a_disk_for_every_known_class():
    assert len(NAMES) == len({name for name, _cve in NAMES}) >= 60
    assert {cve for _name, cve in NAMES} >= {
        "CVE-2014-7230", "CVE-2015-5163", "CVE-2022-47951", "CVE-2024-32498", "CVE-2024-40767", "CVE-2024-44982",
    }  # fmt: skip


@pytest.mark.rule("OP-145", "OP-41", "OP-43", "OP-44")
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("number", range(len(NAMES)), ids=[name for name, _cve in NAMES])
def test_it_is_refused_by_what_looks_at_it_as_it_passes(number: int, strict: bool) -> None:
    disk = crafted.corpus(Path("/var/lib/secret"))[number]
    with pytest.raises(WrongFormat) as refused:
        inspected(disk.content, disk.disk_format, strict=strict)
    assert "/var/lib/secret" not in refused.value.message


@pytest.mark.rule("OP-133")
def test_a_disk_whose_header_gives_it_away_is_refused_within_the_first_mebibyte() -> None:
    for disk in crafted.corpus(Path("/nowhere")):
        if disk.disk_format == "qcow2" and disk.name.startswith("qcow2 backed"):
            inspector = Inspector("qcow2")
            with pytest.raises(WrongFormat):
                inspector.feed(disk.content[:EARLY])


@needs_qemu_img
@pytest.mark.rule("OP-145")
async def test_with_nobody_to_inspect_them_none_gives_a_secret_away(folder):
    """The second wall alone: qemu-img is given each disk as it is."""
    target, image, traps = folder / "target", folder / "disk", 0
    for disk in crafted.corpus(folder / "secret"):
        if not disk.leads_out:
            continue
        image.write_bytes(disk.content)
        arguments = ["convert", "-f", disk.disk_format, "-O", "raw", Reads(image), Writes(target)]
        command = Command(Path(shutil.which("qemu-img") or ""), arguments, folder)
        outcome = await sandbox.run(command, replace(LIMITS, walls=(Wall.NONE,)))
        traps += outcome.status == 0 and SECRET in target.read_bytes()
        target.unlink(missing_ok=True)
        try:
            outcome = await sandbox.run(command, LIMITS)
        except Unavailable as error:
            pytest.skip(error.message)
        written = target.read_bytes() if target.exists() else b""
        assert SECRET.strip() not in written + outcome.stdout + outcome.stderr, disk.name
        target.unlink(missing_ok=True)
        with pytest.raises(WrongFormat):
            await qemu.info(image, disk.disk_format)
    assert traps >= 5, "without walls, these disks do give the secret away"
