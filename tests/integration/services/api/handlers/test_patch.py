"""Changing images in both dialects: what each operation does, and which refusal comes first (section 11)."""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

V21 = "application/openstack-images-v2.1-json-patch"
V20 = "application/openstack-images-v2.0-json-patch"
ID = "11111111-2222-4333-8444-555555555555"
TOO_LONG = "x" * 256


def operation(op, path, *value, dialect=V21):
    """Write an operation in either dialect."""
    said = {"op": op, "path": path} if dialect == V21 else {op: path}
    return said | ({"value": value[0]} if value else {})


@pytest.mark.rule("IMG-319")
@pytest.mark.rule("IMG-320")
@pytest.mark.rule("IMG-42")
@pytest.mark.rule("IMG-43")
@pytest.mark.parametrize("dialect", [V20, V21, f"{V21}; charset=utf-8", V20.upper()])
async def test_both_dialects_are_spoken(shared, dialect):
    owner = shared.person()
    image = await owner.create(name="old", gone="x")
    spoken = V20 if "V2.0" in dialect.upper() else V21
    answer = await owner.patch(
        image["id"],
        operation("replace", "/name", "new", dialect=spoken),
        operation("add", "/added", "a", dialect=spoken),
        operation("remove", "/gone", dialect=spoken),
        dialect=dialect,
    )
    assert answer.status == 200
    assert await owner.show(image["id"]) == answer.json  # IMG-322
    assert (answer.json["name"], answer.json["added"], "gone" in answer.json) == ("new", "a", False)


@pytest.mark.rule("IMG-321")
@pytest.mark.rule("IMG-355")
@pytest.mark.parametrize(
    "kind", [None, "", "application/json", "application/json-patch+json", "text/plain", f"x{V21}", "application/*"]
)
async def test_another_type_is_refused_before_anything_else_and_told_which_to_send(shared, kind):
    headers = {} if kind is None else {"Content-Type": kind}
    answer = await shared.person(roles="none").ask("PATCH", f"/v2/images/{ID}", b"not JSON", headers=headers)
    assert (answer.status, answer.headers["Accept-Patch"]) == (415, f"{V20}, {V21}")


@pytest.mark.rule("IMG-322")
async def test_all_changes_are_made_or_none(shared):
    owner = shared.person()
    image = await owner.create(name="old", one="1")
    refused = await owner.patch(
        image["id"],
        operation("replace", "/name", "new"),
        operation("remove", "/one"),
        operation("replace", "/tags", ["a"]),
        operation("remove", "/never was"),
    )
    assert refused.status == 409
    assert await owner.show(image["id"]) == image


@pytest.mark.rule("IMG-322")
async def test_changes_are_made_in_their_order(shared):
    owner = shared.person()
    image = await owner.create()
    answer = await owner.patch(
        image["id"],
        operation("add", "/a", "1"),
        operation("replace", "/a", "2"),
        operation("remove", "/a"),
        operation("add", "/a", "3"),
        operation("replace", "/tags", ["x"]),
        operation("replace", "/tags", ["y", "y"]),
    )
    assert (answer.status, answer.json["a"], answer.json["tags"]) == (200, "3", ["y"])


@pytest.mark.rule("IMG-323")
async def test_other_members_of_an_operation_are_ignored(shared):
    owner = shared.person()
    image = await owner.create()
    answer = await owner.patch(image["id"], operation("replace", "/name", "n") | {"from": "/x", "comment": [1]})
    assert (answer.status, answer.json["name"]) == (200, "n")


