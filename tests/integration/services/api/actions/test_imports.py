"""Import requests over a socket: what is refused, in which order; who holds an image; what is written down."""

import asyncio
import uuid

import pytest

from tests.fixtures.waiting import until

DIRECT = {"name": "glance-direct"}
WEB = {"name": "web-download", "uri": "http://127.0.0.1/disk"}
REMOTE = {"name": "glance-download", "glance_region": "r", "glance_image_id": str(uuid.uuid4())}
COPY = {"name": "copy-image"}


@pytest.fixture
def settings(settings):
    settings["import"]["methods"] = ["glance-direct", "web-download", "copy-image", "glance-download"]
    settings["import"] |= {"sealing_key": "A" * 43 + "=", "glance_regions": {"r": "http://images.test"}}
    return settings


async def ask(person, image_id, body, store=None):
    headers = {"X-Image-Meta-Store": store} if store is not None else {}
    return await person.ask("POST", f"/v2/images/{image_id}/import", body, headers=headers)


async def a_queued(owner, **members):
    return (await owner.create(**{"disk_format": "raw", "container_format": "bare"} | members))["id"]


async def task_of(api, image_id):
    async with api.ports.database.reading() as reader:
        rows = await reader.fetch("SELECT * FROM tasks WHERE image_id = $1 ORDER BY created_at", image_id)
    return dict(rows[-1].items()) if rows else None


# What is refused, and what first

SENSELESS = [
    # rule, body
    ("IMG-468", None),
    ("IMG-468", {}),
    ("IMG-468", {"method": {}}),
    ("IMG-468", {"method": {"name": None}}),
    ("IMG-468", {"method": {"name": "carrier-pigeon"}}),
    ("IMG-468", {"method": {"name": ["web-download"]}}),
    ("IMG-468", {"method": {"name": {}}}),
    ("IMG-469", []),
    ("IMG-469", [WEB]),
    ("IMG-469", {"method": "web-download"}),
    ("IMG-690", {"method": ["web-download"]}),
    ("IMG-470", {"method": WEB, "all_stores": "true"}),
    ("IMG-470", {"method": WEB, "all_stores": None}),
    ("IMG-470", {"method": WEB, "all_stores_must_succeed": 1}),
    ("IMG-473", {"method": WEB, "stores": "fast"}),
    ("IMG-473", {"method": WEB, "stores": []}),
    ("IMG-691", {"method": WEB, "stores": [1]}),
    ("IMG-691", {"method": WEB, "stores": None}),
    ("IMG-728", {"method": {**WEB, "digest": "sha256"}}),
    ("IMG-728", {"method": {**WEB, "digest": "sha256:00"}}),
    ("IMG-728", {"method": {**WEB, "digest": "rot13:00"}}),
    ("IMG-728", {"method": {**WEB, "digest": "shake_128:"}}),
    ("IMG-728", {"method": {**DIRECT, "digest": 5}}),
]


async def test_a_body_that_makes_no_sense_is_refused_before_the_image_is_looked_for(owner, an_id):
    for rule, body in SENSELESS:
        assert (await ask(owner, an_id, body)).status == 400, (rule, body)


@pytest.mark.rule("IMG-488", "IMG-13", "IMG-660")
async def test_a_method_that_is_switched_off_is_unknown(run, settings, an_id):
    settings["import"]["methods"] = []
    async with run(settings) as api:
        for method in (DIRECT, WEB, REMOTE, COPY):
            assert (await ask(api.person(), an_id, {"method": method})).status == 400
        made = await api.person().ask("POST", "/v2/images", {})
        assert "OpenStack-image-import-methods" not in made.headers
        assert (await api.person().stage(made.json["id"], b"x")).status == 404  # IMG-449


