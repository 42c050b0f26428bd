"""What bytes are recognised as, and what is refused."""

import shutil
import subprocess
from pathlib import Path

import pytest

from glimpse.errors import WrongFormat
from glimpse.formats.inspect import Finding, Inspector, verdict

MIB = 1024 * 1024
needs_qemu = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")


def an_image(folder: Path, disk_format: str, *options: str, size: int = 10 * MIB) -> bytes:
    name = {"vhd": "vpc"}.get(disk_format, disk_format)
    path = folder / f"disk.{disk_format}"
    subprocess.run(["qemu-img", "create", "-q", "-f", name, *options, path, str(size)], check=True)
    return path.read_bytes()


def inspect(content: bytes, declared: str | None = None) -> Finding:
    inspector = Inspector(declared)
    for begin in range(0, len(content), 65536):
        inspector.feed(content[begin : begin + 65536])
    return inspector.finish()


@needs_qemu
@pytest.mark.rule("IMG-180", "OP-43")
@pytest.mark.parametrize("disk_format", ["qcow2", "vdi", "vhdx", "vhd"])
def test_a_real_image_is_recognised_with_its_virtual_size(tmp_path: Path, disk_format: str) -> None:
    finding = inspect(an_image(tmp_path, disk_format), disk_format)
    assert (finding.format, finding.unsafe) == (disk_format, None)
    assert verdict(disk_format, "bare", finding) == pytest.approx(10 * MIB, rel=0.02)  # VHD rounds


@needs_qemu
def test_a_monolithic_sparse_vmdk_is_recognised(tmp_path: Path) -> None:
    finding = inspect(an_image(tmp_path, "vmdk", "-o", "subformat=monolithicSparse"))
    assert verdict("vmdk", "bare", finding) == 10 * MIB


@pytest.mark.rule("IMG-180", "IMG-416")
def test_the_virtual_size_of_raw_bytes_is_their_number() -> None:
    assert verdict("raw", "bare", inspect(b"\0" * 300_000)) == 300_000
    assert verdict("raw", "bare", inspect(b"")) is None


@pytest.mark.rule("IMG-180", "IMG-416")
def test_formats_nobody_can_recognise_and_other_containers_have_no_virtual_size() -> None:
    assert verdict("ami", "bare", inspect(b"kernel" * 1000)) is None
    assert verdict("qcow2", "ova", inspect(b"anything" * 1000)) is None


@needs_qemu
@pytest.mark.rule("IMG-413", "IMG-416", "OP-133")
def test_bytes_of_another_format_are_refused_within_the_first_mebibyte() -> None:
    inspector = Inspector("qcow2")
    with pytest.raises(WrongFormat, match="says qcow2, but the bytes look like"):
        inspector.feed(b"this is no disk image" * 50_000)


@pytest.mark.rule("IMG-413", "OP-44")
def test_a_mismatch_is_refused_unless_the_operator_says_otherwise() -> None:
    finding = inspect(b"\1" * MIB)
    with pytest.raises(WrongFormat, match="says vmdk, but the bytes are raw"):
        verdict("vmdk", "bare", finding)
    assert verdict("vmdk", "bare", finding, require_match=False) is None


@needs_qemu
@pytest.mark.rule("IMG-414", "OP-44", "OP-145")
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("-b", "/etc/hostname", "-F", "raw", "-u"), "backing"),
        (("-o", "data_file=secret,data_file_raw=on"), "data_file"),
        (("-o", "extended_l2=on"), "features"),
    ],
)
def test_a_qcow2_that_refers_to_other_files_is_refused_by_its_header(
    tmp_path: Path, options: tuple[str, ...], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = an_image(tmp_path, "qcow2", *options)
    with pytest.raises(WrongFormat, match=says):
        Inspector("qcow2").feed(content[:65536])
    with pytest.raises(WrongFormat, match=says):
        verdict("raw", "bare", inspect(content))  # calling it raw does not help


def test_a_qed_image_is_never_safe() -> None:
    assert inspect(b"QED\0" + b"\0" * MIB).unsafe is not None
