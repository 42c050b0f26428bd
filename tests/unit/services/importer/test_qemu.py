"""The real qemu-img on real, crafted and broken disks."""

import asyncio
import os
import random
import shutil
import signal
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import uvloop

from glimpse.errors import StoreFull, Unavailable, WrongFormat
from services.importer import qemu, sandbox
from services.importer.sandbox import Command, Limits, Reads, Wall, Writes

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-img") is None, reason="qemu-img is not installed (Debian: qemu-utils)"
)

MIB = 1024**2
SIZE = 8 * MIB
LIMITS = Limits(file_bytes=64 * MIB, cpu_seconds=20, wall_seconds=60)
SECRET = b"the password of the database is swordfish\n"


def qemu_img(*arguments: object) -> None:
    subprocess.run(["qemu-img", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def content() -> bytes:
    noise = random.Random(1).randbytes(MIB)
    return noise + bytes(2 * MIB) + noise + bytes(SIZE - 4 * MIB)


@pytest.fixture
def raw(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "source.raw"
    path.write_bytes(content)
    return path


@pytest.fixture
def open_folder():
    """A folder that every user may walk into, with a secret that every user may read: only the walls protect it."""
    folder = Path("/tmp") / f"glimpse-test-qemu-{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def disk(raw: Path, name: str, options: str | None = None) -> Path:
    path = raw.with_name(f"disk.{name}")
    qemu_img("convert", "-f", "raw", "-O", name, *(["-o", options] if options else []), raw, path)
    return path


MATRIX = [
    ("qcow2", "qcow2", "compat=0.10"),
    ("qcow2", "qcow2", "compat=1.1"),
    ("vmdk", "vmdk", "subformat=monolithicSparse"),
    ("vmdk", "vmdk", "subformat=streamOptimized"),
    ("vdi", "vdi", None),
    ("vhdx", "vhdx", None),
    ("vhd", "vpc", "subformat=dynamic"),  # OP-149
    ("vhd", "vpc", "subformat=fixed"),  # OP-149
]


@pytest.mark.rule("OP-149")
@pytest.mark.parametrize(("disk_format", "name", "options"), MATRIX)
async def test_every_format_becomes_the_same_raw_bytes(raw, content, disk_format, name, options):
    source, target = disk(raw, name, options), raw.with_name("target.raw")
    said = await qemu.info(source, disk_format)
    await qemu.convert(source, disk_format, target, "raw", LIMITS)
    got = target.read_bytes()
    assert got[:SIZE] == content
    assert not any(got[SIZE:])  # a VHD rounds up to cylinders
    assert said.virtual_size == len(got)  # IMG-180


@pytest.mark.parametrize("target_format", ["qcow2", "vmdk"])
async def test_raw_becomes_another_format_and_the_same_bytes_come_back(raw, content, target_format):
    target, back = raw.with_name("target"), raw.with_name("back.raw")
    await qemu.convert(raw, "raw", target, target_format, LIMITS)
    assert (await qemu.info(target, target_format)).virtual_size == SIZE
    await qemu.convert(target, target_format, back, "raw", LIMITS)
    assert back.read_bytes() == content


async def test_the_result_is_sparse(raw):
    target = raw.with_name("target.raw")
    await qemu.convert(disk(raw, "qcow2"), "qcow2", target, "raw", LIMITS)
    assert target.stat().st_blocks * 512 < 3 * MIB


async def test_progress_is_told_and_ends_at_a_hundred(raw):
    heard: list[float] = []
    await qemu.convert(disk(raw, "qcow2"), "qcow2", raw.with_name("target.raw"), "raw", LIMITS, heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 100


async def test_what_is_of_another_format_than_declared_is_refused(raw):
    with pytest.raises(WrongFormat):
        await qemu.info(raw, "qcow2")
    with pytest.raises(WrongFormat):
        await qemu.info(disk(raw, "qcow2"), "vhdx")


@pytest.mark.parametrize("disk_format", ["ami", "iso", "ploop", "qed", "vpc"])
async def test_a_format_that_is_not_converted_is_refused_by_name(raw, disk_format):
    with pytest.raises(WrongFormat, match=f"{disk_format} images can not be converted"):
        await qemu.info(raw, disk_format)


def with_backing_file(folder: Path, secret: Path) -> Path:
    image = folder / "backing.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", image)
    return image


def with_data_file(folder: Path, secret: Path) -> Path:
    image, data = folder / "data.qcow2", folder / "data.bin"
    qemu_img("create", "-q", "-f", "qcow2", "-o", f"data_file={data},data_file_raw=on", image, "64K")
    qemu_img("bench", "-q", "-c", "1", "-w", "-f", "qcow2", "-s", "65536", image)  # so that a cluster is allocated
    data.unlink()
    os.link(secret, data)
    return image


def with_extent(folder: Path, secret: Path) -> Path:
    image = folder / "flat.vmdk"
    image.write_text(
        '# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType="monolithicFlat"\n\n'
        f'RW 128 FLAT "{secret}" 0\n\nddb.virtualHWVersion = "4"\nddb.geometry.cylinders = "1"\n'
        'ddb.geometry.heads = "16"\nddb.geometry.sectors = "63"\nddb.adapterType = "ide"\n'
    )
    return image


CRAFTED = [("qcow2", with_backing_file), ("qcow2", with_data_file), ("vmdk", with_extent)]


@pytest.fixture(params=CRAFTED, ids=lambda case: case[1].__name__)
def crafted(request, open_folder):
    secret = open_folder / "secret"
    secret.write_bytes(SECRET.ljust(65536, b"."))
    secret.chmod(0o644)
    disk_format, craft = request.param
    return disk_format, craft(open_folder, secret)


@pytest.mark.rule("OP-145")
async def test_a_disk_that_refers_to_another_file_is_refused(crafted):
    disk_format, image = crafted
    with pytest.raises(WrongFormat):
        await qemu.info(image, disk_format)


@pytest.mark.rule("OP-145")
@pytest.mark.parametrize("wall", sandbox.CONFINED)
async def test_even_uninspected_such_a_disk_gives_no_secret_away(crafted, open_folder, wall):
    disk_format, image = crafted
    target = open_folder / "target.raw"
    arguments = ["convert", "-f", disk_format, "-O", "raw", Reads(image), Writes(target)]
    command = Command(Path(shutil.which("qemu-img") or ""), arguments, open_folder)
    unconfined = await sandbox.run(command, replace(LIMITS, walls=(Wall.NONE,)))
    assert unconfined.status == 0, unconfined.stderr
    assert target.read_bytes().startswith(SECRET)  # the trap is a real one
    target.unlink()
    try:
        outcome = await sandbox.run(command, replace(LIMITS, walls=(wall,)))
    except Unavailable as error:
        pytest.skip(error.message)
    assert outcome.status != 0
    assert SECRET not in target.read_bytes()
    assert SECRET.strip() not in outcome.stdout + outcome.stderr
    target.unlink()
    with pytest.raises(WrongFormat):
        await qemu.convert(image, disk_format, target, "raw", replace(LIMITS, walls=(wall,)))


@pytest.mark.rule("OP-145")
@pytest.mark.parametrize("subformat", ["monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"])
async def test_a_vmdk_of_more_than_one_file_is_refused(raw, subformat):
    with pytest.raises(WrongFormat):
        await qemu.info(disk(raw, "vmdk", f"subformat={subformat}"), "vmdk")


async def test_a_vmdk_of_a_type_that_the_operator_does_not_want_is_refused(raw):
    image = disk(raw, "vmdk", "subformat=monolithicSparse")
    await qemu.info(image, "vmdk")
    for types, told in ((["streamOptimized"], "streamOptimized are"), ([], "none are")):
        with pytest.raises(WrongFormat, match=f"a vmdk of type monolithicSparse is not taken; {told}"):
            await qemu.info(image, "vmdk", vmdk_types=types)


async def test_an_encrypted_disk_is_refused_with_the_reason(tmp_path):
    image = tmp_path / "locked.qcow2"
    secret = ("--object", "secret,id=s,data=open-sesame")
    options = "encrypt.format=aes,encrypt.key-secret=s"  # qemu-img can not make a luks one on a clock that is coarse
    qemu_img("create", "-q", *secret, "-f", "qcow2", "-o", options, image, "1M")
    with pytest.raises(WrongFormat, match="encrypted"):
        await qemu.info(image, "qcow2")


@pytest.mark.parametrize(("disk_format", "name", "options"), [case for case in MATRIX if case[2] != "subformat=fixed"])
async def test_a_disk_cut_short_is_refused_with_the_reason(raw, disk_format, name, options):
    source = disk(raw, name, options)
    os.truncate(source, source.stat().st_size // 2)
    with pytest.raises(WrongFormat, match=r"(?i)truncated|cut short|end of the file|after EOF"):
        await qemu.convert(source, disk_format, raw.with_name("target.raw"), "raw", LIMITS)


async def test_a_disk_with_a_broken_table_is_refused_with_the_reason(raw):
    source = disk(raw, "qcow2")
    with source.open("r+b") as file:
        file.seek(40)  # where the first table of clusters begins
        file.write(struct.pack(">Q", 0x1234))
    with pytest.raises(WrongFormat, match="L1 table"):
        await qemu.info(source, "qcow2")


async def test_a_disk_that_was_not_closed_cleanly_is_taken(raw, content):
    source = disk(raw, "qcow2", "lazy_refcounts=on")
    with source.open("r+b") as file:  # forget one cluster's count, and say that counts may be wrong
        file.seek(48)
        table = struct.unpack(">Q", file.read(8))[0]
        file.seek(table)
        block = struct.unpack(">Q", file.read(8))[0]
        file.seek(block + 2 * 6)
        file.write(b"\0\0")
        file.seek(72)
        file.write(struct.pack(">Q", 1))
    target = raw.with_name("target.raw")
    await qemu.convert(source, "qcow2", target, "raw", LIMITS)
    assert target.read_bytes() == content


async def test_a_result_larger_than_allowed_is_refused(raw):
    with pytest.raises(StoreFull, match="larger than 1048576 bytes"):
        await qemu.convert(
            disk(raw, "qcow2"), "qcow2", raw.with_name("target.raw"), "raw", replace(LIMITS, file_bytes=MIB)
        )


async def test_a_limit_of_memory_is_named(raw):
    source = disk(raw, "qcow2", "cluster_size=2M")
    with pytest.raises(Unavailable, match="memory"):
        await qemu.convert(source, "qcow2", raw.with_name("target.raw"), "raw", replace(LIMITS, memory_bytes=48 * MIB))


async def test_a_limit_of_time_is_named(raw):
    with pytest.raises(Unavailable, match=r"stopped at the limit of 0.001 seconds"):
        await qemu.convert(
            disk(raw, "qcow2"), "qcow2", raw.with_name("target.raw"), "raw", replace(LIMITS, wall_seconds=0.001)
        )


async def test_a_cancelled_conversion_leaves_no_process(tmp_path):
    source, target = tmp_path / "large.raw", tmp_path / "target.qcow2"
    with source.open("wb") as file:
        for _ in range(64):
            file.write(random.Random(2).randbytes(4 * MIB))
    started = asyncio.Event()
    converting = asyncio.create_task(
        qemu.convert(source, "raw", target, "qcow2", replace(LIMITS, file_bytes=1024 * MIB), lambda _: started.set())
    )
    await started.wait()
    converting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await converting
    assert b"qemu-img" not in children_of_ours()
    assert target.stat().st_size < source.stat().st_size


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_somebody_who_ends_it_says_nothing_of_the_image(tmp_path, number):
    source = tmp_path / "large.raw"
    with source.open("wb") as file:
        for _ in range(64):
            file.write(random.Random(2).randbytes(4 * MIB))

    def end(_progress):
        for child in psutil.Process().children(recursive=True):
            if child.name() == "qemu-img":
                child.send_signal(number)

    with pytest.raises(Unavailable, match="ended by somebody else"):
        await qemu.convert(source, "raw", tmp_path / "t.qcow2", "qcow2", replace(LIMITS, file_bytes=1024 * MIB), end)


def children_of_ours() -> list[bytes]:
    """The names of our children, whatever they do."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_bytes().partition(b"(")[2].rpartition(b")")
        except OSError:
            continue
        if int(rest.split()[1]) == os.getpid():
            found.append(name)
    return found


async def test_what_is_in_the_format_already_is_not_converted(raw):
    with pytest.raises(ValueError, match="raw needs no conversion"):
        await qemu.convert(raw, "raw", raw.with_name("target.raw"), "raw", LIMITS)


async def test_the_version_is_found():
    version = await qemu.available()
    assert version is not None
    assert version[0].isdigit()


async def test_a_machine_without_qemu_img_is_told_what_to_install(raw, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await qemu.available() is None
    with pytest.raises(Unavailable, match="qemu-utils"):
        await qemu.info(raw, "raw")


def test_it_works_on_uvloop_too(raw, content):
    source, target = disk(raw, "qcow2"), raw.with_name("target.raw")
    uvloop.run(qemu.convert(source, "qcow2", target, "raw", LIMITS))
    assert target.read_bytes() == content
