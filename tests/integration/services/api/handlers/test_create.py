"""Creating images: what each member may be, what is refused, and which refusal comes first (sections 6 and 8)."""

import json
import re
import uuid

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
LONG = "x" * 255
TOO_LONG = "x" * 256


@pytest.mark.rule("IMG-253")
@pytest.mark.rule("IMG-276")
async def test_an_image_of_nothing_has_every_base_field(shared):
    image = await shared.person("p1").create()
    assert await shared.person("p1").show(image["id"]) == image
    image_id = image["id"]
    assert str(uuid.UUID(image_id, version=4)) == image_id  # IMG-153
    assert image.pop("created_at") == image["updated_at"]  # IMG-169
    assert SECONDS.fullmatch(image.pop("updated_at"))  # IMG-177
    assert image == {
        "id": image_id,
        "name": None,  # IMG-154
        "status": "queued",  # IMG-155, IMG-219, IMG-210
        "visibility": "shared",  # IMG-156, IMG-47
        "protected": False,  # IMG-157
        "os_hidden": False,  # IMG-158
        "owner": "p1",  # IMG-159
        "container_format": None,  # IMG-160
        "disk_format": None,  # IMG-161
        "min_disk": 0,  # IMG-162
        "min_ram": 0,  # IMG-163
        "size": None,  # IMG-164
        "virtual_size": None,  # IMG-165
        "checksum": None,  # IMG-166
        "os_hash_algo": None,  # IMG-167
        "os_hash_value": None,  # IMG-168, IMG-49
        "tags": [],  # IMG-170
        "self": f"/v2/images/{image_id}",  # IMG-171
        "file": f"/v2/images/{image_id}/file",  # IMG-172
        "schema": "/v2/schemas/image",  # IMG-173; and neither direct_url, locations nor stores: IMG-174 to IMG-176
    }


@pytest.mark.rule("IMG-254")
async def test_a_created_image_says_where_it_is_and_what_can_be_done_next(shared):
    answer = await shared.person().ask("POST", "/v2.5/images", {}, headers={"Host": "img.example.test:9292"})
    assert answer.headers["Location"] == f"http://img.example.test:9292/v2/images/{answer.json['id']}"  # IMG-99
    assert (
        answer.headers["OpenStack-image-import-methods"] == "glance-direct,web-download,copy-image"
    )  # IMG-13, IMG-683
    assert answer.headers["OpenStack-image-store-ids"] == "fast,cheap"  # IMG-712: staging is not named


@pytest.mark.rule("IMG-254")
async def test_without_import_methods_none_are_named(run, settings):
    settings["import"]["methods"] = []
    async with run(settings) as api:
        answer = await api.person().ask("POST", "/v2/images", {})
    assert (answer.status, "OpenStack-image-import-methods" in answer.headers) == (201, False)


AN_ID = "AAAAAAAA-bbbb-4CCC-8ddd-EEEEEEEEEEEE"

TAKEN = [
    ("IMG-153", {"id": AN_ID}),
    ("IMG-153", {"id": "00000000-0000-0000-0000-000000000000"}),
    ("IMG-154", {"name": None}),
    ("IMG-154", {"name": ""}),
    ("IMG-154", {"name": LONG}),
    ("IMG-154", {"name": "ü" * 255}),
    ("IMG-156", {"visibility": "private"}),
    ("IMG-157", {"protected": True}),
    ("IMG-158", {"os_hidden": True}),
    ("IMG-160", {"container_format": "compressed"}),
    ("IMG-160", {"container_format": None}),
    ("IMG-161", {"disk_format": "ploop"}),
    ("IMG-161", {"disk_format": None}),
    ("IMG-162", {"min_disk": 2147483647}),
    ("IMG-162", {"min_disk": 0}),
    ("IMG-163", {"min_ram": 2147483647}),
    ("IMG-170", {"tags": ["a", "b", "", LONG, "A", "ü"]}),
    ("IMG-181", {"hw_disk_bus": "virtio", "os_distro": "debian", "trait:HW_CPU": "required"}),  # IMG-187
    ("IMG-182", {"text": "x" * 70_000}),
    ("IMG-183", {"": "the empty name"}),
    ("IMG-183", {LONG: "a long name", "with/slash": "1", "with~tilde": "2", "Case": "a", "case": "b"}),
    ("IMG-201", {"members": "m", "type": "t", "is_public": "True", "properties": "p"}),
    ("IMG-200", {"image_id": "i", "extra_properties": "e", "member": "m"}),
    ("IMG-188", {"img_signature": "s", "img_signature_hash_method": "SHA-256"}),
]


