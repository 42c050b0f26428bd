"""/v2/images/{id}/locations: said by owners and services, read by services (section 22, AC-69, AC-92)."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

FORMATS = {"disk_format": "raw", "container_format": "bare"}
URL = "https://img.example.test/alpine.raw"
SHA256 = hashlib.sha256(b"bytes").hexdigest()


@pytest.fixture
def web_settings(settings: dict[str, Any]) -> dict[str, Any]:
    settings["stores"]["web"] = {"type": "http"}
    return settings


@pytest.fixture
async def web_api(web_settings: dict[str, Any], run: Any) -> AsyncIterator[Any]:
    """An API with a store for other people's servers."""
    async with run(web_settings) as api:
        yield api


@pytest.fixture
def owner(web_api: Any) -> Any:
    return web_api.person("p1")


@pytest.fixture
def service(web_api: Any) -> Any:
    return web_api.person("services", roles="service,reader", user="nova")


def path(image: dict[str, Any] | str) -> str:
    return f"/v2/images/{image if isinstance(image, str) else image['id']}/locations"


async def add(person: Any, image: Any, body: Any, **options: Any) -> int:
    status: int = (await person.ask("POST", path(image), body, **options)).status
    return status


def said(value: str = SHA256, algorithm: str = "sha256") -> dict[str, Any]:
    return {"url": URL, "validation_data": {"os_hash_algo": algorithm, "os_hash_value": value}}


@pytest.mark.rule("IMG-544", "IMG-130", "AC-92")
async def test_an_owner_says_where_the_bytes_are_and_a_task_sees_to_it(owner: Any, web_api: Any) -> None:
    image = await owner.create(**FORMATS)
    answer = await owner.ask("POST", path(image), said())
    assert (answer.status, answer.content) == (202, b"")
    shown = await owner.show(image["id"])
    (task,) = (await owner.get(f"/v2/images/{image['id']}/tasks")).json["tasks"]
    assert (shown["status"], shown["os_glance_import_task"]) == ("queued", task["id"])
    assert (task["type"], task["status"]) == ("location_import", "pending")
    assert task["input"] == {
        "image_id": image["id"],
        "loc_url": URL,
        "validation_data": {"os_hash_algo": "sha256", "os_hash_value": SHA256},
    }
    assert await web_api.told(image["id"]) == ["image.created", "image.import.requested"]


@pytest.mark.rule("IMG-86")
async def test_the_type_of_the_body_does_not_matter(owner: Any) -> None:
    image = await owner.create(**FORMATS)
    assert await add(owner, image, b'{"url": "%s"}' % URL.encode(), headers={"Content-Type": "text/plain"}) == 202


BODIES = [
    ("IMG-547", b""),
    ("IMG-547", []),
    ("IMG-547", {}),
    ("IMG-547", {"url": None}),
    ("IMG-547", {"url": 7}),
    ("IMG-547", {"url": [URL]}),
    ("IMG-548", {"url": URL, "validation_data": "none"}),
    ("IMG-548", {"url": URL, "validation_data": None}),
    ("IMG-548", {"url": URL, "validation_data": {"os_hash_algo": "sha256"}}),
    ("IMG-548", {"url": URL, "validation_data": {"os_hash_value": SHA256}}),
    ("IMG-548", {"url": URL, "validation_data": {"os_hash_algo": "sha256", "os_hash_value": 7}}),
    ("IMG-548", {"url": URL, "validation_data": {"checksum": "0" * 32}}),
    ("IMG-548", said(algorithm="blake2b")),
    ("IMG-548", said(algorithm="sha3_512")),
]


@pytest.mark.parametrize(("rule", "body"), BODIES)
async def test_what_names_no_location_is_refused_before_the_image_is_looked_for(
    owner: Any, an_id: str, rule: str, body: Any
) -> None:
    assert await add(owner, an_id, body) == 400, rule


@pytest.mark.parametrize(
    ("rule", "value"), [("IMG-549", "g" * 64), ("IMG-549", "0" * 63), ("IMG-549", "0" * 128), ("IMG-549", "")]
)
async def test_a_digest_that_can_not_be_one_is_refused_after_everything_about_rights(
    owner: Any, web_api: Any, rule: str, value: str
) -> None:
    image = await owner.create(**FORMATS)
    assert await add(owner, image, said(value)) == 400, rule
    assert await add(web_api.person("p1", roles="reader"), image, said(value)) == 403, rule
    assert await add(owner, image, said(value) | {"url": "rbd://a/b/c/d"}) == 403, rule
    await web_api.execute("UPDATE images SET status = 'active', size = 1 WHERE id = $1", image["id"])
    assert await add(owner, image, said(value)) == 409, rule