@pytest.mark.rule(
    "IMG-467", "IMG-471", "IMG-472", "IMG-474", "IMG-475", "IMG-476", "IMG-477", "IMG-478", "IMG-479", "OP-2"
)
async def test_of_several_things_that_are_wrong_with_a_request_the_first_decides(api, owner, stranger, admin):
    community = {"visibility": "community"}
    active = (await owner.create_active(b"x", **community))["id"]
    queued = await a_queued(owner, **community)
    formless = (await owner.create(disk_format="raw", **community))["id"]
    diskless = (await owner.create(container_format="bare", **community))["id"]
    hidden = await a_queued(owner)
    locked = (await owner.create_active(b"x"))["id"]
    assert (await ask(admin, locked, {"method": COPY, "stores": ["cheap"]})).status == 202
    worst = {"stores": ["fast", "nowhere"], "all_stores": True}
    bad_web, bad_remote = {"name": "web-download", "uri": "gopher://h/x"}, {**REMOTE, "glance_image_id": "no uuid"}
    for person, image_id, body, store, status, says in (
        (stranger, hidden, {"method": bad_remote, **worst}, "nowhere", 404, hidden),  # IMG-480
        (stranger, active, {"method": bad_remote, **worst}, "nowhere", 409, "active"),
        (stranger, queued, {"method": COPY, **worst}, "nowhere", 409, "queued"),
        (stranger, formless, {"method": bad_remote, **worst}, "nowhere", 409, "'container_format'"),
        (stranger, diskless, {"method": bad_remote, **worst}, "nowhere", 409, "'disk_format'"),
        (stranger, queued, {"method": bad_remote, **worst}, "nowhere", 400, "glance_image_id"),
        (stranger, queued, {"method": {"name": "glance-download"}, **worst}, "nowhere", 400, "glance_region"),
        (stranger, queued, {"method": {"name": "web-download"}, **worst}, "nowhere", 403, "modify_image"),
        (stranger, queued, {"method": REMOTE, **worst}, "nowhere", 403, "modify_image"),
        (owner, locked, {"method": COPY, **worst}, "nowhere", 403, "copy_image"),
        (admin, locked, {"method": COPY, **worst}, "nowhere", 409, "locked"),  # IMG-481
        (admin, active, {"method": COPY, **worst}, "nowhere", 409, "no store nowhere"),
        (owner, queued, {"method": bad_web, **worst}, "nowhere", 409, "no store nowhere"),
        (owner, queued, {"method": bad_web}, "nowhere", 409, "no store nowhere"),
        (owner, queued, {"method": bad_web, "stores": ["fast"], "all_stores": True}, None, 400, "only once"),
        (owner, queued, {"method": bad_web, "all_stores": True}, "fast", 400, "only once"),
        (owner, queued, {"method": bad_web, "stores": ["fast"]}, "fast", 400, "only once"),
        (admin, active, {"method": COPY, "stores": ["cheap", "fast"]}, None, 400, "fast already"),  # IMG-482
        (admin, active, {"method": COPY}, None, 400, "fast already"),
        (owner, queued, {"method": {"name": "web-download"}}, None, 400, "uri"),
        (owner, queued, {"method": bad_web}, None, 400, "gopher"),
    ):
        answer = await ask(person, image_id, body, store)
        assert (answer.status, says in answer.content.decode()) == (status, True), (body, store, answer.content)
    for image_id in (active, queued, formless, diskless, hidden):
        assert await task_of(api, image_id) is None
        assert "image.import.requested" not in await api.told(image_id)


FORBIDDEN = [
    "",
    "ftp://h/x",
    "file:///etc/passwd",
    "http:///x",
    "//h/x",
    "http://169.254.169.254/latest/meta-data",
    "http://10.0.0.1/x",
    "http://[::1]/x",
    "http://2130706433/x",
    "http://0177.0.0.1/x",
    "http://127.1/x",
    "http://0x7f.1/x",
    "http://u:p@h/x",
    "http://h:22/x",
    "http://h/ x",
]


