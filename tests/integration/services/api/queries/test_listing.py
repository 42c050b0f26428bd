"""What lists show is what the rules say and what can be shown alone, for random images, callers and questions."""

import itertools
import random
import uuid

import pytest

from glimpse.settings import Api as Rules
from services.api import filters
from services.api.caller import Caller
from services.api.queries import listing
from tests.fixtures.plans import Explaining

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROJECTS = ("p1", "p2", "p3")
VISIBILITIES = ("public", "community", "shared", "private")
ANSWERS = ("pending", "accepted", "rejected")
STATUSES = ("queued", "active", "deactivated", "killed", "deleted")
CALLERS = (*((project, "member,reader") for project in (*PROJECTS, "p4", None)), ("p1", "admin"), (None, "admin"))


async def some_images(api, seed, count=60):
    """Make random images and members, past all rules; returns them by id."""
    chance = random.Random(seed)
    images = {}
    for _ in range(count):
        image_id = str(uuid.UUID(int=chance.getrandbits(128)))
        images[image_id] = {
            "owner": chance.choice((*PROJECTS, None)),
            "visibility": chance.choice(VISIBILITIES),
            "os_hidden": chance.random() < 0.2,
            "status": chance.choices(STATUSES, (10, 10, 2, 1, 2))[0],
            "members": {p: chance.choice(ANSWERS) for p in (*PROJECTS, "p4") if chance.random() < 0.4},
        }
    columns = ("owner", "visibility", "os_hidden", "status")
    await api.execute("TRUNCATE images, members, image_ids, blobs CASCADE")
    await api.execute("INSERT INTO image_ids (id) SELECT unnest($1::text[])", list(images))
    await api.execute(
        "INSERT INTO images (id, owner, visibility, os_hidden, status, size, deleted_at, created_at)"
        " SELECT id, owner, visibility, hidden, status, 1, CASE status WHEN 'deleted' THEN now() END,"
        " '2026-01-01'::timestamptz + age * interval '1 minute'"
        " FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[], $5::text[], $6::int[])"
        " AS given (id, owner, visibility, hidden, status, age)",
        list(images),
        *([each[column] for each in images.values()] for column in columns),
        [chance.randrange(20) for _ in images],
    )
    members = [(image_id, *member) for image_id, image in images.items() for member in image["members"].items()]
    await api.execute(
        "INSERT INTO members (image_id, image_created_at, member, status) SELECT id, created_at, member, given.status"
        " FROM unnest($1::text[], $2::text[], $3::text[]) AS given (id, member, status) JOIN images USING (id)",
        *(list(column) for column in zip(*members, strict=True)),
    )
    return images


def is_listed(image, caller, visibility, member_status, hidden):
    """Say what the contract says of an image in a list."""
    project, roles = caller
    if image["status"] in ("deleted", "killed") or image["os_hidden"] is not hidden:  # IMG-285, IMG-286
        return False
    if visibility not in (None, "all", image["visibility"]):
        return False
    is_mine = project is not None and image["owner"] == project
    if roles == "admin":  # IMG-284
        return visibility is not None or is_mine or image["visibility"] != "community"
    if is_mine or image["visibility"] == "public":  # IMG-281
        return True
    if image["visibility"] == "community":
        return visibility is not None  # IMG-282, IMG-283
    answer = image["members"].get(project)
    return image["visibility"] == "shared" and answer is not None and member_status in ("all", answer)


@pytest.mark.rule("IMG-281")
@pytest.mark.rule("IMG-282")
@pytest.mark.rule("IMG-283")
@pytest.mark.rule("IMG-284")
@pytest.mark.rule("IMG-298")
@pytest.mark.rule("AC-15")
@pytest.mark.parametrize("seed", range(4))
async def test_a_list_shows_what_the_contract_says(shared, seed):
    images = await some_images(shared, seed)
    for caller in CALLERS:
        person = shared.person(caller[0], roles=caller[1])
        for visibility, member_status, hidden in itertools.product(
            (None, "all", *VISIBILITIES), (None, "all", *ANSWERS), (False, True)
        ):
            asked = {"visibility": visibility, "member_status": member_status, "os_hidden": str(hidden).lower()}
            query = "&".join(f"{name}={value}" for name, value in asked.items() if value is not None)
            listed = [each["id"] for each in (await person.get(f"/v2/images?limit=1000&{query}")).json["images"]]
            wanted = (visibility, member_status or "accepted", hidden)
            expected = {image_id for image_id, image in images.items() if is_listed(image, caller, *wanted)}
            assert len(listed) == len(set(listed))
            assert set(listed) == expected, (caller, query)