@pytest.mark.rule("IMG-550")
async def test_an_image_that_is_unknown_or_unseen_is_not_there(owner: Any, web_api: Any, an_id: str) -> None:
    image = await owner.create(**FORMATS)
    assert await add(owner, an_id, {"url": URL}) == 404
    assert await add(owner, "no-id", {"url": URL}) == 404
    assert await add(web_api.person("p2"), image, {"url": URL}) == 404
    assert await add(web_api.person("services", roles="service"), image, {"url": URL}) == 404  # AC-92


@pytest.mark.rule("IMG-551")
@pytest.mark.parametrize("status", ["saving", "uploading", "importing", "active", "deactivated"])
async def test_only_a_queued_image_takes_one_and_that_is_told_before_rights(
    owner: Any, web_api: Any, status: str
) -> None:
    image = await owner.create(visibility="community", **FORMATS)
    await web_api.execute("UPDATE images SET status = $2, size = 1 WHERE id = $1", image["id"], status)
    for person in (owner, web_api.person("p1", roles="reader"), web_api.person("p2"), web_api.admin):
        assert await add(person, image, {"url": URL}) == 409


@pytest.mark.rule("IMG-552")
async def test_who_sees_an_image_and_does_not_own_it_may_not_say_where_its_bytes_are(owner: Any, web_api: Any) -> None:
    image = await owner.create(visibility="community", **FORMATS)
    assert await add(web_api.person("p2"), image, {"url": URL}) == 403
    assert await add(web_api.person("p1", roles="reader"), image, {"url": URL}) == 403
    assert await add(web_api.admin, image, {"url": URL}) == 202


# Who may name which URL (IMG-553, AC-69, AC-92): roles, roles of the service that asks, URL, status.
REACH = [
    ("IMG-553", "member,reader", "", "rbd://a/b/c/d", 403),
    ("IMG-553", "member,reader", "", "file:///etc/passwd", 403),
    ("IMG-553", "admin,member,reader", "", "rbd://a/b/c/d", 403),
    ("IMG-553", "member,reader", "", "HTTPS://img.example.test/a", 202),
    ("IMG-553", "service,member,reader", "", "rbd://a/b/c/d", 202),
    ("AC-69", "member,reader", "service", "rbd://a/b/c/d", 202),
    ("AC-69", "member,reader", "Service", "file:///etc/passwd", 202),
    ("AC-69", "member,reader", "admin", "rbd://a/b/c/d", 403),
]


@pytest.mark.parametrize(("rule", "roles", "service_roles", "url", "status"), REACH)
async def test_other_than_web_urls_are_for_services(
    web_api: Any, rule: str, roles: str, service_roles: str, url: str, status: int
) -> None:
    person = web_api.person("p1", roles=roles)
    image = await web_api.person("p1").create(**FORMATS)
    headers = {"X-Service-Identity-Status": "Confirmed", "X-Service-Roles": service_roles} if service_roles else {}
    assert await add(person, image, {"url": url}, headers=headers) == status, rule


@pytest.mark.rule("IMG-553", "AC-92")
async def test_without_a_store_for_them_web_urls_are_for_services_too(api: Any) -> None:
    image = await api.person("p1").create(**FORMATS)
    for person in (api.person("p1"), api.admin):
        assert await add(person, image, {"url": URL}) == 403
    assert await add(api.person("p1", roles="service,reader"), image, {"url": URL}) == 202


@pytest.mark.rule("IMG-554", "IMG-491")
async def test_a_task_that_holds_the_image_excludes_another_and_imports(owner: Any, web_api: Any) -> None:
    image = await owner.create(**FORMATS)
    assert await add(owner, image, {"url": URL}) == 202
    assert await add(owner, image, {"url": URL}) == 409
    wish = {"method": {"name": "web-download", "uri": "http://127.0.0.1:1/a"}}
    assert (await owner.ask("POST", f"/v2/images/{image['id']}/import", wish)).status == 409
    assert (await owner.patch(image["id"], {"op": "replace", "path": "/name", "value": "n"})).status == 200
    another = await owner.create(**FORMATS)
    assert (await owner.ask("POST", f"/v2/images/{another['id']}/import", wish)).status == 202
    assert await add(owner, another, {"url": URL}) == 409
    assert (await owner.ask("DELETE", f"/v2/images/{image['id']}")).status == 204


