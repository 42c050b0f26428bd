"""The work on images, and the older way to ask for some, over a socket."""

import dataclasses
import re
import uuid

import pytest

from glimpse import settings
from glimpse.errors import Invalid, NotFound
from schemas.vocabulary import TaskStatus
from services.api.actions import tasks
from services.api.caller import Caller
from services.api.policy.policy import Policy
from services.api.task_filters import WantedTasks

MICROSECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")
SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
SOURCE = "http://127.0.0.1:1/disk.qcow2"
ASKED = {"import_from": SOURCE, "import_from_format": "qcow2", "image_properties": {"name": "a"}}


@pytest.fixture
def imported(owner):
    """Make an image, staged and asked to be imported; returns it: `await imported(disk_format=...)`."""

    async def made(**members):
        image = await owner.create(**{"disk_format": "raw", "container_format": "bare"} | members)
        assert (await owner.stage(image["id"], b"staged")).status == 204
        answer = await owner.ask(
            "POST", f"/v2/images/{image['id']}/import", {"method": {"name": "glance-direct"}, "stores": ["cheap"]}
        )
        assert answer.status == 202
        return image

    return made


async def tasks_of(person, image):
    answer = await person.get(f"/v2/images/{image['id']}/tasks")
    assert answer.status == 200
    return answer.json["tasks"]


async def ask(person, kind="import", given=ASKED):
    """Make a task; returns it."""
    answer = await person.ask("POST", "/v2/tasks", {"type": kind, "input": given})
    assert answer.status == 201, answer.content
    return answer.json


async def look(person, task):
    answer = await person.get(f"/v2/tasks/{task['id']}")
    assert answer.status == 200
    return answer.json


async def end(api, status="success", **columns):
    """End every task, as the importer does."""
    given = {"message": "", "expires": "1 hour", "code": None} | columns
    await api.execute(
        """
        UPDATE tasks
           SET status = $1, message = $2, error_code = $3, error_message = nullif($2, ''), progress = NULL,
               result = jsonb_build_object('image_id', image_id), expires_at = clock_timestamp() + $4::text::interval
        """,
        status,
        given["message"],
        given["code"],
        given["expires"],
    )


# The tasks of one image


@pytest.mark.rule("IMG-504")
@pytest.mark.rule("IMG-503")
async def test_the_tasks_of_an_image_are_shown_as_records(owner, imported):
    image = await imported()
    (task,) = await tasks_of(owner, image)
    assert MICROSECONDS.fullmatch(task.pop("created_at"))
    assert MICROSECONDS.fullmatch(task.pop("updated_at"))
    assert uuid.UUID(task.pop("id"))
    assert task.pop("request_id").startswith("req-")  # IMG-104
    assert task == {
        "type": "api_image_import",
        "status": "pending",
        "owner": "p1",
        "user_id": "u1",
        "image_id": image["id"],
        "input": {
            "image_id": image["id"],
            "import_req": {"method": {"name": "glance-direct"}, "stores": ["cheap"]},
            "backend": ["cheap"],
        },
        "message": "",
        "result": None,  # IMG-505
        "expires_at": None,  # IMG-505
        "deleted_at": None,
        "deleted": False,
        "progress": None,  # IMG-729
        "error": None,  # IMG-729
    }


async def test_a_request_id_of_ones_own_finds_the_task_again(owner):  # IMG-104
    image = await owner.create(disk_format="raw", container_format="bare")
    body = {"method": {"name": "web-download", "uri": SOURCE}}
    await owner.ask("POST", f"/v2/images/{image['id']}/import", body, headers={"X-Openstack-Request-ID": "abc"})
    assert [task["request_id"] for task in await tasks_of(owner, image)] == ["req-abc"]


@pytest.mark.rule("IMG-729")
async def test_how_far_a_task_is_and_what_went_wrong_are_told(api, owner, imported):
    image = await imported()
    await api.execute(
        "UPDATE tasks SET status = 'processing', progress = $1, error_code = 'store_full', error_message = 'no room'",
        {"phase": "storing", "bytes_done": 5, "percent": 50.0, "note": "ours"},
    )
    (task,) = await tasks_of(owner, image)
    assert task["progress"] == {
        "phase": "storing",
        "bytes_done": 5,
        "bytes_total": None,
        "percent": 50.0,
        "eta_at": None,
    }
    assert task["error"] == {"code": "store_full", "message": "no room"}
    await end(api, "failure", message="no such file", code="source_not_found")
    (task,) = await tasks_of(owner, image)
    assert (task["message"], task["error"]) == ("no such file", {"code": "source_not_found", "message": "no such file"})
    assert task["progress"] is None


