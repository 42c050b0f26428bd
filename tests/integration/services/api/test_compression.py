"""Answers in gzip, for those who ask for it, where it is allowed."""

import gzip

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTENT = b"the same again " * 50_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(fresh_database, run, usual_settings, tmp_path_factory):
    async with fresh_database() as dsn:
        settings = usual_settings(dsn, tmp_path_factory.mktemp("packed"))
        settings["api"] |= {"gzip": True}
        async with run(settings) as made:
            yield made


def somebody(api, project="p1"):
    """Return somebody who asks for nothing of the kind unless a test says so."""
    person = api.person(project)
    person.headers["Accept-Encoding"] = "identity"
    return person


async def ask(person, method, path, accept="gzip", **options):
    return await person.ask(method, path, headers={"Accept-Encoding": accept, **options.pop("headers", {})}, **options)


@pytest.mark.rule("AC-73")
@pytest.mark.parametrize(
    ("accept", "is_packed"),
    [
        ("gzip", True),
        ("deflate, GZIP, br", True),
        ("gzip;q=0", True),  # as it always was
        ("xgzip", False),
        ("x-gzip", False),
        ("*", False),
        ("identity", False),
        ("", False),
    ],
)
async def test_the_word_gzip_asks_for_it(api, accept, is_packed):
    person = somebody(api)
    plain = await ask(person, "GET", "/v2/schemas/image", "identity")
    answer = await ask(person, "GET", "/v2/schemas/image", accept)
    assert ("Content-Encoding" in answer.headers) is is_packed
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert (gzip.decompress(answer.content) if is_packed else answer.content) == plain.content
    assert "Vary" not in answer.headers


@pytest.mark.rule("AC-73")
async def test_errors_and_documents_are_compressed_too_and_what_is_empty_stays_so(api):
    person = somebody(api)
    for path, status in (("/v2/images/none", 404), ("/", 300), ("/v2/nothing", 404), ("/healthcheck", 200)):
        answer = await ask(person, "GET", path)
        assert (answer.status, answer.headers["Content-Encoding"]) == (status, "gzip")
        assert gzip.decompress(answer.content)
    image = await person.create()
    gone = await ask(person, "DELETE", f"/v2/images/{image['id']}")
    assert (gone.status, gone.content, "Content-Encoding" in gone.headers) == (204, b"", False)


@pytest.mark.rule("AC-73")
async def test_a_long_list_comes_whole(api):
    person = somebody(api, "many")
    for number in range(40):
        await person.create(**{f"property_{each}": str(number) * 200 for each in range(20)})
    answer = await ask(person, "GET", "/v2/images?limit=40")
    plain = await ask(person, "GET", "/v2/images?limit=40", "identity")
    assert len(plain.content) > 100_000 > len(answer.content)
    assert gzip.decompress(answer.content) == plain.content


@pytest.mark.rule("AC-73")
async def test_bytes_of_an_image_are_compressed_as_they_pass(api):
    person = somebody(api)
    image = await person.create_active(CONTENT)
    path = f"/v2/images/{image['id']}/file"
    answer = await ask(person, "GET", path)
    assert (answer.status, answer.headers["Content-Encoding"]) == (200, "gzip")
    assert "Content-Length" not in answer.headers
    assert answer.headers["Content-MD5"] == image["checksum"]
    assert len(answer.content) < len(CONTENT) / 10
    assert gzip.decompress(answer.content) == CONTENT
    part = await ask(person, "GET", path, headers={"Range": "bytes=5-9"})
    assert (part.status, part.content, "Content-Encoding" in part.headers) == (206, CONTENT[5:10], False)
    plain = await ask(person, "GET", path, "identity")
    assert (plain.content, plain.headers["Content-Length"]) == (CONTENT, str(len(CONTENT)))


@pytest.mark.rule("AC-73")
async def test_nothing_is_compressed_unless_it_is_allowed(run, settings):
    async with run(settings) as api:
        person = somebody(api)
        image = await person.create_active(CONTENT)
        for path in ("/v2/schemas/image", f"/v2/images/{image['id']}/file"):
            assert "Content-Encoding" not in (await ask(person, "GET", path)).headers