@pytest.mark.parametrize(("_rule", "body"), TAKEN)
async def test_what_fits_is_taken_as_it_is_and_shown_ever_after(shared, _rule, body):
    owner = shared.person("p1")
    image = await owner.create(**body)
    shown = await owner.show(image["id"])
    assert shown == image
    for name, value in body.items():
        assert sorted(image[name]) == sorted(value) if name == "tags" else image[name] == value


@pytest.mark.rule("IMG-162")
@pytest.mark.parametrize(("given", "kept"), [("1.0", 1), ("1e3", 1000), ("-0", 0), ("0.0", 0), ("-0.0", 0)])
async def test_a_whole_number_may_be_written_with_a_point(shared, given, kept):
    answer = await shared.person().ask("POST", "/v2/images", f'{{"min_disk": {given}, "min_ram": {given}}}'.encode())
    assert (answer.status, answer.json["min_disk"], answer.json["min_ram"]) == (201, kept, kept)


@pytest.mark.rule("IMG-208")
async def test_tags_are_a_set_in_which_case_matters(shared):
    image = await shared.person().create(tags=["b", "a", "b", "A", "a"])
    assert sorted(image["tags"]) == ["A", "a", "b"]


NOT_TAKEN = [
    # IMG-262: wrong types, unknown words, too long texts
    ("IMG-153", {"id": "not-a-uuid"}),
    ("IMG-153", {"id": AN_ID.replace("-", "")}),
    ("IMG-153", {"id": f"{AN_ID}\n"}),
    ("IMG-153", {"id": f"{{{AN_ID}}}"}),
    ("IMG-153", {"id": None}),
    ("IMG-153", {"id": 1}),
    ("IMG-154", {"name": TOO_LONG}),
    ("IMG-154", {"name": 1}),
    ("IMG-154", {"name": ["a"]}),
    ("IMG-156", {"visibility": None}),
    ("IMG-156", {"visibility": "everybody"}),
    ("IMG-156", {"visibility": "public\n"}),
    ("IMG-156", {"visibility": "Public"}),
    ("IMG-157", {"protected": "true"}),
    ("IMG-157", {"protected": 1}),
    ("IMG-157", {"protected": None}),
    ("IMG-158", {"os_hidden": "True"}),
    ("IMG-158", {"os_hidden": 0}),
    ("IMG-159", {"owner": TOO_LONG}),
    ("IMG-159", {"owner": 1}),
    ("IMG-160", {"container_format": "box"}),
    ("IMG-161", {"disk_format": "floppy"}),
    ("IMG-161", {"disk_format": ""}),
    ("IMG-162", {"min_disk": None}),
    ("IMG-162", {"min_disk": "1"}),
    ("IMG-162", {"min_disk": 1.5}),
    ("IMG-162", {"min_disk": True}),
    ("IMG-264", {"min_disk": -1}),
    ("IMG-264", {"min_disk": 2147483648}),
    ("IMG-264", {"min_disk": 10**30}),
    ("IMG-264", {"min_ram": -1}),
    ("IMG-264", {"min_ram": 2**63}),
    ("IMG-170", {"tags": "a"}),
    ("IMG-170", {"tags": None}),
    ("IMG-170", {"tags": [1]}),
    ("IMG-170", {"tags": [None]}),
    ("IMG-170", {"tags": {"a": "b"}}),
    ("IMG-262", {"tags": [TOO_LONG]}),
    ("IMG-182", {"property": None}),
    ("IMG-182", {"property": 1}),
    ("IMG-182", {"property": True}),
    ("IMG-182", {"property": ["a"]}),
    ("IMG-182", {"property": {"a": "b"}}),
    ("IMG-263", {TOO_LONG: "value"}),
    # a read-only field with a value that it could not have; IMG-256
    ("IMG-192", {"status": "bogus"}),
    ("IMG-192", {"status": None}),
    ("IMG-192", {"size": "1"}),
    ("IMG-192", {"size": True}),
    ("IMG-192", {"virtual_size": 1.5}),
    ("IMG-192", {"checksum": "x" * 33}),
    ("IMG-192", {"created_at": None}),
    ("IMG-192", {"updated_at": 1}),
    ("IMG-194", {"os_hash_algo": 1}),
    ("IMG-194", {"os_hash_value": "x" * 129}),
    ("IMG-196", {"locations": "here"}),
    ("IMG-196", {"locations": [1]}),
]


