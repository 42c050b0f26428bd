"""The processes of the API, as they are started, killed, stopped, and left alone."""

import asyncio
import contextlib
import os
import pathlib
import random
import resource
import shutil
import signal
import socket

import pytest

from tests.fixtures.processes import children, is_alive
from tests.fixtures.raw import connected
from tests.fixtures.waiting import until

LARGE = random.Random(13).randbytes(30_000_000)
OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def start(start_api):
    return start_api


async def workers_of(api, count):
    return await until(lambda: asyncio.sleep(0, api.workers()), lambda pids: len(pids) == count)


async def gone(pids):
    await until(lambda: asyncio.sleep(0, [pid for pid in pids if is_alive(pid)]), lambda left: not left)


async def is_refused(api):
    """Say whether nobody can connect any more."""
    try:
        async with connected(api.base):
            return False
    except ConnectionRefusedError:
        return True


async def test_it_says_that_it_serves_once_all_its_workers_do(start):
    api = await start(workers=3)
    assert len(api.workers()) == 3
    assert (await api.ask("GET", "/healthcheck")) == (200, b"OK")
    assert (await api.ask("GET", "/readyz"))[0] == 200


async def test_a_worker_that_is_killed_is_followed_by_another_while_the_rest_serves(start):
    api = await start(workers=2)
    first = set(api.workers())
    victim = first.pop()
    os.kill(victim, signal.SIGKILL)
    for _ in range(20):
        assert (await api.ask("GET", "/v2/images"))[0] == 200
    await gone([victim])
    now = await workers_of(api, 2)
    assert first < set(now)
    for _ in range(20):
        assert (await api.ask("GET", "/v2/images"))[0] == 200
    assert "worker died" in api.said()


async def test_on_sigterm_downloads_end_and_nobody_new_is_let_in(start):
    api = await start()
    path = await api.create(LARGE)
    async with connected(api.base, receive_buffer=65536) as client, connected(api.base) as idle:
        await idle.ask("GET", path)
        assert (await idle.answer())[0].status == 200
        await client.ask("GET", f"{path}/file")
        assert (await client.head()).status == 200
        api.process.terminate()
        assert await idle.is_ended()  # who waits for nothing is told at once
        await until(lambda: is_refused(api), bool)
        assert await client.body(len(LARGE)) == LARGE
        assert await client.is_ended()
    assert await api.ended() == 0
    assert "Traceback" not in api.said()


async def test_on_sigterm_uploads_end(start):
    api = await start()
    path = await api.create()
    async with connected(api.base) as client:
        await client.ask("PUT", f"{path}/file", {**OCTETS, "Content-Length": str(len(LARGE))}, LARGE[:1_000_000])
        await until(lambda: api.ask("GET", path), lambda answer: b"saving" in answer[1])
        api.process.terminate()
        await until(lambda: is_refused(api), bool)
        await client.send(LARGE[1_000_000:])
        head, _body = await client.answer()
        assert (head.status, head.headers["Connection"]) == (204, "close")
    assert await api.ended() == 0


async def test_on_sigterm_a_client_that_is_stuck_is_waited_for_no_longer_than_it_was_said(start, database):
    api = await start(workers=1, drain_seconds=0.5)
    full, empty = await api.create(LARGE), await api.create()
    async with connected(api.base, receive_buffer=4096) as reader, connected(api.base) as writer:
        await reader.ask("GET", f"{full}/file")
        await reader.head()
        await writer.ask("PUT", f"{empty}/file", {**OCTETS, "Content-Length": "1000000"}, b"x")
        await until(lambda: api.ask("GET", empty), lambda answer: b"saving" in answer[1])
        api.process.terminate()
        assert await api.ended(15) == 0
        assert len(await reader.rest()) < len(LARGE)
        head, body = await writer.answer()
        assert (head.status, head.headers["Connection"], head.headers["Retry-After"]) == (503, "close", "5")
        assert head.headers["x-openstack-request-id"].startswith("req-")
        assert b"send it again" in body
        assert await writer.is_ended()
    async with database.reading() as reader:
        statuses = await reader.fetch("SELECT status FROM images ORDER BY created_at")
    assert [row["status"] for row in statuses] == ["active", "queued"]  # what was cut off can be sent again
    assert "requests are cut off" in api.said()


async def test_workers_whose_parent_is_killed_go_too_and_leave_the_address(start):
    api = await start(workers=2)
    path = await api.create(LARGE)
    workers = api.workers()
    async with connected(api.base, receive_buffer=65536) as client:
        await client.ask("GET", f"{path}/file")
        await client.head()
        api.process.kill()
        await api.ended()
        await until(lambda: is_refused(api), bool)
        after = await start(port=int(api.base.rpartition(":")[2]))  # while one of them still has a client
        assert (await after.ask("GET", path))[0] == 200
        assert await client.body(len(LARGE)) == LARGE
    await gone(workers)