@pytest.mark.rule("IMG-505")
async def test_a_task_that_ended_says_until_when_it_is_shown_and_what_came_of_it(api, owner, imported):
    image = await imported()
    await end(api)
    (task,) = await tasks_of(owner, image)
    assert MICROSECONDS.fullmatch(task["expires_at"])
    assert (task["status"], task["result"]) == ("success", {"image_id": image["id"]})


@pytest.mark.rule("IMG-505")
async def test_where_stores_have_no_names_a_task_names_none(run, settings):
    settings["api"] = settings["api"] | {"multi_store": False}
    async with run(settings) as api:
        owner = api.person()
        image = await owner.create(disk_format="raw", container_format="bare")
        body = {"method": {"name": "web-download", "uri": SOURCE}}
        assert (await owner.ask("POST", f"/v2/images/{image['id']}/import", body)).status == 202
        (task,) = await tasks_of(owner, image)
        assert task["input"] == {"image_id": image["id"], "import_req": body, "backend": [None]}


@pytest.mark.rule("IMG-503")
async def test_only_ones_own_unexpired_tasks_are_shown_oldest_first(api, owner, stranger, admin, imported):
    image = await imported(visibility="community")
    await end(api)
    await api.execute(
        """
        INSERT INTO tasks (id, type, status, image_id, owner, input, expires_at, created_at)
        SELECT name, type, 'success', $1, owner, '{}', clock_timestamp() + expires::interval,
               clock_timestamp() - age::interval
          FROM (VALUES ('older', 'api_image_import', 'p1', '1 hour', '1 hour'),
                       ('foreign', 'api_image_import', 'p2', '1 hour', '2 hours'),
                       ('located', 'location_import', 'p1', '1 hour', '3 hours'),
                       ('expired', 'api_image_import', 'p1', '-1 second', '4 hours'),
                       ('ours', 'rehash', 'p1', '1 hour', '5 hours')) AS given (name, type, owner, expires, age)
        """,
        image["id"],
    )
    assert [task["id"] for task in await tasks_of(owner, image)][:2] == ["located", "older"]
    assert len(await tasks_of(owner, image)) == 3  # IMG-725: work of our own is never shown
    assert [task["id"] for task in await tasks_of(stranger, image)] == ["foreign"]
    assert [task["id"] for task in await tasks_of(admin, image)][:3] == ["located", "foreign", "older"]
    await api.execute("DELETE FROM tasks WHERE owner = 'p2'")
    assert await tasks_of(stranger, image) == []


async def test_the_tasks_of_an_image_are_hidden_with_it(api, owner, stranger, imported, an_id):
    image = await imported()
    path = f"/v2/images/{image['id']}/tasks"
    assert (await stranger.get(path)).status == 404  # IMG-506
    assert (await owner.get(f"/v2/images/{an_id}/tasks")).status == 404  # IMG-506
    assert (await owner.get("/v2/images/no-uuid/tasks")).status == 404  # IMG-113
    assert (await api.person("p1", roles="member").get(path)).status == 404  # IMG-141: no reader
    assert (await owner.get(f"/v2/images/{an_id}/tasks", body=b"x")).status == 400  # IMG-507, before the image
    for method in ("POST", "PUT", "DELETE", "PATCH", "HEAD"):
        assert (await owner.ask(method, path)).status == 404  # IMG-508, IMG-79, IMG-663


# The Tasks API


@pytest.mark.rule("IMG-586")
async def test_tasks_are_the_administrators_before_anything_else_is_looked_at(api, owner, an_id):
    for person in (owner, api.person("p1", roles="member,reader,service")):
        assert (await person.get("/v2/tasks?limit=a")).status == 403
        assert (await person.ask("POST", "/v2/tasks", b"no json")).status == 403
        assert (await person.get(f"/v2/tasks/{an_id}", body=b"x")).status == 403
        assert (await person.ask("DELETE", f"/v2/tasks/{an_id}", b"x")).status == 403
    elsewhere = api.admin
    elsewhere.headers["OpenStack-System-Scope"] = "all"
    assert (await elsewhere.get("/v2/tasks")).status == 403  # AC-4


