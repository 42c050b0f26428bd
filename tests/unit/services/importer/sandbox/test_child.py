"""What a confined child can and can not do, asked of programs that try."""

import asyncio
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from glimpse.errors import Unavailable
from services.importer import sandbox
from services.importer.sandbox import Command, Limits, Outcome, Reads, Wall, Writes, walls

BASH = Path(shutil.which("bash") or "/bin/bash")


def bubblewrap_works() -> bool:
    if shutil.which("bwrap") is None:
        return False
    return (
        subprocess.run(["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"], capture_output=True).returncode == 0
    )


@pytest.fixture(params=[Wall.LANDLOCK, Wall.BUBBLEWRAP])
def wall(request: pytest.FixtureRequest) -> Wall:
    if request.param is Wall.LANDLOCK and walls.landlock_version() == 0:
        pytest.skip("this kernel offers no Landlock")
    if request.param is Wall.BUBBLEWRAP and not bubblewrap_works():
        pytest.skip("bubblewrap is not installed or may make no namespaces here")
    return request.param


@pytest.fixture
def open_folder(tmp_path_factory: pytest.TempPathFactory):
    """A folder that every user may walk into, so that only the walls can be what stops a child."""
    folder = Path("/tmp") / f"glimpse-test-{os.getpid()}"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


async def script(text: str, wall: Wall, *files: Reads | Writes, directory: Path = Path("/"), **limits) -> Outcome:
    command = Command(BASH, ("-c", text, "script", *files), directory)
    return await sandbox.run(command, Limits(walls=(wall,), **limits))


async def test_the_child_reads_the_file_it_is_given(wall, tmp_path):
    (tmp_path / "input").write_text("bytes of the user\n")
    (tmp_path / "input").chmod(0o600)
    outcome = await script('read -r x <"$1"; echo "$x"', wall, Reads(tmp_path / "input"))
    assert outcome == Outcome(0, b"bytes of the user\n", b"")


async def test_the_child_writes_the_file_it_is_given(wall, tmp_path):
    outcome = await script('echo result >"$1"', wall, Writes(tmp_path / "output"))
    assert (outcome.status, outcome.stderr) == (0, b"")
    assert (tmp_path / "output").read_text() == "result\n"


async def test_the_child_can_not_write_to_what_it_reads(wall, tmp_path):
    (tmp_path / "input").write_text("bytes of the user\n")
    outcome = await script('echo changed 1<>"$1"', wall, Reads(tmp_path / "input"))
    assert outcome.status != 0
    assert (tmp_path / "input").read_text() == "bytes of the user\n"


async def test_files_are_afterwards_owned_as_before(wall, tmp_path):
    (tmp_path / "input").write_text("x")
    (tmp_path / "input").chmod(0o640)
    before = (tmp_path / "input").stat()
    await script(":", wall, Reads(tmp_path / "input"), Writes(tmp_path / "output"))
    after, output = (tmp_path / "input").stat(), (tmp_path / "output").stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert (output.st_uid, output.st_mode & 0o777) == (os.geteuid(), 0o600)


OUR_ENVIRONMENT = pytest.param(f"/proc/{os.getpid()}/environ", id="our environment")


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/hostname", OUR_ENVIRONMENT, "/usr/bin/env"])
async def test_the_child_can_not_read_the_machine(wall, path):
    cat = Path(shutil.which("cat") or "/bin/cat")
    outcome = await sandbox.run(Command(cat, (path,), Path("/")), Limits(walls=(wall,)))
    assert (outcome.status, outcome.stdout) == (1, b"")
    assert b"Permission denied" in outcome.stderr or b"No such file" in outcome.stderr


async def test_the_child_can_not_read_what_lies_beside_its_file(wall, open_folder):
    (open_folder / "input").write_text("mine\n")
    (open_folder / "secret").write_text("not mine\n")
    (open_folder / "secret").chmod(0o644)
    text = f'read -r x <"$1"; echo "$x"; read -r y <{open_folder}/secret; echo "$y"'
    outcome = await script(text, wall, Reads(open_folder / "input"), directory=open_folder)
    assert outcome.stdout == b"mine\n\n"
    unconfined = await script(text, Wall.NONE, Reads(open_folder / "input"), directory=open_folder)
    assert unconfined.stdout == b"mine\nnot mine\n"  # so it was the wall


async def test_the_child_can_make_no_file(wall, open_folder):
    open_folder.chmod(0o777)
    outcome = await script(f"echo x >{open_folder}/made", wall, directory=open_folder)
    assert outcome.status != 0
    assert list(open_folder.iterdir()) == []


async def test_the_child_can_not_open_a_socket(wall):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        outcome = await script(f"echo >/dev/tcp/127.0.0.1/{server.getsockname()[1]}", wall)
        assert outcome.status != 0
        assert b"socket: Operation not permitted" in outcome.stderr
        with pytest.raises(BlockingIOError):
            server.accept()


