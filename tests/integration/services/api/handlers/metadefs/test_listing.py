"""Lists of namespaces, page by page, over a socket."""

import pytest

NAMESPACES = "/v2/metadefs/namespaces"


async def names(person, query=""):
    answer = await person.get(f"{NAMESPACES}{query}")
    assert answer.status == 200, answer.content
    return [each["namespace"] for each in answer.json["namespaces"]]


@pytest.fixture
async def five(make):
    """Five namespaces, A the oldest."""
    for name in "ABCDE":
        await make(name, display_name={"A": "z", "C": "m"}.get(name) or "k")


@pytest.mark.rule("MD-34")
async def test_a_list_shows_namespaces_and_what_they_are_for_and_nothing_else_of_what_is_in_them(admin, full):
    await full()
    listed = (await admin.get(NAMESPACES)).json
    assert (listed["first"], listed["schema"]) == (NAMESPACES, "/v2/schemas/metadefs/namespaces")
    assert "next" not in listed
    shown = (await admin.get(f"{NAMESPACES}/OS::Test")).json
    assert listed["namespaces"] == [
        {name: value for name, value in shown.items() if name not in ("objects", "properties", "tags")}
    ]


@pytest.mark.rule("MD-34")
async def test_what_is_for_nothing_has_no_associations(admin, make):
    await make()
    assert "resource_type_associations" not in (await admin.get(NAMESPACES)).json["namespaces"][0]


@pytest.mark.rule("MD-37")
async def test_an_empty_list_leads_nowhere(admin):
    assert (await admin.get(f"{NAMESPACES}?resource_types=a,b:c")).json == {
        "namespaces": [],
        "first": f"{NAMESPACES}?resource_types=a%2Cb%3Ac",
        "schema": "/v2/schemas/metadefs/namespaces",
    }


QUERIES = [
    # query, what is listed
    ("", "EDCBA"),  # MD-36: newest first
    ("?sort_dir=asc", "ABCDE"),
    ("?sort_key=namespace", "EDCBA"),
    ("?sort_key=namespace&sort_dir=asc", "ABCDE"),
    ("?sort_key=display_name&sort_dir=asc", "BDECA"),  # ties by age, then by turn
    ("?sort_key=display_name", "ACEDB"),
    ("?sort_key=id&sort_dir=asc", "ABCDE"),
    ("?sort_key=id&sort_key=namespace&sort_dir=asc&sort_dir=desc", "EDCBA"),  # MD-35: the last counts
    ("?sort_key=updated_at&sort_dir=asc", "ABCDE"),
    ("?sort_key=owner&sort_dir=asc", "ABCDE"),
    ("?sort_key=visibility", "EDCBA"),
    ("?sort_key=protected", "EDCBA"),
    ("?sort_key=description", "EDCBA"),
    ("?limit=2", "ED"),
    ("?limit=0", ""),  # MD-35
    ("?limit=99999999999999999999", "EDCBA"),  # capped in silence
    ("?marker=C", "BA"),
    ("?marker=C&limit=1", "B"),
    ("?marker=A", ""),
    ("?marker=", "EDCBA"),
    ("?marker=C&sort_dir=asc", "DE"),
    ("?marker=C&sort_key=display_name", "EDB"),
    ("?marker=D&sort_key=display_name&sort_dir=asc", "ECA"),
    ("?visibility=public", "EDCBA"),
    ("?visibility=private", ""),
    ("?visibility=", ""),  # MD-35
    ("?resource_types=", ""),  # MD-35
    ("?resource_types=T", ""),
    ("?owner=nobody&namespace=x&id_list=1&foo", "EDCBA"),  # MD-35: what is not known is ignored
]


@pytest.mark.rule("MD-35", "MD-36")
async def test_pages_in_every_order(admin, five):
    for query, listed in QUERIES:
        assert "".join(await names(admin, query)) == listed, query


REFUSED = [
    # query, status
    ("?limit=-1", 400),
    ("?limit=two", 400),
    ("?limit=", 400),
    ("?limit=1.0", 400),
    ("?sort_dir=up", 400),
    ("?sort_dir=", 400),
    ("?sort_key=size", 400),
    ("?sort_key=", 400),
    ("?sort_key=created_at%3B--", 400),
    ("?visibility=shared", 400),
    ("?marker=X", 404),
    ("?marker=%F0%9F%92%BE", 404),  # MD-85
    ("?marker=%00", 400),
    ("?marker=%FF", 400),
]