@pytest.mark.rule("IMG-477", "IMG-27", "IMG-728")
async def test_a_uri_that_may_not_be_fetched_is_refused(run, settings):
    del settings["import"]["allowed_ports"], settings["import"]["allowed_networks"]
    async with run(settings) as api:
        owner = api.person()
        image_id = await a_queued(owner)
        for uri in FORBIDDEN:
            assert (await ask(owner, image_id, {"method": {**WEB, "uri": uri}})).status == 400, uri
            if uri:
                method = {"name": "web-download", "uri": "http://images.example/x", "mirrors": [uri]}
                assert (await ask(owner, image_id, {"method": method})).status == 400, uri
        for mirrors in ("http://images.example/x", [5], {}):
            method = {"name": "web-download", "uri": "http://images.example/x", "mirrors": mirrors or [None]}
            assert (await ask(owner, image_id, {"method": method})).status == 400, mirrors
        assert (await owner.show(image_id))["status"] == "queued"
        assert (await ask(owner, image_id, {"method": {**WEB, "uri": "https://images.example:443/x"}})).status == 202


@pytest.mark.rule("IMG-478", "IMG-461")
@pytest.mark.parametrize(
    "missing", [{"glance_region": ""}, {"glance_region": None}, {"glance_image_id": None}, {"glance_image_id": "x"}]
)
async def test_a_glance_download_says_where_its_image_is(owner, missing):
    image_id = await a_queued(owner)
    assert (await ask(owner, image_id, {"method": {**REMOTE, **missing}})).status == 400


# Where there is one store without a name


@pytest.mark.rule("IMG-466", "IMG-484", "IMG-485", "IMG-505", "IMG-692")
async def test_where_stores_have_no_names_nobody_chooses_among_them(run, settings):
    settings["api"]["multi_store"] = False
    async with run(settings) as api:
        owner, admin = api.person(), api.admin
        active = (await owner.create_active(b"x"))["id"]
        assert (await ask(admin, active, {"method": COPY, "all_stores_must_succeed": False})).status == 400
        assert (await ask(admin, active, {"method": COPY, "all_stores": True})).status == 400
        image_id = await a_queued(owner)
        assert (await ask(owner, image_id, {"method": WEB, "all_stores_must_succeed": False})).status == 400
        answer = await ask(owner, image_id, {"method": WEB, "stores": ["nowhere"], "all_stores": True}, "nowhere")
        assert (answer.status, answer.content) == (202, b"")
        assert (await owner.show(image_id))["os_glance_importing_to_stores"] == ""  # IMG-203
        tasks = (await owner.get(f"/v2/images/{image_id}/tasks")).json["tasks"]
        assert tasks[0]["input"]["backend"] == [None]


# What is taken


@pytest.mark.rule(
    "IMG-466", "IMG-202", "IMG-203", "IMG-204", "IMG-492", "IMG-236", "IMG-459", "IMG-460", "IMG-462", "OP-15"
)
async def test_a_request_that_is_taken_is_a_task_at_once(api, owner):
    image_id = await a_queued(owner)
    body = {"method": WEB, "stores": ["fast", "cheap", "fast"], "all_stores_must_succeed": False, "unknown": [1]}
    answer = await ask(owner, image_id, body)
    assert (answer.status, answer.content) == (202, b"")
    assert "Content-Type" not in answer.headers or "json" not in answer.headers["Content-Type"]  # IMG-98
    image, task = await owner.show(image_id), await task_of(api, image_id)
    assert (image["status"], image["os_glance_importing_to_stores"], image["os_glance_failed_import"]) == (
        "importing",
        "cheap,fast",
        "",
    )
    assert image["os_glance_import_task"] == task["id"]
    assert (task["type"], task["status"], task["owner"], task["user_id"]) == ("api_image_import", "pending", "p1", "u1")
    assert task["input"] == {"image_id": image_id, "import_req": body, "backend": ["fast", "cheap"]}
    assert task["request_id"] == answer.headers["x-openstack-request-id"]  # IMG-104
    assert await api.told(image_id) == ["image.created", "image.import.requested"]


@pytest.mark.rule("IMG-463", "IMG-465", "OP-10")
@pytest.mark.parametrize(
    ("more", "store", "stores"),
    [
        ({}, None, ["fast"]),
        ({}, "cheap", ["cheap"]),
        ({"all_stores": True}, None, ["fast", "cheap"]),
        ({"all_stores": False, "stores": ["cheap"]}, None, ["cheap"]),
    ],
)
async def test_bytes_go_where_the_request_says(api, owner, more, store, stores):
    image_id = await a_queued(owner)
    assert (await ask(owner, image_id, {"method": WEB, **more}, store)).status == 202
    assert (await task_of(api, image_id))["input"]["backend"] == stores


