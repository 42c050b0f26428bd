"""PATCH of /locations: where bytes are, said by those who know (section 12 of the contract, AC-90, AC-91)."""

import contextlib
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

CONTENT = b"bytes of somebody else"
SHA512 = hashlib.sha512(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()
FORMATS = {"disk_format": "raw", "container_format": "bare"}


@contextlib.asynccontextmanager
async def a_server() -> AsyncIterator[str]:
    """Serve bytes under every path, but for a few; yields the URL of its root."""

    async def give(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name == "gone":
            return web.Response(status=404)
        if name == "forbidden":
            return web.Response(status=401)
        if name == "huge" and request.method == "HEAD":
            return web.Response(headers={"Content-Length": "9999999999999999999"})  # more than the database can count
        return web.Response(body={"empty": b"", "other": b"other bytes"}.get(name, CONTENT))

    app = web.Application()
    app.router.add_get("/{name}", give)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[str]:
    async with a_server() as here:
        yield here


@pytest.fixture
def open_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings that show locations, with a store for other people's servers."""
    settings["images"] = {"show_locations": True, "show_direct_url": True}
    settings["stores"]["web"] = {"type": "http"}
    return settings


@pytest.fixture
async def open_api(open_settings: dict[str, Any], run: Any) -> AsyncIterator[Any]:
    async with run(open_settings) as api:
        yield api


@pytest.fixture
def owner(open_api: Any) -> Any:
    return open_api.person("p1")


def entry(url: str, metadata: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"url": url, "metadata": metadata or {}, **more}


def add(place: Any, *given: Any, **more: Any) -> dict[str, Any]:
    return {"op": "add", "path": f"/locations/{place}", "value": entry(*given, **more)}


def replace(*entries: Any) -> dict[str, Any]:
    return {"op": "replace", "path": "/locations", "value": list(entries)}


def remove(place: Any) -> dict[str, Any]:
    return {"op": "remove", "path": f"/locations/{place}"}


def urls(image: dict[str, Any]) -> list[str]:
    return [each["url"].rpartition("/")[2] for each in image["locations"]]


@pytest.mark.rule("IMG-362", "IMG-363", "IMG-358")
async def test_a_location_makes_a_queued_image_active_with_the_size_that_its_server_tells(
    owner: Any, open_api: Any, server: str
) -> None:
    image = await owner.create(**FORMATS)
    answer = await owner.patch(image["id"], add("-", f"{server}/a", {"rack": "7"}))
    assert answer.status == 200, answer.content
    shown = answer.json
    assert (shown["status"], shown["size"]) == ("active", len(CONTENT))
    assert (shown["checksum"], shown["os_hash_algo"], shown["os_hash_value"]) == (None, None, None)
    assert shown["locations"] == [{"url": f"{server}/a", "metadata": {"rack": "7", "store": "web"}}]
    assert (shown["direct_url"], shown["stores"]) == (f"{server}/a", "web")
    told = await open_api.told(image["id"])
    assert told == ["image.created", "image.updated", "image.activated"]
    downloaded = await owner.get(f"/v2/images/{image['id']}/file")
    assert (downloaded.status, downloaded.content) == (200, CONTENT)
    part = await owner.get(f"/v2/images/{image['id']}/file", headers={"Range": "bytes=3-7"})
    assert (part.status, part.content) == (206, CONTENT[3:8])


@pytest.mark.rule("IMG-15", "IMG-365", "IMG-356")
@pytest.mark.parametrize("change", [add("-", "http://a.example/x"), replace(entry("http://a.example/x")), remove(0)])
async def test_where_locations_are_not_shown_nobody_changes_them(api: Any, change: Any) -> None:
    admin = api.admin
    image = await admin.create_active()
    assert "locations" not in image
    assert (await admin.patch(image["id"], change)).status == 403


@pytest.mark.rule("IMG-15", "AC-90")
async def test_where_they_are_shown_everybody_sees_them_and_an_empty_list_is_one(owner: Any, open_api: Any) -> None:
    image = await owner.create(visibility="community")
    assert image["locations"] == []
    assert (await open_api.person("p2").show(image["id"]))["locations"] == []
    listed = (await owner.get("/v2/images?visibility=community")).json["images"]
    assert [each["locations"] for each in listed] == [[]]


@pytest.mark.rule("AC-90", "IMG-15", "IMG-14")
@pytest.mark.parametrize(
    ("locations", "direct_url", "seen"),
    [
        (False, False, set()),
        (False, True, {"direct_url"}),
        (True, False, {"locations"}),
        (True, True, {"locations", "direct_url"}),
    ],
)
async def test_two_switches_say_what_is_shown(
    settings: dict[str, Any], run: Any, locations: bool, direct_url: bool, seen: set[str]
) -> None:
    settings["images"] = {"show_locations": locations, "show_direct_url": direct_url}
    async with run(settings) as api:
        image = await api.person("p1").create_active()
        assert {"locations", "direct_url"} & image.keys() == seen
        for each in image.get("locations", []):
            assert each["url"].startswith("file:///")
            assert each["metadata"] == {"store": "fast"}


@pytest.mark.rule("AC-90")
async def test_an_operator_says_who_sees_where_bytes_are(
    open_settings: dict[str, Any], run: Any, tmp_path: Any
) -> None:
    rules = tmp_path / "policy.yaml"
    rules.write_text(json.dumps({"get_image_location": "role:admin"}))
    open_settings["policy"] = {"file": str(rules)}
    async with run(open_settings) as api:
        image = await api.person("p1").create_active()
        assert image["locations"] == []
        assert "direct_url" not in image
        assert image["stores"] == "fast"
        assert len((await api.admin.show(image["id"]))["locations"]) == 1


@pytest.mark.rule("IMG-179", "IMG-390")
async def test_of_a_deactivated_image_administrators_only_see_where_it_is(owner: Any, open_api: Any) -> None:
    image = await owner.create_active()
    await owner.ask("POST", f"/v2/images/{image['id']}/actions/deactivate")
    assert (await owner.show(image["id"]))["locations"] == []
    assert len((await open_api.admin.show(image["id"]))["locations"]) == 1


ENTRIES = [
    ("IMG-357", {"url": "http://a.example/x"}),
    ("IMG-357", {"metadata": {}}),
    ("IMG-357", {"url": "http://a.example/" + "x" * 255, "metadata": {}}),
    ("IMG-357", {"url": 7, "metadata": {}}),
    ("IMG-357", {"url": "http://a.example/x", "metadata": "none"}),
    ("IMG-357", "http://a.example/x"),
    ("IMG-364", entry("http://a.example/x", validation_data={"os_hash_algo": "sha512"})),
    ("IMG-364", entry("http://a.example/x", validation_data={"os_hash_value": SHA512})),
    ("IMG-364", entry("http://a.example/x", validation_data={"checksum": MD5})),
    (
        "IMG-364",
        entry("http://a.example/x", validation_data={"os_hash_algo": "sha512", "os_hash_value": SHA512, "size": "1"}),
    ),
    (
        "IMG-364",
        entry(
            "http://a.example/x", validation_data={"os_hash_algo": "sha512", "os_hash_value": SHA512, "checksum": "1"}
        ),
    ),
]


@pytest.mark.parametrize(("rule", "value"), ENTRIES)
async def test_a_location_that_is_none_is_refused_before_the_image_is_looked_for(
    owner: Any, an_id: str, rule: str, value: Any
) -> None:
    for change in ({"op": "add", "path": "/locations/-", "value": value}, replace(value)):
        assert (await owner.patch(an_id, change)).status == 400, rule


@pytest.mark.rule("IMG-357")
async def test_what_else_an_entry_says_is_passed_over(owner: Any, server: str) -> None:
    image = await owner.create(**FORMATS)
    answer = await owner.patch(image["id"], add("-", f"{server}/a", colour="red"))
    assert answer.status == 200
    assert answer.json["locations"] == [{"url": f"{server}/a", "metadata": {"store": "web"}}]


USELESS = [
    ("IMG-360", "file:///etc/passwd"),
    ("IMG-360", "filesystem:///etc/passwd"),
    ("IMG-360", "swift+config://a/b/c"),
    ("IMG-360", "rbd://a/b/c/d"),
    ("IMG-360", "no URL"),
    ("IMG-360", "{server}/gone"),
    ("IMG-360", "{server}/forbidden"),
    ("IMG-360", "{server}/empty"),
    ("IMG-360", "{server}/huge"),
    ("IMG-360", "http://127.0.0.1:1/nobody"),
    ("IMG-360", "http://10.1.2.3/private"),
    ("IMG-360", "http://user:secret@127.0.0.1/a"),
]


@pytest.mark.parametrize(("rule", "url"), USELESS)
async def test_what_can_not_be_read_is_no_location_and_its_url_is_not_repeated(
    owner: Any, server: str, rule: str, url: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    image = await owner.create(**FORMATS)
    answer = await owner.patch(image["id"], add("-", url.format(server=server)))
    assert answer.status == 400, rule
    assert b"secret" not in answer.content
    printed = capsys.readouterr()
    assert "secret" not in printed.out + printed.err + caplog.text
    assert (await owner.show(image["id"]))["status"] == "queued"


@pytest.mark.rule("IMG-362", "IMG-369")
async def test_an_image_without_formats_takes_no_location_but_may_get_them_in_the_same_call(
    owner: Any, server: str
) -> None:
    image = await owner.create()
    assert (await owner.patch(image["id"], add("-", f"{server}/a"))).status == 400
    formats = [{"op": "replace", "path": f"/{name}", "value": value} for name, value in FORMATS.items()]
    assert (await owner.patch(image["id"], *formats, add("-", f"{server}/a"))).status == 200
    another = await owner.create()
    # once it is active, its formats are what they are (IMG-350)
    assert (await owner.patch(another["id"], add("-", f"{server}/a"), *formats)).status == 403


@pytest.mark.rule("IMG-358")
async def test_locations_are_added_where_the_caller_says(owner: Any, server: str) -> None:
    image = await owner.create(**FORMATS)
    for place, name, listed in (
        ("-", "a", ["a"]),
        (0, "b", ["b", "a"]),
        (1, "c", ["b", "c", "a"]),
        (99, "d", ["b", "c", "a", "d"]),
    ):
        answer = await owner.patch(image["id"], add(place, f"{server}/{name}"))
        assert (answer.status, urls(answer.json)) == (200, listed)
    assert (await owner.patch(image["id"], add("first", f"{server}/e"))).status == 400
    assert urls(await owner.show(image["id"])) == ["b", "c", "a", "d"]


@pytest.mark.rule("IMG-358", "IMG-366", "IMG-367", "IMG-369", "IMG-372", "AC-91")
async def test_administrators_remove_locations_but_never_the_last(owner: Any, open_api: Any, server: str) -> None:
    image = await owner.create(**FORMATS)
    admin = open_api.admin
    await owner.patch(image["id"], *(add("-", f"{server}/{name}") for name in "abcd"))
    assert (await owner.patch(image["id"], remove(0))).status == 403
    assert (await admin.patch(image["id"], remove(4))).status == 400
    assert urls((await admin.patch(image["id"], remove(1))).json) == ["a", "c", "d"]
    assert urls((await admin.patch(image["id"], remove("-"))).json) == ["a", "c"]
    assert (await admin.patch(image["id"], remove(0), remove(0))).status == 403
    assert urls((await admin.patch(image["id"], remove(0))).json) == ["c"]
    assert (await admin.patch(image["id"], remove(7))).status == 403
    assert await open_api.blobs(image["id"]) == [
        ("web", "doomed"),
        ("web", "doomed"),
        ("web", "stored"),
        ("web", "doomed"),
    ]


@pytest.mark.rule("IMG-371", "IMG-372", "IMG-730")
async def test_a_removed_copy_of_ours_is_left_to_the_scrubber(owner: Any, open_api: Any, server: str) -> None:
    image = await owner.create_active(CONTENT)
    assert (await owner.patch(image["id"], add("-", f"{server}/a"))).status == 200
    answer = await open_api.admin.patch(image["id"], remove(0))
    assert (answer.status, answer.json["stores"], urls(answer.json)) == (200, "web", ["a"])
    assert await open_api.blobs(image["id"]) == [("fast", "doomed"), ("web", "stored")]
    assert (await owner.get(f"/v2/images/{image['id']}/file")).content == CONTENT


@pytest.mark.rule("IMG-359", "IMG-367")
async def test_replacing_sets_the_locations_of_an_empty_image_and_only_metadata_of_others(
    owner: Any, server: str
) -> None:
    image = await owner.create(**FORMATS)
    assert (await owner.patch(image["id"], replace())).status == 403
    answer = await owner.patch(image["id"], replace(entry(f"{server}/a"), entry(f"{server}/b")))
    assert (answer.status, answer.json["status"], urls(answer.json)) == (200, "active", ["a", "b"])
    answer = await owner.patch(image["id"], replace(entry(f"{server}/b", {"rack": "1"}), entry(f"{server}/a")))
    assert answer.json["locations"] == [
        {"url": f"{server}/b", "metadata": {"rack": "1", "store": "web"}},
        {"url": f"{server}/a", "metadata": {"store": "web"}},
    ]
    assert (await owner.patch(image["id"], replace(*answer.json["locations"]))).json["locations"] == answer.json[
        "locations"
    ]
    for wrong in (
        [entry(f"{server}/a")],
        [entry(f"{server}/a"), entry(f"{server}/c")],
        [entry(f"{server}/a"), entry(f"{server}/b"), entry(f"{server}/c")],
    ):
        assert (await owner.patch(image["id"], replace(*wrong))).status == 400
    assert (await owner.patch(image["id"], replace())).status == 403


@pytest.mark.rule("IMG-359", "IMG-724")
async def test_of_copies_in_our_own_stores_metadata_change_too(owner: Any) -> None:
    image = await owner.create_active(CONTENT)
    (shown,) = image["locations"]
    answer = await owner.patch(image["id"], replace({**shown, "metadata": {"note": "mine", "store": "cheap"}}))
    assert answer.json["locations"] == [{"url": shown["url"], "metadata": {"note": "mine", "store": "fast"}}]
    assert (await owner.get(f"/v2/images/{image['id']}/file")).content == CONTENT


@pytest.mark.rule("IMG-361", "IMG-369")
async def test_a_url_may_be_there_twice_when_something_else_is_said_about_it(owner: Any, server: str) -> None:
    image = await owner.create(**FORMATS)
    url = f"{server}/a"
    assert (await owner.patch(image["id"], add("-", url), add("-", url))).status == 400
    assert (await owner.patch(image["id"], replace(entry(url), entry(url)))).status == 400
    assert (await owner.patch(image["id"], add("-", url), add("-", url, {"rack": "2"}))).status == 200
    assert (await owner.patch(image["id"], add("-", url, {"rack": "2"}))).status == 400
    another = await owner.create(**FORMATS)
    assert (await owner.patch(another["id"], add("-", url))).status == 200


async def test_bytes_of_another_size_are_not_the_images(owner: Any, server: str) -> None:
    image = await owner.create(**FORMATS)
    assert (await owner.patch(image["id"], add("-", f"{server}/a"), add("-", f"{server}/other"))).status == 400
    active = await owner.create_active(b"x")
    assert (await owner.patch(active["id"], add("-", f"{server}/a"))).status == 400


def vouched(value: str = SHA512, algorithm: str = "sha512", **more: str) -> dict[str, Any]:
    return {"validation_data": {"os_hash_algo": algorithm, "os_hash_value": value, **more}}


@pytest.mark.rule("IMG-364", "IMG-709")
async def test_digests_that_come_with_a_location_become_the_images_and_are_not_repeated(
    owner: Any, server: str
) -> None:
    image = await owner.create(**FORMATS)
    answer = await owner.patch(image["id"], add("-", f"{server}/a", **vouched(SHA512.upper(), checksum=MD5)))
    shown = answer.json
    assert (shown["os_hash_algo"], shown["os_hash_value"], shown["checksum"]) == ("sha512", SHA512, MD5)
    assert shown["locations"] == [{"url": f"{server}/a", "metadata": {"store": "web"}}]
    again = await owner.patch(image["id"], add("-", f"{server}/b", **vouched(checksum=MD5)))
    assert (again.status, again.json["os_hash_value"]) == (200, SHA512)
    differs = await owner.patch(image["id"], add("-", f"{server}/c", **vouched("0" * 128)))
    assert differs.status == 409


DISBELIEVED = [
    ("IMG-364", [vouched("0" * 64, "sha256")]),
    ("IMG-364", [vouched("g" * 128)]),
    ("IMG-364", [vouched("0" * 127)]),
    ("IMG-364", [vouched(checksum="g" * 32)]),
    ("IMG-364", [vouched(), vouched("0" * 128)]),
]


@pytest.mark.parametrize(("rule", "said"), DISBELIEVED)
async def test_digests_that_can_not_be_are_a_conflict(owner: Any, server: str, rule: str, said: list[Any]) -> None:
    image = await owner.create(**FORMATS)
    entries = [entry(f"{server}/{number}", **each) for number, each in enumerate(said)]
    assert (await owner.patch(image["id"], replace(*entries))).status == 409, rule
    assert (await owner.show(image["id"]))["status"] == "queued"


@pytest.mark.rule("IMG-364")
async def test_an_active_image_takes_no_digests(owner: Any, server: str) -> None:
    image = await owner.create(**FORMATS)
    assert (await owner.patch(image["id"], add("-", f"{server}/a"))).status == 200
    assert (await owner.patch(image["id"], add("-", f"{server}/b", **vouched()))).status == 409


@pytest.mark.rule("IMG-368", "AC-91")
@pytest.mark.parametrize("status", ["saving", "uploading", "importing", "deactivated"])
async def test_other_than_queued_and_active_images_take_none(
    owner: Any, open_api: Any, server: str, status: str
) -> None:
    image = await owner.create_active(CONTENT)
    await open_api.execute("UPDATE images SET status = $2 WHERE id = $1", image["id"], status)
    for change in (add("-", f"{server}/a"), replace(entry("file:///x")), remove(0)):
        assert (await open_api.admin.patch(image["id"], change)).status == 409
    await open_api.execute("UPDATE images SET status = 'queued' WHERE id = $1", image["id"])
    assert (await open_api.admin.patch(image["id"], remove(0))).status == 409


@pytest.mark.rule("AC-91", "IMG-127", "IMG-128")
async def test_the_first_thing_that_is_wrong_is_told(open_api: Any, owner: Any, server: str, settings: Any) -> None:
    stranger, reader = open_api.person("p2"), open_api.person("p1", roles="reader")
    image = await owner.create_active(CONTENT, visibility="community")
    hidden = await owner.create(**FORMATS)
    assert (await stranger.patch(hidden["id"], replace())).status == 404
    assert (await stranger.patch(image["id"], replace())).status == 403
    assert (await stranger.patch(image["id"], add("-", "file:///etc/passwd"))).status == 403
    assert (await reader.patch(image["id"], add("-", "file:///etc/passwd"))).status == 403
    await open_api.execute("UPDATE images SET status = 'importing' WHERE id = $1", image["id"])
    wrong = add("-", "file:///etc/passwd", **vouched("g"))
    assert (await owner.patch(image["id"], wrong)).status == 409
    assert (await owner.patch(hidden["id"], wrong)).status == 409
    assert (await owner.patch(hidden["id"], add("-", "file:///etc/passwd"))).status == 400


@pytest.mark.rule("IMG-18", "IMG-370", "IMG-633", "IMG-354")
async def test_an_image_has_only_so_many_locations(open_settings: Any, run: Any, server: str) -> None:
    open_settings["images"]["location_quota"] = 2
    async with run(open_settings) as api:
        owner = api.person("p1")
        image = await owner.create(**FORMATS)
        three = [entry(f"{server}/{name}") for name in "abc"]
        assert (await owner.patch(image["id"], replace(*three))).status == 413
        assert (await owner.patch(image["id"], replace(*three[:2]))).status == 200
        assert (await owner.patch(image["id"], add("-", f"{server}/c"))).status == 413
        assert urls(await owner.show(image["id"])) == ["a", "b"]
    open_settings["images"]["location_quota"] = -1
    async with run(open_settings) as api:
        image = await api.person("p1").create(**FORMATS)
        many = [entry(f"{server}/{number}") for number in range(12)]
        assert (await api.person("p1").patch(image["id"], replace(*many))).status == 200


@pytest.mark.rule("IMG-370", "IMG-629")
async def test_locations_count_in_the_projects_storage(open_settings: Any, run: Any, server: str) -> None:
    open_settings["images"]["user_storage_quota"] = f"{len(CONTENT) * 2 + 1}B"
    async with run(open_settings) as api:
        owner = api.person("p1")
        image = await owner.create(**FORMATS)
        assert (await owner.patch(image["id"], *(add("-", f"{server}/{name}") for name in "ab"))).status == 200
        assert (await owner.patch(image["id"], add("-", f"{server}/c"))).status == 413
        another = await owner.create(**FORMATS)
        assert (await owner.patch(another["id"], add("-", f"{server}/c"))).status == 413
        assert (await owner.show(another["id"]))["status"] == "queued"


@pytest.mark.rule("IMG-437", "IMG-439", "OP-60")
async def test_a_download_goes_on_to_the_next_copy_where_one_can_not_be_read(owner: Any, open_api: Any) -> None:
    async with a_server() as server:
        image = await owner.create(**FORMATS)
        assert (await owner.patch(image["id"], add("-", f"{server}/a"), add("-", f"{server}/b"))).status == 200
        await open_api.execute(
            "UPDATE blobs SET key = $2 WHERE image_id = $1 AND place = 1", image["id"], f"{server}/gone"
        )
        assert (await owner.get(f"/v2/images/{image['id']}/file")).content == CONTENT
        await open_api.execute(
            "UPDATE blobs SET key = $2 WHERE image_id = $1 AND place = 1", image["id"], f"{server}/other"
        )
        assert (await owner.get(f"/v2/images/{image['id']}/file")).content == CONTENT
    assert (await owner.get(f"/v2/images/{image['id']}/file")).status == 503


async def test_a_copy_that_came_while_a_server_was_asked_is_not_taken_for_a_removed_one(
    owner: Any, open_api: Any
) -> None:
    image = await owner.create_active(CONTENT)

    async def give(_request: web.Request) -> web.Response:
        await open_api.execute(
            "INSERT INTO blobs (image_id, store, key, state, size) VALUES ($1, 'cheap', $2, 'stored', $3)"
            " ON CONFLICT DO NOTHING",
            image["id"],
            f"{image['id']}/copy",
            len(CONTENT),
        )
        return web.Response(body=CONTENT)

    app = web.Application()
    app.router.add_get("/a", give)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/a"
    assert (await owner.patch(image["id"], add("-", url))).status == 409
    assert await open_api.blobs(image["id"]) == [("fast", "stored"), ("cheap", "stored")]
    assert (await owner.patch(image["id"], add("-", url))).status == 200
    assert await open_api.blobs(image["id"]) == [("fast", "stored"), ("cheap", "stored"), ("web", "stored")]
    await runner.cleanup()


@pytest.mark.rule("IMG-564", "IMG-567")
async def test_the_copies_of_one_store_are_not_all_let_go_when_they_are_all_there_are(
    owner: Any, open_api: Any, server: str
) -> None:
    image = await owner.create(**FORMATS)
    assert (await owner.patch(image["id"], add("-", f"{server}/a"), add("-", f"{server}/b"))).status == 200
    assert (await open_api.admin.ask("DELETE", f"/v2/stores/web/{image['id']}")).status == 403


@pytest.mark.rule("IMG-724")
async def test_no_fact_tells_where_bytes_are(owner: Any, open_api: Any, server: str) -> None:
    image = await owner.create(**FORMATS)
    await owner.patch(image["id"], add("-", f"{server}/a?signature=secret"))
    await open_api.admin.patch(image["id"], add("-", f"{server}/b"), remove(0))
    async with open_api.ports.database.reading() as reader:
        said = await reader.fetchval("SELECT string_agg(data::text, ' ') FROM outbox WHERE subject = $1", image["id"])
    assert "secret" not in said
    assert server not in said


@pytest.mark.rule("IMG-569", "IMG-576", "IMG-463")
async def test_a_store_of_others_servers_is_shown_as_read_only(open_api: Any) -> None:
    listed = (await open_api.admin.get("/v2/info/stores/detail")).json["stores"]
    assert listed[-1] == {"id": "web", "read-only": "true", "type": "http", "weight": 0, "properties": {}}