@pytest.mark.rule("IMG-580")
@pytest.mark.rule("IMG-579")
async def test_a_new_task_is_pending_and_found_at_its_location(admin):
    answer = await admin.ask("POST", "/v2/tasks", {"type": "import", "input": ASKED})
    assert answer.status == 201
    task = answer.json
    assert answer.headers["Location"] == f"{admin.base}/v2/tasks/{task['id']}"
    assert (await admin.get(answer.headers["Location"])).json == task  # IMG-583
    assert SECONDS.fullmatch(task["created_at"])
    assert task.pop("updated_at") == task.pop("created_at")
    assert task.pop("request_id") == answer.headers["x-openstack-request-id"]
    task_id = task.pop("id")
    assert uuid.UUID(task.pop("image_id"))
    assert task == {
        "type": "import",
        "status": "pending",
        "owner": "admins",
        "user_id": "root",
        "input": ASKED,
        "result": None,
        "message": "",
        "self": f"/v2/tasks/{task_id}",
        "schema": "/v2/schemas/task",
    }


@pytest.mark.rule("IMG-726")
async def test_an_import_task_has_its_image_at_once_locked_for_it(api, admin):
    given = ASKED | {"image_properties": {"name": "a", "tags": ["x"], "hw": "y", "container_format": "ovf"}}
    task = await ask(admin, given=given)
    image = await admin.show(task["image_id"])
    assert (image["status"], image["name"], image["tags"], image["hw"]) == ("importing", "a", ["x"], "y")
    assert (image["disk_format"], image["container_format"], image["owner"]) == ("qcow2", "ovf", "admins")
    assert image["os_glance_import_task"] == task["id"]
    assert image["os_glance_importing_to_stores"] == "fast"
    assert await api.told(image["id"]) == ["image.created", "image.import.requested"]
    assert [each["id"] for each in await tasks_of(admin, image)] == [task["id"]]
    row = await api.row(image["id"])
    assert row.version == 2


async def test_without_one_the_container_is_bare(admin):  # IMG-726
    task = await ask(admin, given=ASKED | {"image_properties": {}})
    assert (await admin.show(task["image_id"]))["container_format"] == "bare"


TAKEN_ID = "11111111-2222-4333-8444-555555555555"


@pytest.mark.rule("IMG-726")
@pytest.mark.parametrize(
    ("kind", "given", "word"),
    [
        ("import", {"import_from": SOURCE}, "import_from_format"),
        ("import", {"import_from": SOURCE, "image_properties": {}}, "import_from_format"),
        ("import", {"import_from": SOURCE, "import_from_format": "raw"}, "image_properties"),
        ("import", ASKED | {"image_properties": "a"}, "image_properties"),
        ("import", ASKED | {"import_from_format": "bogus"}, "disk_format"),
        ("import", ASKED | {"image_properties": {"disk_format": "vhd"}}, "vhd"),
        ("import", ASKED | {"image_properties": {"owner": "p9"}}, "project"),
        ("import", ASKED | {"image_properties": {"status": "active"}}, "status"),
        ("import", ASKED | {"image_properties": {"size": 1}}, "size"),
        ("import", ASKED | {"image_properties": {"hw": 1}}, "hw"),
        ("import", ASKED | {"image_properties": {"id": TAKEN_ID}}, "already exists"),
        ("import", ASKED | {"image_properties": {"tags": ["a"] * 200}}, "tags"),
        ("api_image_import", {"import_req": {}}, "starts nothing"),
        ("api_image_import", None, "starts nothing"),
        ("location_import", {}, "starts nothing"),
    ],
)
async def test_a_task_that_can_not_begin_is_taken_and_fails_with_a_message(api, admin, kind, given, word):
    await admin.create(id=TAKEN_ID)
    before = await api.execute("UPDATE images SET name = name")
    task = await ask(admin, kind, given)
    assert (task["status"], task["type"], task["input"]) == ("pending", kind, given)
    ended = await look(admin, task)
    assert (ended["status"], ended["result"]) == ("failure", None)  # IMG-585: pending, then failure
    assert word in ended["message"]
    assert SECONDS.fullmatch(ended["expires_at"])  # IMG-579
    assert "image_id" not in ended  # IMG-579
    assert await api.execute("UPDATE images SET name = name") == before