@pytest.mark.rule("IMG-240")
async def test_bytes_are_staged_to_their_end_before_they_are_imported(api, owner):
    image_id = await a_queued(owner)
    go = asyncio.Event()

    async def held():
        yield b"first"
        await go.wait()
        yield b"second"

    staging = asyncio.create_task(owner.stage(image_id, held()))
    await until(lambda: owner.show(image_id), lambda image: image["status"] == "uploading")
    answer = await ask(owner, image_id, {"method": DIRECT})
    assert (answer.status, b"still being staged" in answer.content) == (409, True)
    go.set()
    assert (await staging).status == 204
    assert (await ask(owner, image_id, {"method": DIRECT})).status == 202


@pytest.mark.rule("IMG-483", "IMG-482", "IMG-227", "IMG-126")
async def test_a_copy_to_where_there_is_none_yet(api, owner, admin):
    image_id = (await owner.create_active(b"x"))["id"]
    assert (await ask(admin, image_id, {"method": COPY, "all_stores": True})).status == 202
    assert (await task_of(api, image_id))["input"]["backend"] == ["cheap"]
    image = await owner.show(image_id)
    assert (image["status"], image["os_glance_importing_to_stores"]) == ("active", "cheap")


@pytest.mark.rule("IMG-483")
async def test_a_copy_to_all_stores_of_what_all_have_is_no_task(api, owner, admin):
    image_id = (await owner.create_active(b"x"))["id"]
    await api.execute("UPDATE images SET stores = '{fast,cheap}' WHERE id = $1", image_id)
    before = await owner.show(image_id)
    assert (await ask(admin, image_id, {"method": COPY, "all_stores": True})).status == 202
    assert await task_of(api, image_id) is None
    assert await owner.show(image_id) == before


@pytest.mark.rule("IMG-493", "IMG-492", "IMG-204")
async def test_a_store_is_no_failed_one_any_more_once_it_is_asked_for_again(api, owner):
    image_id = await a_queued(owner)
    failed = {"os_glance_failed_import": "cheap,fast,slow"}
    await api.execute("UPDATE images SET service_properties = $2 WHERE id = $1", image_id, failed)
    assert (await ask(owner, image_id, {"method": WEB, "stores": ["fast"]})).status == 202
    assert (await owner.show(image_id))["os_glance_failed_import"] == "cheap,slow"


# The lock


async def a_locked(api, owner, admin):
    """Make an image that is being copied; returns its id, and its task's."""
    image_id = (await owner.create_active(b"x"))["id"]
    assert (await ask(admin, image_id, {"method": COPY, "stores": ["cheap"]})).status == 202
    return image_id, (await task_of(api, image_id))["id"]


AGES = [
    # rule, status of the task, minutes without progress, answer
    ("IMG-490", "pending", 0, 409),
    ("IMG-490", "pending", 119, 409),
    ("IMG-490", "pending", 121, 202),
    ("IMG-490", "processing", 59, 409),
    ("IMG-490", "processing", 61, 202),
    ("IMG-490", "failure", 0, 202),
    ("IMG-490", "missing", 0, 202),
]


async def test_a_lock_holds_as_long_as_its_task_may_still_be_at_work(api, owner, admin):
    for rule, status, minutes, expected in AGES:
        image_id, task_id = await a_locked(api, owner, admin)
        if status == "missing":
            await api.execute("DELETE FROM tasks WHERE id = $1", task_id)
        else:
            await api.execute(
                """
                UPDATE tasks SET status = $2, updated_at = clock_timestamp() - make_interval(mins => $3) WHERE id = $1
                """,
                task_id,
                status,
                minutes,
            )
        answer = await ask(admin, image_id, {"method": COPY, "stores": ["cheap"]})
        assert answer.status == expected, (rule, status, minutes)
        holder = (await owner.show(image_id))["os_glance_import_task"]
        assert (holder == task_id) == (expected == 409)