MALFORMED = [
    ("IMG-326", {}),
    ("IMG-326", {"op": "replace", "path": "/name", "value": "a"}),
    ("IMG-326", [1]),
    ("IMG-326", [[]]),
    ("IMG-326", [None]),
    ("IMG-327", [{}]),
    ("IMG-327", [{"path": "/name", "value": "a"}]),
    ("IMG-327", [{"op": "replace", "value": "a"}]),
    *(("IMG-327", [operation(op, "/name", "a")]) for op in ("test", "move", "copy", "ADD", "", None, 1, [], {})),
    ("IMG-327", [operation("replace", "/name", "a", dialect=V20)]),
    ("IMG-329", [operation("add", "/a")]),
    ("IMG-329", [operation("replace", "/a")]),
    *(("IMG-333", [operation("replace", path, "a")]) for path in (None, 1, True, [], ["/a"], {"a": 1})),  # IMG-693
    *(("IMG-330", [operation("add", path, "a")]) for path in ("", "a", "a/", "//", "//a", "/a//b", "/a/")),
    *(("IMG-330", [operation("add", path, "a")]) for path in ("/~", "/~2", "/a~", "/~~0", "/~01~")),
    *(("IMG-331", [operation("add", path, "a")]) for path in ("/tags/-", "/tags/0", "/a/b", "/name/x", "/a/b/c")),
    ("IMG-331", [operation("remove", "/tags/0")]),
    ("IMG-331", [operation("add", "/locations/0/url", "a")]),
    ("IMG-332", [operation("add", "/locations", [])]),
    ("IMG-332", [operation("remove", "/locations")]),
    ("IMG-332", [operation("replace", "/locations/0", {})]),
    ("IMG-183", [operation("add", f"/{TOO_LONG}", "a")]),  # IMG-697
]


@pytest.mark.parametrize(("_rule", "body"), MALFORMED)
async def test_what_makes_no_sense_is_refused_whether_there_is_an_image_or_not(shared, _rule, body):
    for image_id in ((await shared.person().create())["id"], ID):  # IMG-324
        answer = await shared.person().ask("PATCH", f"/v2/images/{image_id}", body, headers={"Content-Type": V21})
        assert answer.status == 400


@pytest.mark.rule("IMG-328")
@pytest.mark.parametrize(
    "said",
    [
        {},
        {"value": "a"},
        {"add": "/a", "replace": "/a", "value": "a"},
        {"add": "/a", "remove": "/a", "replace": "/a", "value": "a"},
        {"op": "add", "path": "/a", "value": "a"},
    ],
)
async def test_the_older_dialect_has_one_operation_to_an_object(shared, said):
    assert (await shared.person().patch(ID, said, dialect=V20)).status == 400


@pytest.mark.rule("IMG-334")
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a~1b", "a/b"),
        ("/a~0b", "a~b"),
        ("/~01", "~1"),
        ("/ a ", "a"),
        ("/a b", "a b"),
        ("/a%20b", "a%20b"),
        ("/", ""),
        ("/ü", "ü"),
    ],
)
async def test_a_pointer_names_one_property(shared, path, name):
    owner = shared.person()
    image = await owner.create()
    answer = await owner.patch(image["id"], operation("add", path, "here"))
    assert (answer.status, answer.json.get(name)) == (200, "here")
    assert name not in (await owner.patch(image["id"], operation("remove", path))).json


@pytest.mark.parametrize("dialect", [V20, V21])
@pytest.mark.parametrize(
    ("op", "base", "existing", "missing"),
    [
        ("add", {V21: 200, V20: 409}, {V21: 200, V20: 409}, 200),  # IMG-335, IMG-336
        ("replace", 200, 200, 409),  # IMG-337
        ("remove", 403, 200, 409),  # IMG-338, IMG-198
    ],
)
async def test_the_grid_of_operations(shared, dialect, op, base, existing, missing):  # IMG-353, IMG-339
    owner = shared.person()
    for name, expected in (("name", base), ("mine", existing), ("other", missing)):
        image = await owner.create(name="old", mine="old")
        value = () if op == "remove" else ("new",)
        answer = await owner.patch(image["id"], operation(op, f"/{name}", *value, dialect=dialect), dialect=dialect)
        status = expected[dialect] if isinstance(expected, dict) else expected
        assert answer.status == status
        shown = await owner.show(image["id"])
        if status == 200:
            assert shown.get(name) == (None if op == "remove" else "new")
        else:
            assert shown == image


SET = [
    ("IMG-154", "name", "n"),
    ("IMG-154", "name", None),
    ("IMG-154", "name", ""),
    ("IMG-156", "visibility", "private"),
    ("IMG-342", "visibility", "community"),
    ("IMG-157", "protected", True),
    ("IMG-158", "os_hidden", True),
    ("IMG-160", "container_format", "ova"),
    ("IMG-161", "disk_format", None),
    ("IMG-162", "min_disk", 2147483647),
    ("IMG-163", "min_ram", 7),
    ("IMG-170", "tags", ["a", "b"]),
    ("IMG-340", "tags", []),
    ("IMG-694", "image_id", "x"),
    ("IMG-694", "extra_properties", "x"),
    ("IMG-694", "member", "x"),
    ("IMG-200", "member", "y"),
    ("IMG-201", "is_public", "True"),
    ("IMG-182", "text", "x" * 70_000),
]