@pytest.mark.rule("IMG-490")
async def test_a_task_that_nobody_is_at_is_taken_over(owner: Any, web_api: Any) -> None:
    image = await owner.create(**FORMATS)
    assert await add(owner, image, {"url": URL}) == 202
    await web_api.execute("UPDATE tasks SET updated_at = clock_timestamp() - interval '3 hours'")
    assert await add(owner, image, {"url": URL}) == 202
    tasks = (await owner.get(f"/v2/images/{image['id']}/tasks")).json["tasks"]
    assert [task["status"] for task in tasks] == ["failure", "pending"]


@pytest.mark.rule("IMG-555", "IMG-80", "IMG-667")
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD"])
async def test_other_methods_are_not_allowed(owner: Any, an_id: str, method: str) -> None:
    answer = await owner.ask(method, path(an_id))
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_credentials_in_a_url_are_kept_nowhere(owner: Any, web_api: Any) -> None:
    image = await owner.create(**FORMATS)
    assert await add(owner, image, {"url": "https://user:secret@img.example.test/a@b"}) == 202
    (task,) = (await owner.get(f"/v2/images/{image['id']}/tasks")).json["tasks"]
    assert task["input"]["loc_url"] == "https://***@img.example.test/a@b"
    async with web_api.ports.database.reading() as reader:
        kept = await reader.fetchval("SELECT string_agg(t::text, ' ') FROM tasks AS t")
        told = await reader.fetchval("SELECT string_agg(data::text, ' ') FROM outbox")
    assert "secret" not in kept + told
    assert "img.example.test" not in told


@pytest.mark.rule("IMG-556", "IMG-557", "IMG-131", "AC-92")
async def test_services_and_administrators_read_where_bytes_are(
    owner: Any, service: Any, web_api: Any, tmp_path: Any
) -> None:
    image = await owner.create_active(visibility="community")
    empty = await owner.create(visibility="community")
    (file,) = (tmp_path / "fast" / image["id"]).iterdir()
    for person in (service, web_api.admin):
        answer = await person.get(path(image))
        assert (answer.status, answer.json) == (200, [{"url": f"file://{file}", "metadata": {"store": "fast"}}])
        assert (await person.get(path(empty))).json == []
    assert "locations" not in await service.show(image["id"])  # it is another switch that shows them to all


@pytest.mark.rule("IMG-557", "AC-92", "AC-69")
async def test_nobody_else_does(owner: Any, service: Any, web_api: Any, an_id: str) -> None:
    image = await owner.create_active()
    assert (await owner.get(path(image))).status == 403
    as_service = {"X-Service-Identity-Status": "Confirmed", "X-Service-Roles": "service"}
    assert (await owner.get(path(image), headers=as_service)).status == 403
    assert (await web_api.person("p2").get(path(image))).status == 404
    assert (await service.get(path(image))).status == 404  # private to another project
    assert (await owner.get(path(an_id))).status == 404
    assert (await web_api.admin.get(path(an_id))).status == 404


@pytest.mark.rule("IMG-85")
async def test_reading_takes_no_body(owner: Any, web_api: Any) -> None:
    image = await owner.create()
    assert (await web_api.admin.ask("GET", path(image), {})).status == 400


@pytest.mark.rule("OP-70", "IMG-409")
async def test_nothing_is_written_to_other_peoples_servers(owner: Any, web_api: Any) -> None:
    image = await owner.create(**FORMATS)
    answer = await owner.upload(image["id"], b"bytes", {"X-Image-Meta-Store": "web"})
    assert answer.status == 410
    assert (await owner.show(image["id"]))["status"] == "queued"
    wish = {"method": {"name": "web-download", "uri": "http://127.0.0.1:1/a"}, "stores": ["web"]}
    assert (await owner.ask("POST", f"/v2/images/{image['id']}/import", wish)).status == 409
    active = await owner.create_active()
    copy = {"method": {"name": "copy-image"}, "all_stores": True}
    assert (await web_api.admin.ask("POST", f"/v2/images/{active['id']}/import", copy)).status == 202
    shown = await owner.show(active["id"])
    assert shown["os_glance_importing_to_stores"] == "cheap"