@pytest.mark.rule("IMG-262")
@pytest.mark.parametrize(("_rule", "body"), NOT_TAKEN)
async def test_what_does_not_fit_is_refused(shared, _rule, body):
    answer = await shared.admin.ask("POST", "/v2/images", body)
    assert answer.status == 400


FORBIDDEN = [
    *(("IMG-190", {name: "x"}) for name in ("direct_url", "self", "file", "schema")),
    ("IMG-191", {"stores": "fast"}),
    ("IMG-192", {"created_at": "2026-01-01T00:00:00Z"}),
    ("IMG-192", {"updated_at": "any text"}),
    ("IMG-192", {"status": "queued"}),
    ("IMG-192", {"checksum": "0" * 32}),
    ("IMG-192", {"checksum": None}),
    ("IMG-192", {"size": 1}),
    ("IMG-192", {"size": 1.0}),
    ("IMG-192", {"size": None}),
    ("IMG-192", {"virtual_size": 1}),
    *(("IMG-195", {name: "x"}) for name in ("location", "deleted", "deleted_at")),
    ("IMG-196", {"locations": []}),
    ("IMG-196", {"locations": [{"url": "http://x", "metadata": {}}]}),
    *(("IMG-197", {name: "x"}) for name in ("os_glance", "os_glancefoo", "os_glance_x", "os_glance_import_task")),
    *(("IMG-723", {name: "x"}) for name in ("os_glimpse", "os_glimpse_source_size")),
]


@pytest.mark.rule("IMG-266")
@pytest.mark.parametrize(("_rule", "body"), FORBIDDEN)
async def test_what_is_not_for_clients_is_forbidden(shared, _rule, body):
    assert (await shared.admin.ask("POST", "/v2/images", body)).status == 403


@pytest.mark.rule("IMG-194")
async def test_digests_are_taken_without_effect(shared):
    image = await shared.person().create(os_hash_algo="sha512", os_hash_value="0" * 128)
    assert (image["os_hash_algo"], image["os_hash_value"]) == (None, None)


@pytest.mark.rule("IMG-257")
@pytest.mark.rule("IMG-258")
@pytest.mark.rule("IMG-268")
@pytest.mark.rule("IMG-715")
async def test_an_id_is_taken_once_by_whomever_and_for_ever(shared):
    image = await shared.person("p1").create(visibility="private")
    again = {"id": image["id"]}
    assert (await shared.person("p1").ask("POST", "/v2/images", again)).status == 409
    assert (await shared.person("p2").ask("POST", "/v2/images", again)).status == 409
    await shared.person("p1").ask("DELETE", f"/v2/images/{image['id']}")
    assert (await shared.person("p1").ask("POST", "/v2/images", again)).status == 409
    await shared.execute("DELETE FROM images WHERE id = $1", image["id"])  # an old row, cleared away
    assert (await shared.person("p1").ask("POST", "/v2/images", again)).status == 409


USED = "11111111-2222-4333-8444-555555555555"

# The order of checks: each row has every mistake of the steps after its own.
MISTAKES = [
    ("direct_url", {"direct_url": "x"}, 403, b"read-only"),  # IMG-255
    ("schema", {"min_disk": "1"}, 400, b"min_disk"),
    ("key length", {TOO_LONG: "x"}, 400, b"at most 255"),
    ("reserved name", {"os_glance_x": "x"}, 403, b"reserved"),
    ("owner", {"owner": "p2"}, 403, b"not permitted to create"),
    ("visibility", {"visibility": "public"}, 403, b"publicize_image"),
    ("read-only", {"status": "queued"}, 403, b"'status' is read-only"),
    ("locations", {"locations": []}, 403, b"'locations' is read-only"),
    ("tag quota", {"tags": ["a"] * 129}, 413, b"tags"),
    ("property quota", {f"p{number}": "" for number in range(129)}, 413, b"properties"),
    ("range", {"min_ram": -1}, 400, b"min_ram"),
    ("4-byte unicode", {"name": "\U0001f600"}, 400, b"U+FFFF"),
    ("duplicate", {"id": USED}, 409, b"already exists"),
]


@pytest.mark.rule("IMG-255")
@pytest.mark.rule("AC-17")
@pytest.mark.parametrize("first", range(len(MISTAKES)), ids=[row[0] for row in MISTAKES])
async def test_of_several_mistakes_the_first_in_order_is_told(shared, first):
    owner = shared.person("p1")
    await owner.ask("POST", "/v2/images", {"id": USED})
    _name, _body, status, said = MISTAKES[first]
    body = {name: value for row in reversed(MISTAKES[first:]) for name, value in row[1].items()}
    answer = await owner.ask("POST", "/v2/images", body)
    assert answer.status == status
    assert said in answer.content