async def test_where_web_download_is_off_import_tasks_fetch_nothing_either(run, settings):
    settings["import"] = settings["import"] | {"methods": ["glance-direct"]}
    async with run(settings) as api:
        task = await ask(api.admin)
        assert "web-download" in (await look(api.admin, task))["message"]


@pytest.mark.parametrize(
    "body",
    [
        None,  # IMG-587
        b"no json",
        [],
        {},
        {"type": "import"},
        {"input": ASKED},
        {"type": "export", "input": ASKED},
        {"type": None, "input": ASKED},
        {"type": ["import"], "input": ASKED},
        {"type": "import", "input": ASKED, "status": "success"},
        {"type": "import", "input": "a"},
        {"type": "api_image_import", "input": [1]},
        {"type": "import", "input": None},  # IMG-588
        {"type": "import", "input": {}},
        {"type": "import", "input": ASKED | {"import_from": None}},
        {"type": "import", "input": ASKED | {"import_from": 5}},
        {"type": "import", "input": ASKED | {"import_from": "file:///etc/passwd"}},
        {"type": "import", "input": ASKED | {"import_from": "filesystem:///etc/passwd"}},
        {"type": "import", "input": ASKED | {"import_from": "swift://a/b"}},
        {"type": "import", "input": ASKED | {"import_from": "http://10.0.0.1/a"}},
        {"type": "import", "input": ASKED | {"import_from": "http://2130706433/a"}},
    ],
)
async def test_what_is_no_task_is_refused(api, admin, body):
    assert (await admin.ask("POST", "/v2/tasks", body)).status == 400
    assert (await admin.get("/v2/tasks")).json["tasks"] == []


@pytest.mark.rule("IMG-584")
@pytest.mark.rule("IMG-674")
async def test_tasks_are_not_deleted_they_expire(admin, an_id):
    answer = await admin.ask("DELETE", f"/v2/tasks/{an_id}")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    assert b"expires" in answer.content
    for method in ("PUT", "POST", "PATCH", "HEAD"):  # IMG-591
        answer = await admin.ask(method, f"/v2/tasks/{an_id}")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, DELETE")
        if method != "POST":
            answer = await admin.ask(method, "/v2/tasks")
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")  # IMG-591, IMG-673


@pytest.mark.rule("IMG-589")
async def test_a_task_that_is_unknown_expired_or_our_own_is_not_there(api, admin, an_id):
    task = await ask(admin)
    assert (await admin.get(f"/v2/tasks/{an_id}")).status == 404
    assert (await admin.get("/v2/tasks/no-uuid")).status == 404
    await end(api, expires="-1 second")
    assert (await admin.get(f"/v2/tasks/{task['id']}")).status == 404
    await end(api)
    assert (await look(admin, task))["result"] == {"image_id": task["image_id"]}
    await api.execute("UPDATE tasks SET type = 'rehash'")
    assert (await admin.get(f"/v2/tasks/{task['id']}")).status == 404  # IMG-725
    assert (await admin.get("/v2/tasks")).json["tasks"] == []  # IMG-725


async def test_a_body_is_ignored_by_the_list_and_refused_by_one_task(admin):  # IMG-85
    task = await ask(admin)
    assert (await admin.get("/v2/tasks", body=b"x")).status == 200
    assert (await admin.get(f"/v2/tasks/{task['id']}", body=b"x")).status == 400
    assert (await admin.ask("DELETE", f"/v2/tasks/{task['id']}", b"x")).status == 400


@pytest.mark.rule("IMG-581")
async def test_the_list_shows_stubs_newest_first(api, admin):
    older, newer = await ask(admin), await ask(admin, "location_import", {})
    answer = (await admin.get("/v2/tasks")).json
    assert (answer["first"], answer["schema"], "next" in answer) == ("/v2/tasks", "/v2/schemas/tasks", False)
    assert [task["id"] for task in answer["tasks"]] == [newer["id"], older["id"]]
    left_out = ("input", "result", "message", "image_id", "request_id", "user_id")
    assert answer["tasks"][1] == {name: value for name, value in older.items() if name not in left_out}
    assert answer["tasks"][0]["status"] == "failure"
    assert SECONDS.fullmatch(answer["tasks"][0]["expires_at"])  # IMG-579


