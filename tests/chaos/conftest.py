"""A Glimpse with short clocks, whose processes are killed at chosen statements; and who looks at it afterwards."""

import contextlib
import socket
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from tests.chaos.checker import Checker, Topics
from tests.chaos.clocks import words
from tests.fixtures import gates
from tests.fixtures.kafka import topics_of_its_own
from tests.fixtures.up import Glimpse


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--runs", type=int, default=1, help="how often each test of crashes is run, on the same Glimpse")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    runs = metafunc.config.getoption("--runs", default=1)
    if runs > 1:
        metafunc.fixturenames.append("run")
        metafunc.parametrize("run", range(runs), scope="module")


@pytest.fixture(scope="module", params=["log", "kafka"])
def glimpse(request, roomy, start):
    """A Glimpse whose clocks are short: its bus is its own log, or Kafka."""
    folder = roomy / uuid.uuid4().hex
    folder.mkdir(mode=0o755)
    with contextlib.ExitStack() as stack:
        argv, topics = words(), None
        if request.param == "kafka":
            bootstrap = request.getfixturevalue("kafka")
            topics = Topics(bootstrap, stack.enter_context(topics_of_its_own(bootstrap)))
            argv = [*words(**{"bus.kafka_topic_prefix": topics.prefix}), "--kafka", bootstrap]
        running = stack.enter_context(start(folder, *argv))
        running.topics = topics
        yield running


@pytest.fixture
def checker(glimpse) -> Checker:
    return Checker(glimpse, glimpse.topics)


@pytest.fixture
def gate(glimpse) -> Callable[..., AbstractAsyncContextManager[gates.Gate]]:
    """Hold whoever writes something: `async with gate("UPDATE", "images", "NEW.status = 'active'") as held`."""

    def closed(what: str, table: str, when: str = "true") -> AbstractAsyncContextManager[gates.Gate]:
        return gates.closed(glimpse.dsn, what, table, when)

    return closed


@contextlib.contextmanager
def half_sent(glimpse: Glimpse, path: str, content: bytes) -> Any:
    """Send half of some bytes, and leave the connection open."""
    host, port = glimpse.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 30) as connection:
        head = f"PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/octet-stream\r\n"
        connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content[: len(content) // 2])
        yield connection


@pytest.fixture
def sending(glimpse) -> Callable[[str, bytes], Any]:
    return lambda path, content: half_sent(glimpse, path, content)