async def test_the_child_can_not_start_another_process(wall):
    outcome = await script("(echo second)", wall)
    assert outcome.stdout == b""
    assert b"Operation not permitted" in outcome.stderr


async def test_the_child_can_not_signal_us(wall):
    outcome = await script(f"kill -0 {os.getpid()}", wall)
    assert outcome.status != 0


async def test_the_child_sees_nothing_of_our_environment(wall, monkeypatch):
    monkeypatch.setenv("GLIMPSE_POSTGRES__DSN", "postgresql://secret")
    env = Path(shutil.which("env") or "/usr/bin/env")
    outcome = await sandbox.run(Command(env, (), Path("/")), Limits(walls=(wall,)))
    assert outcome.stdout in (b"", b"PWD=/\n")  # bubblewrap says where it stands


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to stop being root")
async def test_the_child_of_root_is_not_root(wall):
    identity = Path(shutil.which("id") or "/usr/bin/id")
    outcome = await sandbox.run(Command(identity, (), Path("/")), Limits(walls=(wall,)))
    assert b"uid=0" not in outcome.stdout
    assert b"groups=0" not in outcome.stdout
    assert outcome.stdout.startswith(b"uid=")


async def test_too_much_cpu_ends_it(wall):
    outcome = await script("while :; do :; done", wall, cpu_seconds=1)
    assert outcome.status < 0
    assert outcome.broke == "the limit of 1 seconds of CPU"


async def test_too_much_time_ends_it(wall):
    outcome = await script("while :; do :; done", wall, wall_seconds=0.3)
    assert outcome.broke == "the limit of 0.3 seconds"


async def test_too_much_output_ends_it(wall, tmp_path):
    outcome = await script("printf '%0100000d' 0 >\"$1\"", wall, Writes(tmp_path / "output"), file_bytes=8192)
    assert outcome.broke == "the limit of 8192 bytes of output"
    assert (tmp_path / "output").stat().st_size <= 8192


async def test_too_much_memory_is_not_to_be_had(wall):
    assert (await script("printf -v x '%060000000d' 0 && echo had it", wall)).stdout == b"had it\n"
    outcome = await script("printf -v x '%060000000d' 0 && echo had it", wall, memory_bytes=48 * 1024**2)
    assert outcome.stdout == b""


async def test_endless_output_is_read_and_not_kept(wall):
    heard = 0

    def listen(chunk: bytes) -> None:
        nonlocal heard
        heard += len(chunk)

    command = Command(BASH, ("-c", "for i in {1..40}; do printf '%0100000d' 0; done"), Path("/"))
    outcome = await sandbox.run(command, Limits(walls=(wall,)), listen)
    assert heard == 4_000_000
    assert len(outcome.stdout) == 1024**2


async def test_a_cancelled_run_leaves_no_process(wall):
    token = f"cancelled-{os.getpid()}-{wall}"
    ready = asyncio.Event()
    command = Command(BASH, ("-c", "echo ready; while :; do :; done", token), Path("/"))
    running = asyncio.create_task(sandbox.run(command, Limits(walls=(wall,)), lambda chunk: ready.set()))
    await ready.wait()
    assert with_argument(token)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert with_argument(token) == []


def with_argument(token: str) -> list[str]:
    found = []
    for command_line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if token.encode() in command_line.read_bytes():
                found.append(command_line.parent.name)
        except OSError:
            continue
    return found


async def test_with_no_wall_it_refuses_and_says_what_is_needed(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))  # so that bubblewrap is not found
    with pytest.raises(Unavailable, match=r"bubblewrap is not here.*Landlock \(5.13 or newer\) is needed"):
        await sandbox.run(Command(BASH, ("-c", "echo ran"), Path("/")), Limits(walls=(Wall.BUBBLEWRAP,)))


async def test_where_a_wall_does_not_hold_the_next_is_taken(monkeypatch, tmp_path):
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2; exit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    command = Command(BASH, ("-c", "echo ran"), Path("/"))
    outcome = await sandbox.run(command, Limits(walls=(Wall.BUBBLEWRAP, Wall.NONE)))
    assert outcome.stdout == b"ran\n"
    with pytest.raises(Unavailable, match="bubblewrap: "):
        await sandbox.run(command, Limits(walls=(Wall.BUBBLEWRAP,)))


async def test_a_program_that_is_not_there_did_not_run(wall):
    if wall is Wall.LANDLOCK:
        with pytest.raises(Unavailable, match="No such file"):
            await sandbox.run(Command(Path("/nonexistent/program"), (), Path("/")), Limits(walls=(wall,)))
    else:
        with pytest.raises(Unavailable, match="bwrap: "):
            await sandbox.run(Command(Path("/nonexistent/program"), (), Path("/")), Limits(walls=(wall,)))