@pytest.mark.parametrize(("_rule", "name", "value"), SET)
async def test_what_fits_is_set(shared, _rule, name, value):
    owner = shared.person()
    image = await owner.create(name="old", disk_format="raw", container_format="bare", tags=["old"])
    answer = await owner.patch(image["id"], operation("add", f"/{name}", value))
    assert (answer.status, answer.json[name]) == (200, value)
    assert await owner.show(image["id"]) == answer.json


@pytest.mark.rule("IMG-162")
async def test_a_whole_number_may_be_written_with_a_point(shared):
    image = await shared.person().create()
    answer = await shared.person().patch(image["id"], operation("replace", "/min_ram", 5.0))
    assert (answer.status, answer.json["min_ram"]) == (200, 5)


NOT_SET = [
    ("IMG-348", "name", TOO_LONG),
    ("IMG-348", "name", 1),
    ("IMG-348", "visibility", None),
    ("IMG-348", "visibility", "everybody"),
    ("IMG-348", "protected", "true"),
    ("IMG-348", "os_hidden", None),
    ("IMG-348", "disk_format", "floppy"),
    ("IMG-348", "container_format", 1),
    ("IMG-348", "min_disk", None),
    ("IMG-348", "min_disk", "1"),
    ("IMG-348", "min_disk", 1.5),
    ("IMG-348", "tags", "a"),
    ("IMG-348", "tags", None),
    ("IMG-348", "tags", [TOO_LONG]),
    ("IMG-348", "owner", 1),
    ("IMG-182", "property", None),
    ("IMG-182", "property", 1),
    ("IMG-182", "property", True),
    ("IMG-182", "property", ["a"]),
    ("IMG-182", "property", {"a": "b"}),
    ("IMG-349", "min_disk", -1),
    ("IMG-349", "min_disk", 2147483648),
    ("IMG-349", "min_ram", 10**30),
]


@pytest.mark.parametrize(("_rule", "name", "value"), NOT_SET)
async def test_what_does_not_fit_is_refused(shared, _rule, name, value):
    image = await shared.admin.create()
    assert (await shared.admin.patch(image["id"], operation("add", f"/{name}", value))).status == 400
    assert await shared.admin.show(image["id"]) == image


READ_ONLY = [
    "id",
    "status",
    "checksum",
    "size",
    "virtual_size",
    "created_at",
    "updated_at",
    "os_hash_algo",
    "os_hash_value",
    "direct_url",
    "self",
    "file",
    "schema",
]


@pytest.mark.parametrize("op", ["add", "replace", "remove"])
@pytest.mark.parametrize(
    "name",
    [
        *READ_ONLY,  # IMG-346, IMG-193, IMG-683
        "stores",  # IMG-199, IMG-695
        "location",  # IMG-347, IMG-195
        "deleted",
        "deleted_at",
        "os_glance_import_task",  # IMG-197
        "os_glancefoo",
        "os_glimpse_x",  # IMG-723
    ],
)
async def test_what_is_not_for_clients_is_forbidden_whether_there_is_an_image_or_not(shared, op, name):
    for dialect in (V20, V21):
        value = () if op == "remove" else ("x",)
        said = operation(op, f"/{name}", *value, dialect=dialect)
        assert (await shared.admin.patch(ID, said, dialect=dialect)).status == 403  # IMG-324: not 404