@pytest.mark.rule("MD-35")
async def test_what_makes_no_sense_is_refused_before_anybody_is_asked_who_they_are(api, admin, five):
    for query, status in REFUSED:
        answer = await admin.get(f"{NAMESPACES}{query}")
        assert answer.status == status, query
    for query in ("?limit=-1", "?sort_dir=up", "?visibility=x"):
        assert (await api.person(roles="member").get(f"{NAMESPACES}{query}")).status == 400
    assert "limit param must be positive" in (await admin.get(f"{NAMESPACES}?limit=-1")).content.decode()


@pytest.mark.rule("MD-37", "MD-94")
async def test_every_page_leads_to_the_next_until_there_is_none(admin, five):
    seen, path, pages = [], f"{NAMESPACES}?limit=2&visibility=public&marker=", []
    while path:
        answer = (await admin.get(path)).json
        assert answer["first"] == f"{NAMESPACES}?limit=2&visibility=public"
        seen += [each["namespace"] for each in answer["namespaces"]]
        path = answer.get("next")
        pages.append(path)
    assert seen == list("EDCBA")
    assert pages == [f"{NAMESPACES}?limit=2&visibility=public&marker={name}" for name in "DB"] + [None]


@pytest.mark.rule("MD-37")
async def test_a_full_page_leads_to_an_empty_last_one(admin, five):
    answer = (await admin.get(f"{NAMESPACES}?limit=5&x=a%20b")).json
    assert answer["next"] == f"{NAMESPACES}?limit=5&x=a+b&marker=A"
    last = (await admin.get(answer["next"])).json
    assert (last["namespaces"], "next" in last) == ([], False)
    assert "next" not in (await admin.get(f"{NAMESPACES}?limit=0")).json


@pytest.mark.rule("MD-37", "MD-35")
async def test_a_page_has_so_many_as_the_settings_say_when_nobody_else_does(run, settings):
    settings["api"] |= {"limit_param_default": 2, "api_limit_max": 3}
    async with run(settings) as api:
        for name in "ABCD":
            assert (await api.admin.ask("POST", NAMESPACES, {"namespace": name})).status == 201
        answer = (await api.admin.get(NAMESPACES)).json
        assert len(answer["namespaces"]) == 2
        assert answer["next"] == f"{NAMESPACES}?marker=C"  # no limit in it
        assert await names(api.admin, "?limit=4") == list("DCB")


@pytest.mark.rule("MD-35")
async def test_a_list_can_be_of_what_is_for_some_resource_types(admin, make):
    await make("A", resource_type_associations=[{"name": "X"}, {"name": "Y"}])
    await make("B", resource_type_associations=[{"name": "Y"}])
    await make("C", resource_type_associations=[{"name": "Z"}])
    assert await names(admin, "?resource_types=X,Y") == ["B", "A"]  # each once
    assert await names(admin, "?resource_types=Z,nobody") == ["C"]
    assert await names(admin, "?resource_types=,Z") == ["C"]
    assert await names(admin, "?resource_types=X&visibility=private") == []


@pytest.mark.rule("MD-21", "MD-20", "MD-104")
async def test_everybody_lists_what_storage_shows_them(api, admin, owner, stranger, make):
    await make("public", owner="p1")
    await make("p1", owner="p1", visibility="private")
    await make("p2", owner="p2", visibility="private")
    await make("loaded", owner="p3")
    await api.execute("UPDATE metadef_namespaces SET visibility = NULL WHERE namespace = 'loaded'")
    assert await names(admin) == ["loaded", "p2", "p1", "public"]
    assert await names(owner) == ["p1", "public"]
    assert await names(stranger) == ["p2", "public"]
    assert await names(api.person("p3")) == ["loaded", "public"]
    assert await names(owner, "?visibility=private") == ["p1"]
    assert await names(admin, "?visibility=private") == ["loaded", "p2", "p1"]
    shown = (await admin.get(f"{NAMESPACES}/loaded")).json
    assert (shown["visibility"], shown["protected"]) == ("private", False)


@pytest.mark.rule("MD-22")
async def test_a_hidden_marker_is_the_one_place_where_a_hidden_namespace_is_forbidden(owner, make):
    await make("theirs", owner="p2", visibility="private")
    assert (await owner.get(f"{NAMESPACES}?marker=theirs")).status == 403
    assert (await owner.get(f"{NAMESPACES}?marker=nobodys")).status == 404
