"""An image that another Glimpse has, fetched in the name of whoever wants it: two clouds, two databases."""

import asyncio
import hashlib
import json
import secrets

import pytest

from glimpse import sealed
from services.importer import jobs
from services.importer import main as importer_main
from tests.fixtures.disks import NOISE, a_disk
from tests.integration.services.api.conftest import _usual_settings, running

TOKEN = secrets.token_urlsafe(32)
KEY = sealed.new_private_key()


@pytest.fixture
async def there(fresh_database, tmp_path):
    """Another cloud, where people have tokens."""
    file = tmp_path / "tokens.toml"
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    file.write_text(f'[[tokens]]\nsha256 = "{digest}"\nuser = "u1"\nproject = "p9"\nroles = ["member", "reader"]\n')
    async with fresh_database() as dsn:
        settings = _usual_settings(dsn, tmp_path / "there") | {"auth": {"mode": "static", "static_file": str(file)}}
        async with running(settings) as api:
            person = api.person("p9")
            person.headers = {"X-Auth-Token": TOKEN}
            yield api, person


@pytest.fixture
def settings(dsn, tmp_path, there):
    settings = _usual_settings(dsn, tmp_path)
    settings["import"] |= {
        "methods": ["glance-direct", "web-download", "glance-download"],
        "scratch_dir": str(tmp_path / "scratch"),
        "retry_seconds": 0,
        "sealing_key": KEY,
        "glance_regions": {"west": there[0].base},
    }
    return settings


@pytest.fixture
async def here(settings):
    async with running(settings) as api:
        yield api


@pytest.fixture
def owner(here):
    owner = here.person("p1")
    owner.headers["X-Auth-Token"] = TOKEN
    return owner


@pytest.fixture
async def work(here):
    async with importer_main.opened(here.ports.settings) as ports:

        async def work():
            while tasks := await jobs.claim(ports, 10):
                await asyncio.gather(*(jobs.run(ports, task) for task in tasks))

        yield work


def method(image_id, region="west", **more):
    return {"name": "glance-download", "glance_region": region, "glance_image_id": image_id} | more


async def wanted(owner, image_id, status=202, headers=None, **more):
    """Ask for an import of another cloud's image; returns ours and the answer."""
    ours = (await owner.create(disk_format="raw", container_format="bare"))["id"]
    asked = {"method": method(image_id, **more)}
    answer = await owner.ask("POST", f"/v2/images/{ours}/import", asked, headers=headers or {})
    assert answer.status == status, answer.content
    return ours, answer


async def last_task(owner, image_id):
    return (await owner.get(f"/v2/images/{image_id}/tasks")).json["tasks"][-1]


async def kept(here, image_id):
    async with here.ports.database.reading() as reader:
        return await reader.fetchval("SELECT caller::text FROM tasks WHERE image_id = $1", image_id)


async def everything(here):
    """Return all that tasks and facts say, as text."""
    async with here.ports.database.reading() as reader:
        rows = await reader.fetch("SELECT tasks::text AS row FROM tasks UNION ALL SELECT outbox::text FROM outbox")
    return "\n".join(row["row"] for row in rows)


@pytest.mark.rule("IMG-500", "IMG-461", "OP-27")
async def test_the_bytes_and_what_belongs_to_them_arrive_from_the_other_cloud(
    there, owner, here, work, tmp_path, capsys
):
    content = a_disk("qcow2", tmp_path)
    theirs = await there[1].create_active(
        content,
        disk_format="qcow2",
        hw_disk_bus="scsi",
        os_type="linux",
        os_version="12",
        mine="no",
        os_distro="debian",
    )
    ours, _answer = await wanted(owner, theirs["id"])
    assert "sealed" in await kept(here, ours)
    assert TOKEN not in await everything(here)
    await work()
    image = await owner.show(ours)
    assert (image["status"], image["disk_format"], image["container_format"]) == ("active", "qcow2", "bare")
    assert (image["hw_disk_bus"], image["os_type"], image["os_distro"]) == ("scsi", "linux", "debian")
    assert not {"mine", "os_version"} & image.keys()
    assert (image["os_hash_value"], image["size"]) == (theirs["os_hash_value"], len(content))
    assert (await owner.get(f"/v2/images/{ours}/file")).content == content
    assert await kept(here, ours) is None
    assert TOKEN not in await everything(here)
    said = capsys.readouterr()
    assert TOKEN not in said.out + said.err


