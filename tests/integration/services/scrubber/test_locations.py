"""Bytes of others: given back with their images, and never deleted."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from services.scrubber import doomed, orphans, purge, restore


@dataclass
class Server:
    """Gives bytes while `status` is 200, and remembers how it was asked."""

    url: str = ""
    content: bytes = b""
    status: int = 200
    asked: list[str] = field(default_factory=list)

    async def give(self, request: web.Request) -> web.Response:
        self.asked.append(request.method)
        return web.Response(body=self.content) if self.status == 200 else web.Response(status=self.status)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/disk", server.give)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/disk"
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        yield server


@pytest.fixture
def house(house: Any) -> Any:
    """A scrubber that knows a store of other people's servers."""
    stores = {name: store.model_dump() for name, store in house.ports.settings.stores.items()}
    return house.configured(
        stores={**stores, "web": {"type": "http"}},
        import_={"allowed_networks": ["127.0.0.1/32"], "allowed_ports": ()},
    )


async def an_image(house: Any, server: Server) -> str:
    """Make an image whose bytes somebody else has, in two places."""
    image_id: str = await house.image(stores=())
    server.content = house.content(image_id)
    for place, rack in ((2, "1"), (1, "2")):
        await house.execute(
            """
            INSERT INTO blobs (image_id, store, key, state, size, is_foreign, metadata, place)
            VALUES ($1, 'web', $2, 'stored', $3, true, $4, $5)
            """,
            image_id,
            server.url,
            len(server.content),
            {"rack": rack},
            place,
        )
    await house.say(image_id, "stores", ["web"])
    return image_id


@pytest.mark.rule("IMG-373", "IMG-382", "OP-70")
async def test_a_purge_forgets_where_they_are_and_leaves_them_alone(house: Any, server: Server) -> None:
    image_id = await an_image(house, server)
    await house.delete(image_id)
    server.asked.clear()
    assert await purge.run_once(house.ports) == 1
    assert await doomed.run_once(house.ports) == 2
    assert (await house.row_of(image_id)).status == "deleted"
    assert await house.blobs(image_id) == []
    assert server.asked == []


@pytest.mark.rule("OP-79", "OP-115")
async def test_a_restored_image_has_its_locations_as_they_were(house: Any, server: Server) -> None:
    image_id = await an_image(house, server)

    async def places() -> list[tuple[Any, ...]]:
        async with house.database.reading() as reader:
            rows = await reader.fetch(
                "SELECT store, key, metadata, state FROM blobs WHERE image_id = $1 ORDER BY place", image_id
            )
        return [tuple(row.values()) for row in rows]

    before = await places()
    await house.delete(image_id, due_in=3600)
    await house.ask_back(image_id)
    assert await restore.run_once(house.ports) == 1
    image = await house.row_of(image_id)
    assert (image.status, image.stores) == ("active", ["web"])
    assert await places() == before
    assert [metadata["rack"] for _, _, metadata, _ in before] == ["2", "1"]


async def test_a_restore_waits_for_a_server_that_is_away_and_fails_when_it_has_nothing_any_more(
    house: Any, server: Server
) -> None:
    image_id = await an_image(house, server)
    await house.delete(image_id, due_in=3600)
    await house.ask_back(image_id)
    server.status = 503
    assert await restore.run_once(house.ports) == 0
    assert (await house.row_of(image_id)).restore_requested_at is not None
    await house.execute("UPDATE blobs SET run_at = clock_timestamp()")
    server.status = 404
    assert await restore.run_once(house.ports) == 0
    assert (await house.row_of(image_id)).restore_requested_at is None


async def test_nobody_walks_over_the_servers_of_others(house: Any, server: Server) -> None:
    await an_image(house, server)
    server.status = 404
    assert [finding async for finding in orphans.look(house.ports, delete=True)] == []
    assert server.asked == []