async def test_a_port_that_is_taken_is_one_clear_line(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        api = await start(port=taken.getsockname()[1], ready=False)
        assert await api.ended() == 1
    assert api.said().splitlines() == [
        f"glimpse: can not listen on 127.0.0.1 port {api.base.rpartition(':')[2]}: Address already in use; "
        "stop what uses it, or choose another with api.port"
    ]


@pytest.mark.rule("AC-43")
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
async def test_where_nobody_is_asked_who_they_are_only_this_machine_is_let_in(start, host):
    api = await start("--set", "auth.mode=none", "--set", f"api.host={host}", ready=False)
    assert await api.ended() == 1
    (line,) = api.said().splitlines()
    assert line.startswith(f"glimpse: auth.mode is none, and {host} can be reached from outside")


@pytest.mark.rule("AC-43")
async def test_where_nobody_is_asked_who_they_are_the_loopback_interface_is_fine(start):
    api = await start("--set", "auth.mode=none", workers=1)
    assert (await api.ask("GET", "/v2/images"))[0] == 200


async def test_a_hangup_while_it_starts_does_not_end_it(start):
    reached, going_on = asyncio.Event(), asyncio.Event()

    async def hold(_reader, writer):  # a database that takes a while
        reached.set()
        await going_on.wait()
        writer.close()

    async with await asyncio.start_server(hold, "127.0.0.1", 0) as slow:
        port = slow.sockets[0].getsockname()[1]
        api = await start("--set", f"postgres.dsn=postgresql://u@127.0.0.1:{port}/x", ready=False)
        async with asyncio.timeout(60):
            await reached.wait()
        api.process.send_signal(signal.SIGHUP)
        going_on.set()
        assert await api.ended() == 1  # there is no database; of the signal it would be -1


async def test_workers_that_die_while_they_start_end_it(start):
    api = await start("--set", "postgres.pool_size=1", "--set", "bus.deployment=x", workers=2, ready=False)
    await until(lambda: asyncio.sleep(0, children(api.pid)), bool)
    while api.process.returncode is None:  # whoever is born is killed before it serves
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            for pid in children(api.pid):
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0)
        if b"ready" in api.log.read_bytes():
            break
    assert await api.ended() == 1
    assert "the API's workers die while they start" in api.said()


async def test_clients_are_spread_over_the_workers(start):
    api = await start(workers=2)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(16):
            client = await stack.enter_async_context(connected(api.base))
            await client.ask("GET", "/v2/images")
            assert (await client.answer())[0].status == 200
        counts = [len(connections_of(pid)) for pid in api.workers()]
    assert sum(counts) == 16
    assert min(counts) >= 2, counts


def connections_of(pid):
    """Return the connections of clients that a process has open."""
    sockets = set()
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            sockets.add(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    with open(f"/proc/{pid}/net/tcp") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    listening = {row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets}
    return [row[2] for row in rows if row[3] == "01" and row[1] in listening and f"socket:[{row[9]}]" in sockets]


async def test_a_process_that_is_out_of_descriptors_serves_whom_it_has_and_does_not_spin(start):
    few = 80

    def limited():
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, few))

    api = await start(workers=1, preexec_fn=limited)
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(connected(api.base))
        await client.ask("GET", "/v2/images")
        assert (await client.answer())[0].status == 200
        for _ in range(2 * few):
            await stack.enter_async_context(connected(api.base))
        await until(lambda: asyncio.sleep(0, api.said()), lambda said: "can not accept connections" in said)
        await asyncio.sleep(1)
        assert api.said().count("can not accept connections") < 10
        await client.ask("GET", "/v2/images")
        assert (await client.answer())[0].status == 200
    assert (await api.ask("GET", "/v2/images"))[0] == 200


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
async def test_the_kernel_sends_the_bytes_of_files(start, tmp_path):
    api = await start(workers=1)
    path = await api.create(LARGE)
    trace = tmp_path / "trace"
    (worker,) = api.workers()
    strace = await asyncio.create_subprocess_exec(
        *("strace", "-f", "-q", "-e", "trace=sendfile,read,pread64,write,writev,sendto,sendmsg"),
        *("-o", trace, "-p", str(worker)),
    )
    try:
        status_file = pathlib.Path(f"/proc/{worker}/status")
        await until(lambda: asyncio.to_thread(status_file.read_text), lambda text: "TracerPid:\t0" not in text)
        status, body = await api.ask("GET", f"{path}/file")
    finally:
        strace.terminate()
        await strace.wait()
    assert (status, body == LARGE) == (200, True)
    calls = [line.split(maxsplit=1)[1] for line in trace.read_text().splitlines() if " = " in line]
    sent = sum(int(call.rpartition(" = ")[2]) for call in calls if call.startswith("sendfile(") and " = -" not in call)
    others = sum(
        int(call.rpartition(" = ")[2].split()[0])
        for call in calls
        if not call.startswith("sendfile(") and " = -" not in call and call.rpartition(" = ")[2].split()[0].isdigit()
    )
    assert sent == len(LARGE)
    assert others < 1_000_000, "nothing of it passed through the process"