@pytest.mark.rule("IMG-255")
async def test_who_may_not_create_is_told_of_mistakes_in_the_body_first(shared):
    reader = shared.person("p1", roles="reader")
    assert (await reader.ask("POST", "/v2/images", {"min_disk": "1"})).status == 400
    assert (await reader.ask("POST", "/v2/images", {"tags": ["a"] * 129})).status == 403  # IMG-267


@pytest.mark.rule("IMG-18")
@pytest.mark.rule("IMG-269")
@pytest.mark.rule("IMG-631")
@pytest.mark.rule("IMG-632")
@pytest.mark.rule("IMG-184")
@pytest.mark.parametrize(
    ("quota", "body", "status"),
    [
        (2, {"a": "1", "b": "2"}, 201),
        (2, {"a": "1", "b": "2", "c": "3"}, 413),
        (2, {"a": "1", "b": "2", "os_hash_algo": "x"}, 413),  # IMG-194: it counts
        (2, {"tags": ["a", "b"]}, 201),
        (2, {"tags": ["a", "a", "b"]}, 413),  # IMG-209: counted as sent
        (0, {"a": "1"}, 413),
        (0, {}, 201),
        (-1, {f"p{number}": "" for number in range(200)} | {"tags": [str(number) for number in range(200)]}, 201),
    ],
)
async def test_quotas_of_one_image(run, settings, quota, body, status):
    settings["images"] = {"property_quota": quota, "tag_quota": quota}
    async with run(settings) as api:
        assert (await api.person().ask("POST", "/v2/images", body)).status == status
        listed = (await api.person().get("/v2/images")).json["images"]
    assert len(listed) == (status == 201)


@pytest.mark.rule("IMG-21")
@pytest.mark.rule("IMG-22")
async def test_formats_are_those_of_the_settings(run, settings):
    settings["images"] = {"disk_formats": ["raw", "root-tar"], "container_formats": ["bare"]}
    async with run(settings) as api:
        owner = api.person()
        assert (await owner.ask("POST", "/v2/images", {"disk_format": "root-tar"})).status == 201
        assert (await owner.ask("POST", "/v2/images", {"disk_format": "qcow2"})).status == 400
        assert (await owner.ask("POST", "/v2/images", {"container_format": "ovf"})).status == 400


@pytest.mark.rule("IMG-275")
@pytest.mark.rule("IMG-272")
async def test_a_hidden_image_is_shown_and_parameters_are_ignored(shared):
    image = await shared.person().create(os_hidden=True)
    answer = await shared.person().get(f"/v2/images/{image['id']}?limit=x&os_hidden=maybe&name=%FF")
    assert (answer.status, answer.json) == (200, image)
    assert not {"ETag", "Last-Modified", "Cache-Control"} & set(answer.headers)
    conditional = {"If-None-Match": "*", "If-Modified-Since": "Sat, 01 Jan 2050 00:00:00 GMT"}
    assert (await shared.person().get(f"/v2/images/{image['id']}", headers=conditional)).status == 200


@pytest.mark.rule("IMG-202")
@pytest.mark.rule("IMG-203")
@pytest.mark.rule("IMG-204")
@pytest.mark.rule("IMG-205")
@pytest.mark.rule("IMG-207")
async def test_what_the_service_made_is_shown_filtered_by_and_counted_for_nothing(run, settings):
    settings["images"] = {"property_quota": 1}
    made = '{"os_glance_failed_import": "", "os_glance_importing_to_stores": "fast", "os_glance_stage_host": "h"}'
    async with run(settings) as api:
        owner = api.person()
        image = await owner.create(mine="1")
        await api.execute("UPDATE images SET service_properties = $2 WHERE id = $1", image["id"], json.loads(made))
        shown = await owner.show(image["id"])
        assert (shown["os_glance_failed_import"], shown["os_glance_importing_to_stores"]) == ("", "fast")
        assert "os_glance_stage_host" not in shown
        listed = (await owner.get("/v2/images?os_glance_importing_to_stores=fast&mine=1")).json["images"]
        assert listed == [shown]
        assert (await owner.patch(image["id"], {"op": "replace", "path": "/mine", "value": "2"})).status == 200