@pytest.mark.rule("IMG-338")
@pytest.mark.parametrize("name", ["name", "tags", "visibility", "owner", "min_disk", "disk_format", "protected"])
async def test_base_fields_stay(shared, name):  # IMG-340
    image = await shared.admin.create(tags=["a"])
    assert (await shared.admin.patch(image["id"], operation("remove", f"/{name}"))).status == 403


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ([("replace", "/name", 1), ("bogus", "/name", "a")], 400),
        ([("add", "/a/b"), ("replace", "/status", "a")], 400),
        ([("add", "/status")], 400),  # `value` before what is read-only
        ([("replace", "/status", 1)], 403),  # what is read-only before the schema
        ([("replace", "/status", "x"), ("add", "/a", 1)], 403),  # each operation in its turn
        ([("add", "/a", 1), ("replace", "/status", "x")], 400),
        ([("replace", "/name", "a")], 404),
        ([("replace", "/name", "\U0001f600")], 404),  # what the store can not keep comes last
        ([("replace", "/min_disk", -1)], 404),
        ([("replace", "/tags", ["a"] * 500)], 404),
    ],
)
async def test_which_refusal_of_a_missing_image_comes_first(shared, operations, status):  # IMG-324, IMG-352
    assert (await shared.person().patch(ID, *(operation(*each) for each in operations))).status == status


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ([("replace", "/never was", "x"), ("replace", "/owner", "p2")], 409),  # IMG-325: in their order
        ([("replace", "/owner", "p2"), ("replace", "/never was", "x")], 403),
        ([("replace", "/visibility", "public"), ("replace", "/never was", "x")], 403),
        ([("replace", "/tags", ["a"] * 500), ("remove", "/name")], 403),  # quotas after every operation
        ([("replace", "/tags", ["a"] * 500), ("replace", "/min_disk", -1)], 413),
        ([("replace", "/min_disk", -1), ("replace", "/tags", ["a"] * 500)], 413),
        ([("add", "/\U0001f600", "a"), ("replace", "/never was", "x")], 409),
    ],
)
async def test_which_refusal_of_a_change_comes_first(shared, operations, status):
    image = await shared.person().create()
    assert (await shared.person().patch(image["id"], *(operation(*each) for each in operations))).status == status
    assert await shared.person().show(image["id"]) == image


@pytest.mark.rule("IMG-341")
@pytest.mark.rule("IMG-696")
@pytest.mark.parametrize("op", ["add", "replace"])
@pytest.mark.parametrize("value", ["p1", "p2", None])
async def test_only_an_administrator_gives_an_image_to_another_project(shared, op, value):
    image = await shared.person("p1").create()
    assert (await shared.person("p1").patch(image["id"], operation(op, "/owner", value))).status == 403
    assert await shared.person("p1").show(image["id"]) == image
    answer = await shared.admin.patch(image["id"], operation(op, "/owner", value))
    assert (answer.status, answer.json["owner"]) == (200, value)


@pytest.mark.rule("IMG-342")
@pytest.mark.parametrize("source", ["public", "community", "shared", "private"])
@pytest.mark.parametrize("target", ["public", "community", "shared", "private"])
async def test_visibility_goes_from_anything_to_anything(shared, source, target):
    image = await shared.admin.create(owner="p1", visibility=source)
    answer = await shared.person("p1").patch(image["id"], operation("replace", "/visibility", target))
    assert answer.status == (403 if target == "public" else 200)  # IMG-351
    answer = await shared.admin.patch(image["id"], operation("replace", "/visibility", target))
    assert (answer.status, answer.json["visibility"]) == (200, target)


@pytest.mark.rule("IMG-344")
async def test_a_protected_image_can_be_changed(shared):
    image = await shared.person().create(protected=True)
    answer = await shared.person().patch(image["id"], operation("replace", "/name", "n"))
    assert (answer.status, answer.json["protected"]) == (200, True)


@pytest.mark.rule("IMG-160")
@pytest.mark.rule("IMG-161")
@pytest.mark.rule("IMG-350")
@pytest.mark.parametrize("name", ["disk_format", "container_format"])
async def test_the_formats_of_an_image_with_bytes_stay_even_when_nothing_would_change(shared, name):
    image = await shared.person().create_active()
    assert (await shared.person().patch(image["id"], operation("replace", f"/{name}", image[name]))).status == 403


@pytest.mark.rule("IMG-178")
async def test_a_change_moves_the_time_of_the_last_one(shared):
    image = await shared.person().create()
    await shared.execute("UPDATE images SET updated_at = updated_at - interval '1 hour' WHERE id = $1", image["id"])
    before = await shared.person().show(image["id"])
    after = (await shared.person().patch(image["id"], operation("add", "/a", "1"))).json
    assert after["created_at"] == image["created_at"]
    assert after["updated_at"] > before["updated_at"]