@pytest.mark.rule("IMG-490", "OP-17")
async def test_what_is_left_of_a_task_that_came_to_nothing_goes_with_its_lock(run, settings, tmp_path):
    settings["stores"]["third"] = {"paths": [{"path": str(tmp_path / "third")}]}
    async with run(settings) as api:
        owner, admin = api.person(), api.admin
        image_id, task_id = await a_locked(api, owner, admin)
        await api.execute(
            "UPDATE tasks SET status = 'processing', epoch = 3, updated_at = '2020-01-01' WHERE id = $1", task_id
        )
        await api.execute(
            """
            INSERT INTO blobs (image_id, store, key, lease_until) VALUES ($1, 'cheap', $1 || '/x', '2020-01-01')
            """,
            image_id,
        )
        row = await api.row(image_id)
        told = row.service_properties | {"os_glance_failed_import": "cheap,elsewhere"}
        await api.execute("UPDATE images SET service_properties = $2 WHERE id = $1", image_id, told)
        assert (await ask(admin, image_id, {"method": COPY, "stores": ["third"]})).status == 202
        image = await owner.show(image_id)
        assert (image["os_glance_importing_to_stores"], image["os_glance_failed_import"]) == ("third", "elsewhere")
        assert await api.blobs(image_id) == [("fast", "stored"), ("cheap", "doomed")]
        async with api.ports.database.reading() as reader:
            old = await reader.fetchrow("SELECT status, message, epoch FROM tasks WHERE id = $1", task_id)
        assert tuple(old.values()) == ("failure", "Expired lock preempted", 4)  # a worker that only slept is fenced


@pytest.mark.rule("IMG-490", "IMG-467")
async def test_a_request_that_is_refused_after_all_leaves_even_a_stale_lock(api, owner, admin):
    image_id, task_id = await a_locked(api, owner, admin)
    await api.execute("UPDATE tasks SET updated_at = '2020-01-01' WHERE id = $1", task_id)
    before = await owner.show(image_id)
    assert (await ask(admin, image_id, {"method": COPY, "stores": ["fast"]})).status == 400
    assert await owner.show(image_id) == before
    assert (await task_of(api, image_id))["status"] == "pending"


@pytest.mark.rule("IMG-491", "IMG-373")
async def test_a_lock_keeps_nobody_from_anything_else(api, owner, admin):
    image_id, _task_id = await a_locked(api, owner, admin)
    assert (await owner.patch(image_id, {"op": "replace", "path": "/name", "value": "new"})).status == 200
    assert (await owner.ask("PUT", f"/v2/images/{image_id}/tags/x")).status == 204
    assert (await owner.ask("POST", f"/v2/images/{image_id}/members", {"member": "p2"})).status == 200
    assert (await owner.get(f"/v2/images/{image_id}/file")).content == b"x"
    assert (await owner.ask("DELETE", f"/v2/images/{image_id}")).status == 204


@pytest.mark.rule("IMG-481", "IMG-467")
async def test_of_several_requests_at_once_one_is_taken(api, owner):
    image_id = await a_queued(owner)
    answers = await asyncio.gather(*(ask(owner, image_id, {"method": WEB}) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [202] + [409] * 7
    async with api.ports.database.reading() as reader:
        assert await reader.fetchval("SELECT count(*) FROM tasks WHERE image_id = $1", image_id) == 1


# Staged bytes of an import that failed


@pytest.mark.rule("IMG-721", "IMG-240", "IMG-458")
@pytest.mark.parametrize("afresh", ["stage", "upload"])
async def test_other_bytes_take_the_place_of_those_that_a_failed_import_left(api, owner, tmp_path, afresh):
    image_id = await a_queued(owner)
    assert (await owner.stage(image_id, b"first")).status == 204
    await api.execute("UPDATE images SET status = 'queued', size = NULL WHERE id = $1", image_id)  # it failed
    act = owner.stage if afresh == "stage" else owner.upload
    assert (await act(image_id, b"second")).status == 204
    staged = [state for store, state in await api.blobs(image_id) if store == "os_glance_staging_store"]
    assert staged == (["doomed", "stored"] if afresh == "stage" else ["doomed"])
    assert (await ask(owner, image_id, {"method": DIRECT})).status == (202 if afresh == "stage" else 409)
