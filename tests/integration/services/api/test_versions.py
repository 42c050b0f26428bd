"""Discovery, and the ways to say which version is spoken (section 3 of the contract)."""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

BY_ACCEPT = "application/vnd.openstack.images-"
PUBLIC = "http://img.example.test:9292"


async def discovered(person, path, **options):
    answer = await person.get(path, **options)
    return answer.status, [each["id"] for each in answer.json["versions"]]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 300),  # IMG-33
        ("POST", "/", 300),
        ("GET", "/v3", 300),
        ("GET", "/v1/images", 300),
        ("GET", "/images", 300),
        ("GET", "/bogus/x", 300),
        ("GET", "/v2.99/images", 300),
        ("GET", "/v2.8x/images", 300),  # IMG-63
        ("GET", "/v2.14/images", 300),  # the cache is not there
        ("GET", "/V2/images", 300),  # AC-75
        ("DELETE", "/anything", 300),
        ("GET", "/versions", 200),  # IMG-34, IMG-685
        ("GET", "/versions/", 200),
        ("GET", "/versions/x", 200),
        ("PATCH", "/versions", 200),
        ("GET", "/versionsA", 300),
        ("GET", "/versions%41", 300),
    ],
)
async def test_everybody_is_told_which_versions_there_are(shared, method, path, status):
    nobody = shared.person()
    nobody.headers.clear()
    answer = await nobody.ask(method, path, headers={"Accept": "text/html"})
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json")  # IMG-35
    assert "x-openstack-request-id" not in answer.headers
    assert list(answer.json) == ["versions"]  # IMG-36


@pytest.mark.rule("IMG-36")
@pytest.mark.rule("IMG-38")
@pytest.mark.rule("AC-76")
async def test_one_version_is_current_and_all_have_one_link(shared):
    answer = await shared.person().get("/versions", headers={"Host": "img.example.test:9292"})
    listed = answer.json["versions"]
    assert [each["id"] for each in listed if each["status"] == "CURRENT"] == ["v2.17"]
    assert {each["status"] for each in listed} == {"CURRENT", "SUPPORTED"}
    links = [{"rel": "self", "href": f"{PUBLIC}/v2/"}]  # IMG-37
    assert all(each.keys() == {"id", "status", "links"} and each["links"] == links for each in listed)


@pytest.mark.rule("IMG-33")
async def test_a_head_of_the_root_has_no_body(shared):
    came = await shared.talk(b"HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert came.startswith(b"HTTP/1.1 300 ")
    assert came.endswith(b"\r\n\r\n")


@pytest.mark.rule("IMG-9")
@pytest.mark.rule("IMG-37")
async def test_a_public_endpoint_is_the_base_of_links_and_of_nothing_else(run, settings):
    settings["api"]["public_endpoint"] = "https://img.example.test/image/"
    async with run(settings) as api:
        listed = (await api.person().get("/")).json["versions"]
        image = await api.person().create()
    assert {link["href"] for each in listed for link in each["links"]} == {"https://img.example.test/image/v2/"}
    assert image["self"] == f"/v2/images/{image['id']}"


@pytest.mark.rule("IMG-8")
@pytest.mark.rule("IMG-10")
async def test_one_nameless_store_shows_no_minor_of_several(run, settings):
    settings["api"]["multi_store"] = False
    async with run(settings) as api:
        status, listed = await discovered(api.person(), "/")
        assert (status, "v2.8" in listed, listed[:2]) == (300, False, ["v2.15", "v2.9"])
        assert (await api.person().get("/v2.8/images")).status == 300
        created = await api.person().ask("POST", "/v2/images", {})
    assert (created.status, "OpenStack-image-store-ids" in created.headers) == (201, False)


@pytest.mark.parametrize("version", ["v2", "v2.0", "v2.5", "v2.7", "v2.8", "v2.15", "v2.17"])
async def test_every_minor_speaks_the_same_api(shared, version):  # IMG-5, IMG-61, IMG-63
    owner = shared.person()
    image = await owner.create(os_hidden=True)
    answer = await owner.get(f"/{version}/images/{image['id']}")
    assert (answer.status, answer.json) == (200, image)
    assert answer.json["self"].startswith("/v2/")  # IMG-99


@pytest.mark.parametrize(
    ("accept", "path", "status"),
    [
        (f"{BY_ACCEPT}v2.1", "/images", 200),  # IMG-64
        (f"{BY_ACCEPT}v2", "/images", 200),
        (f"{BY_ACCEPT}v2.1", "/v2/images", 404),
        (f"{BY_ACCEPT}v2.99", "/images", 300),
        (f"{BY_ACCEPT}v2.99", "/v2/images", 300),
        (f"{BY_ACCEPT}", "/images", 300),
        (f"text/html, {BY_ACCEPT}v2.1", "/v2/images", 200),  # it must come first
    ],
)
async def test_an_accept_header_can_name_the_version_instead_of_the_path(shared, accept, path, status):
    assert (await shared.person().get(path, headers={"Accept": accept})).status == status


@pytest.mark.rule("IMG-65")
@pytest.mark.rule("AC-75")
async def test_a_version_without_its_slash_is_redirected_to_nothing(shared):
    owner = shared.person()
    answer = await owner.get("/v2.5", headers={"Host": "img.example.test:9292"})
    assert (answer.status, answer.headers["Location"], answer.content) == (302, f"{PUBLIC}/v2/", b"")
    assert (await owner.get("/v2/")).status == 404


@pytest.mark.rule("IMG-65")
@pytest.mark.parametrize("path", ["/v2", "/v2/"])
async def test_the_empty_place_below_the_version_asks_who_is_there(shared, path):
    nobody = shared.person()
    nobody.headers.clear()
    assert (await nobody.get(path)).status == 401


@pytest.mark.rule("IMG-66")
@pytest.mark.rule("AC-75")
async def test_leading_slashes_are_tolerated(shared):
    assert (await shared.person().get("///v2/images")).status == 200