@pytest.mark.rule("IMG-354")
@pytest.mark.rule("IMG-631")
async def test_quotas_of_properties_are_asked_only_when_there_is_a_new_one(run, settings):
    async with run(settings) as api:
        image = await api.person().create(a="1", b="2", c="3")
    settings["images"] = {"property_quota": 2}
    async with run(settings) as api:
        owner = api.person()
        assert (await owner.patch(image["id"], operation("replace", "/a", "x"))).status == 200
        assert (await owner.patch(image["id"], operation("add", "/a", "y"))).status == 200
        assert (await owner.patch(image["id"], operation("remove", "/c"))).status == 200
        assert (await owner.patch(image["id"], operation("add", "/d", "4"))).status == 413
        swapped = await owner.patch(image["id"], operation("remove", "/b"), operation("add", "/d", "4"))
        assert (swapped.status, swapped.json["a"], swapped.json["d"]) == (200, "y", "4")


@pytest.mark.rule("IMG-209")
@pytest.mark.rule("IMG-354")
@pytest.mark.rule("IMG-632")
async def test_tags_are_counted_as_they_were_sent(run, settings):
    settings["images"] = {"tag_quota": 2}
    async with run(settings) as api:
        image = await api.person().create()
        for tags, status in ((["a", "b"], 200), (["a", "a", "a"], 413), (["a", "a"], 200)):
            assert (await api.person().patch(image["id"], operation("replace", "/tags", tags))).status == status


async def test_many_changes_at_once_are_one_change(shared):
    """As many as a body holds; what each costs does not grow with the others."""
    owner = shared.person()
    image = await owner.create()
    many = [operation("replace", "/name", f"n{number}") for number in range(2000)]
    many += [operation("add", f"/p{number}", "") for number in range(12_000)]
    many += [operation("remove", f"/p{number}") for number in range(12_000)]
    answer = await owner.patch(image["id"], *many)
    assert (answer.status, answer.json["name"], "p1" in answer.json) == (200, "n1999", False)
    assert await shared.told(image["id"]) == ["image.created", "image.updated"]


@pytest.mark.rule("IMG-683")
async def test_what_a_client_was_shown_it_can_send_back_but_for_what_is_read_only(shared):
    """A client that compares what it wants with what it was shown, and sends what differs (openstacksdk)."""
    owner = shared.person()
    shown = await owner.create(name="a", tags=["t"], os_distro="debian", min_disk=1, disk_format="raw")
    writable = {name: value for name, value in shown.items() if name not in (*READ_ONLY, "owner")}
    answer = await owner.patch(shown["id"], *(operation("replace", f"/{name}", writable[name]) for name in writable))
    assert answer.status == 200
    assert {**answer.json, "updated_at": shown["updated_at"]} == shown


@pytest.mark.rule("IMG-6")
async def test_members_of_an_operation_may_come_in_any_order(shared):
    image = await shared.person().create()
    answer = await shared.person().patch(image["id"], {"value": "v", "path": "/a", "op": "add"})
    assert (answer.status, answer.json["a"]) == (200, "v")


@pytest.mark.rule("IMG-345")
@pytest.mark.parametrize("status", ["saving", "uploading", "importing", "deactivated"])
async def test_metadata_can_be_changed_whatever_happens_to_the_bytes(shared, status):
    image = await shared.person().create(a="1")
    await shared.execute("UPDATE images SET status = $2, size = 1 WHERE id = $1", image["id"], status)
    answer = await shared.person().patch(image["id"], operation("replace", "/a", "2"), operation("remove", "/a"))
    assert (answer.status, answer.json["status"]) == (200, status)


@pytest.mark.rule("IMG-636")
async def test_a_quota_is_told_in_the_form_that_was_asked_for(shared):
    image = await shared.person().create()
    body, headers = [operation("replace", "/tags", ["a"] * 129)], {"Content-Type": V21, "Accept": "application/json"}
    answer = await shared.person().ask("PATCH", f"/v2/images/{image['id']}", body, headers=headers)
    assert (answer.status, answer.json["code"]) == (413, "413 Request Entity Too Large")