@pytest.mark.rule("IMG-500")
async def test_a_token_that_is_no_good_any_more_fails_it_with_the_remedy(there, owner, here, work):
    theirs = await there[1].create_active(NOISE)
    owner.headers["X-Auth-Token"] = "expired"
    ours, _answer = await wanted(owner, theirs["id"])
    await work()
    image, task = await owner.show(ours), await last_task(owner, ours)
    assert (image["status"], image["disk_format"], task["error"]["code"]) == ("queued", "raw", "credentials_refused")
    assert "import again" in task["message"]
    assert await kept(here, ours) is None

    owner.headers["X-Auth-Token"] = TOKEN
    again = await owner.ask("POST", f"/v2/images/{ours}/import", {"method": method(theirs["id"])})
    assert again.status == 202
    await work()
    assert (await owner.show(ours))["status"] == "active"


@pytest.mark.rule("IMG-500", "IMG-496")
async def test_only_an_active_image_that_the_caller_may_see_has_bytes_to_give(there, owner, work):
    theirs = await there[1].create(disk_format="raw", container_format="bare")
    for image_id, code in (
        (theirs["id"], "source_refused"),
        ("00000000-0000-4000-8000-000000000000", "source_not_found"),
    ):
        ours, _answer = await wanted(owner, image_id)
        await work()
        assert (await owner.show(ours))["os_glance_failed_import"] == "fast"
        assert (await last_task(owner, ours))["error"]["code"] == code


@pytest.mark.rule("IMG-500", "OP-34")
async def test_the_callers_catalogue_says_where_a_region_is_but_not_where_nobody_may_go(there, owner, here, work):
    theirs = await there[1].create_active(NOISE)

    def catalogue(url, style):
        ends = {"region": "east", "region_id": "east", "interface": "internal", "url": url}
        ends = ends if style == 3 else {"region": "east", "internalURL": url}
        noise = {"type": "identity", "endpoints": [ends | {"url": "http://nowhere.test/"}]}
        return {"X-Service-Catalog": json.dumps([noise, {"type": "image", "endpoints": [ends]}])}

    for style in (2, 3):
        headers = catalogue(f"{there[0].base}/v2/", style)
        ours, _answer = await wanted(
            owner, theirs["id"], region="east", glance_service_interface="internal", headers=headers
        )
        await work()
        assert (await owner.show(ours))["status"] == "active"
    _ours, answer = await wanted(
        owner, theirs["id"], 400, region="east", glance_service_interface="internal",
        headers=catalogue("http://169.254.169.254/", 3),
    )  # fmt: skip
    assert b"public" in answer.content
    _ours, answer = await wanted(owner, theirs["id"], 400, region="east", headers=catalogue("http://x.test", 3))
    assert b"no image service in region east" in answer.content


async def test_bytes_that_are_not_what_the_other_cloud_says_are_not_kept(there, owner, here, work):
    theirs = await there[1].create_active(NOISE)
    await there[0].execute("UPDATE images SET os_hash_value = $2 WHERE id = $1", theirs["id"], "0" * 128)
    ours, _answer = await wanted(owner, theirs["id"])
    await work()
    assert (await owner.show(ours))["status"] == "queued"
    assert (await last_task(owner, ours))["error"]["code"] == "digest_mismatch"


async def test_no_more_properties_arrive_than_an_image_may_have(there, owner, here):
    theirs = await there[1].create_active(NOISE, hw_disk_bus="scsi", os_type="linux", os_distro="debian")
    ours, _answer = await wanted(owner, theirs["id"])
    few = here.ports.settings.model_copy(
        update={"images": here.ports.settings.images.model_copy(update={"property_quota": 2})}
    )
    async with importer_main.opened(few) as ports:
        for task in await jobs.claim(ports, 10):
            await jobs.run(ports, task)
    assert (await owner.show(ours))["status"] == "queued"
    task = await last_task(owner, ours)
    assert task["error"]["code"] == "source_refused"
    assert "3 properties, and may have 2" in str(task)