async def some(api, count):
    """Write tasks down that differ in every column; returns their ids, oldest first."""
    ids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(count)]
    for number, task_id in enumerate(ids):
        await api.execute(
            """
            INSERT INTO tasks (id, type, status, owner, input, created_at, expires_at)
            VALUES ($1, 'import', $2, $3, '{}', '2026-01-01Z'::timestamptz + $4 * interval '1 second',
                    clock_timestamp() + interval '1 hour')
            """,
            task_id,
            list(TaskStatus)[number % 4],
            f"p{number % 3}",
            number // 2,  # two of each age
        )
    return ids


async def ids(person, query):
    answer = await person.get(f"/v2/tasks{query}")
    assert answer.status == 200, answer.content
    return [task["id"] for task in answer.json["tasks"]]


@pytest.mark.rule("IMG-582")
async def test_tasks_are_filtered_by_their_columns(api, admin):
    made = await some(api, 8)
    assert await ids(admin, "?status=success&sort_dir=asc") == [made[2], made[6]]
    assert await ids(admin, "?owner=p1&sort_dir=asc") == [made[1], made[4], made[7]]
    assert await ids(admin, "?owner=p1&status=processing") == [made[1]]
    assert await ids(admin, "?created_at=2026-01-01T00:00:01Z&sort_dir=asc") == made[2:4]
    assert await ids(admin, f"?id={made[3]}&bogus=1&is_public=x") == [made[3]]
    assert await ids(admin, "?owner=") == []
    assert len(await ids(admin, "?type=import")) == 8
    assert (await admin.get("/v2/tasks?type=api_image_import")).status == 400  # IMG-590


@pytest.mark.rule("IMG-582")
@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("key", ["created_at", "owner", "status", "id", "expires_at", "image_id"])
async def test_following_next_shows_every_task_once_in_order(api, admin, key, direction):
    made = await some(api, 7)
    whole = await ids(admin, f"?sort_key={key}&sort_dir={direction}&limit=100")
    assert sorted(whole) == made
    found, link = [], f"/v2/tasks?limit=3&sort_key={key}&sort_dir={direction}"
    first = link
    while link:
        answer = (await admin.get(link)).json
        assert answer["first"] == first
        found += [task["id"] for task in answer["tasks"]]
        link = answer.get("next")
    assert found == whole
    if key in ("created_at", "id"):
        assert whole == (made if direction == "asc" else made[::-1])


async def test_limits_end_pages(api, admin):  # IMG-20, IMG-582, IMG-634
    made = await some(api, 4)
    answer = (await admin.get("/v2/tasks?limit=4")).json
    assert answer["next"] == f"/v2/tasks?limit=4&marker={made[0]}"
    assert (await admin.get(answer["next"])).json["tasks"] == []
    assert "next" not in (await admin.get("/v2/tasks?limit=5")).json
    assert (await admin.get("/v2/tasks?limit=0")).json["tasks"] == []


@pytest.mark.rule("IMG-590")
async def test_a_marker_is_a_task_that_is_shown(api, admin, an_id):
    made = await some(api, 2)
    await api.execute("UPDATE tasks SET expires_at = clock_timestamp() WHERE id = $1", made[0])
    for marker in ("", "no-uuid", an_id, made[0]):
        assert (await admin.get(f"/v2/tasks?marker={marker}")).status == 400
    for query in ("status=x", "limit=x", "limit=-1", "sort_dir=x", "sort_key=x", "owner=%FF", "owner=%00"):
        assert (await admin.get(f"/v2/tasks?{query}")).status == 400


async def test_where_a_policy_lets_others_in_they_see_their_own_tasks(api, admin, tmp_path):
    await ask(admin)
    await some(api, 4)
    file = tmp_path / "policy.yaml"
    file.write_text("tasks_api_access: '@'")
    ports = dataclasses.replace(api.ports, policy=Policy(settings.Policy(file=file)))
    caller = Caller("req-1", user="u1", project="p1", credentials={"roles": frozenset(), "project_id": "p1"})
    tasks.require_access(ports, caller)
    assert [task.owner for task in (await tasks.page(ports, caller, WantedTasks(limit=10))).tasks] == ["p1"]
    (theirs,) = await ids(admin, "?owner=admins")
    with pytest.raises(NotFound):
        await tasks.show(ports, caller, theirs)
    with pytest.raises(Invalid):
        await tasks.page(ports, caller, WantedTasks(limit=10, marker=theirs))