@pytest.mark.rule("IMG-110")
@pytest.mark.rule("AC-15")
@pytest.mark.parametrize("seed", range(4, 6))
async def test_what_a_list_can_show_is_what_can_be_shown_alone(shared, seed):
    """But for the images of nobody, which storage shows to all, and lists to nobody (IMG-110, IMG-281)."""
    images = await some_images(shared, seed)
    for project, roles in CALLERS:
        person = shared.person(project, roles=roles)
        alone = {image_id for image_id in images if (await person.get(f"/v2/images/{image_id}")).status == 200}
        listed = set()
        for hidden in ("true", "false"):
            query = f"limit=1000&visibility=all&member_status=all&os_hidden={hidden}"
            listed |= {each["id"] for each in (await person.get(f"/v2/images?{query}")).json["images"]}
        owned = {i for i, image in images.items() if image["owner"] is not None and image["status"] != "killed"}
        assert alone & owned == listed & owned, (project, roles)
        assert listed <= alone


@pytest.mark.rule("IMG-315")
async def test_pages_of_several_ways_of_seeing_an_image_are_one_list(shared):
    await some_images(shared, 7)
    person = shared.person("p1")
    for query in ("", "sort_dir=asc", "visibility=all&member_status=all", "sort=name,id:asc", "sort=status:asc,size"):
        whole = [each["id"] for each in (await person.get(f"/v2/images?limit=1000&{query}")).json["images"]]
        path, pages = f"/v2/images?limit=7&{query}", []
        while path:
            page = (await person.get(path)).json
            pages += [each["id"] for each in page["images"]]
            path = page.get("next")
        assert pages == whole, query


async def a_crowd(api, count):
    """Make so many images: a third of them one tenant's, a few another's, and of all kinds."""
    await api.execute("TRUNCATE images, members, image_ids, blobs CASCADE")
    await api.execute(
        """
        CREATE TABLE given AS
        SELECT gen_random_uuid()::text AS id, number,
               CASE WHEN number % 3 = 0 THEN 'large' WHEN number < 20 THEN 'tiny' ELSE 'p' || number % 97 END AS owner,
               (ARRAY['public', 'community', 'shared', 'private', 'shared', 'private'])[1 + number / 3 % 6]
                   AS visibility
          FROM generate_series(1, $1::int) AS number
        """,
        count,
    )
    await api.execute("INSERT INTO image_ids SELECT id FROM given")
    await api.execute(
        """
        INSERT INTO images (id, owner, visibility, os_hidden, status, created_at)
        SELECT id, owner, visibility, number % 10 = 0, 'queued',
               '2026-01-01'::timestamptz + number * interval '1 second'
          FROM given
        """
    )
    await api.execute(
        """
        INSERT INTO members (image_id, image_created_at, member, status)
        SELECT images.id, images.created_at, project, (ARRAY['accepted', 'pending'])[1 + number / 7 % 2]
          FROM given JOIN images USING (id), unnest(ARRAY['tiny', 'large', 'p' || number % 89]) AS project
         WHERE images.visibility = 'shared' AND (project <> 'tiny' OR number < 100)
        """
    )
    async with api.ports.database.reading() as connection:
        await connection.execute("VACUUM ANALYZE images, members")


CROWD = {
    "tiny": Caller("req-1", project="tiny"),
    "one of many": Caller("req-1", project="p5"),
    "large": Caller("req-1", project="large"),
    "administrator": Caller("req-1", project="admins", is_admin=True),
}
QUESTIONS = ["", "visibility=all", "member_status=all", "sort_dir=asc", "visibility=shared", "limit=200"]


async def test_a_page_costs_what_it_shows_whoever_asks_and_however_many_images_there_are(shared):
    """Each row costs a few pages of an index and one of the table; nothing has to be passed over on the way."""
    await a_crowd(shared, 20_000)
    async with shared.ports.database.reading() as connection:
        middle = dict(await connection.fetchrow("SELECT * FROM images ORDER BY created_at OFFSET 10000 LIMIT 1"))
        for (who, caller), question, after in itertools.product(CROWD.items(), QUESTIONS, (None, middle)):
            wanted = filters.wanted([tuple(part.split("=")) for part in question.split("&") if part], Rules())
            explaining = Explaining(connection)
            await listing.list_page(explaining, caller, wanted, after)
            for plan in explaining.plans:
                asked = (who, question, after is not None, plan.mode)
                assert all(node["Node Type"] != "Seq Scan" for node in plan.nodes()), asked
                assert plan.buffers <= 60 + 6 * plan.rows, asked
