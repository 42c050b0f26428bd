"""How a client reached us: what is believed of proxies, of which, and where it shows."""

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(fresh_database, run, usual_settings, tmp_path_factory):
    """An API behind a proxy that is trusted."""
    async with fresh_database() as dsn:
        settings = usual_settings(dsn, tmp_path_factory.mktemp("behind"))
        settings["api"] |= {"proxy_headers": True}
        async with run(settings) as made:
            yield made


async def href(api, **fields):
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    answer = await api.person().get("/versions", headers={"Host": "inner:9292"} | headers)
    return answer.json["versions"][0]["links"][0]["href"].removesuffix("/v2/")


@pytest.mark.rule("AC-74")
@pytest.mark.parametrize(
    ("fields", "base"),
    [
        ({}, "http://inner:9292"),
        ({"X_Forwarded_Proto": "https"}, "https://inner:9292"),
        ({"X_Forwarded_Proto": "HTTPS", "X_Forwarded_Host": "img.test"}, "https://img.test"),
        ({"X_Forwarded_Host": "img.test:8080"}, "http://img.test:8080"),
        ({"X_Forwarded_Proto": "https", "X_Forwarded_Host": "img.test:80"}, "https://img.test:80"),  # the port stays
        ({"X_Forwarded_Proto": "https", "X_Forwarded_Host": "img.test:443"}, "https://img.test"),
        ({"X_Forwarded_Host": "img.test:80"}, "http://img.test"),
        ({"X_Forwarded_Prefix": "/image"}, "http://inner:9292/image"),
        ({"X_Forwarded_Prefix": "/a/b/"}, "http://inner:9292/a/b"),
        ({"Forwarded": "for=10.0.0.1;proto=https;host=img.test"}, "https://img.test"),
        ({"Forwarded": 'proto=https;host="img.test:81", proto=http;host=other'}, "https://img.test:81"),
        ({"Forwarded": "host=img.test", "X_Forwarded_Proto": "https"}, "http://img.test"),  # it wins, whole
        ({"Forwarded": 'for="a,b";host=img.test'}, "http://img.test"),
        ({"Forwarded": "proto=https", "X_Forwarded_Prefix": "/image"}, "https://inner:9292/image"),
        ({"Forwarded": "nonsense"}, "http://inner:9292"),
        ({"X_Forwarded_Proto": "javascript", "X_Forwarded_Host": "a/b"}, "http://inner:9292"),
        ({"X_Forwarded_Host": "a b"}, "http://inner:9292"),
        ({"X_Forwarded_Host": "user@host"}, "http://inner:9292"),
        ({"X_Forwarded_Host": "one.test, two.test"}, "http://inner:9292"),
        ({"X_Forwarded_Host": "[2001:db8::1]:80"}, "http://[2001:db8::1]"),
        ({"X_Forwarded_Prefix": "//evil.test"}, "http://inner:9292"),
        ({"X_Forwarded_Prefix": "image"}, "http://inner:9292"),
        ({"Host": "inner:80"}, "http://inner"),
    ],
)
async def test_links_are_made_of_what_the_proxy_says(api, fields, base):
    assert await href(api, **fields) == base


@pytest.mark.rule("AC-74")
async def test_so_are_the_fields_that_say_where_something_is(api):
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "img.test", "X-Forwarded-Prefix": "/image"}
    made = await api.person().ask("POST", "/v2/images", {}, headers=headers)
    assert made.headers["Location"] == f"https://img.test/image/v2/images/{made.json['id']}"
    moved = await api.person().get("/v2", headers=headers)
    assert (moved.status, moved.headers["Location"]) == (302, "https://img.test/image/v2/")


FIELDS = {"X_Forwarded_Proto": "https", "Forwarded": "host=evil.test", "X_Forwarded_Prefix": "/x"}


@pytest.mark.rule("AC-74")
@pytest.mark.parametrize("told", [{}, {"proxy_headers": True, "trusted": ["192.0.2.0/24"]}])
async def test_nothing_of_it_counts_unless_it_is_wanted_and_from_one_who_is_trusted(run, settings, told):
    trusted = told.get("trusted")
    settings["api"] |= {name: value for name, value in told.items() if name != "trusted"}
    settings["auth"] |= {"trusted_proxies": trusted} if trusted else {}
    async with run(settings) as api:
        assert await href(api, **FIELDS) == "http://inner:9292"


@pytest.mark.rule("AC-40", "AC-74")
async def test_whom_a_proxy_speaks_for_is_written_down_and_makes_nobody_trusted(run, settings, capsys):
    settings["api"] |= {"proxy_headers": True, "access_log": True}
    settings["auth"] |= {"trusted_proxies": ["192.0.2.0/24"]}
    async with run(settings) as api:
        told = {"X-Forwarded-For": "192.0.2.7", "Forwarded": "for=192.0.2.7"}
        assert (await api.person().get("/v2/images", headers=told)).status == 401
    settings["auth"] |= {"trusted_proxies": ["127.0.0.1/32"]}
    async with run(settings) as api:
        capsys.readouterr()
        assert (await api.person().get("/v2/images", headers={"X-Forwarded-For": "192.0.2.7"})).status == 200
        assert "remote=192.0.2.7" in capsys.readouterr().out
