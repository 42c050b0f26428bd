"""/openapi.json is there for everybody."""

from services.api.openapi import document


async def test_the_description_is_served_to_whoever_asks(api):
    answer = await api.person(None, roles="").get("/openapi.json", headers={"X-Identity-Status": "Invalid"})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.content == document.served(api.ports.fields)
    assert "/v2/images/{image_id}" in answer.json["paths"]


async def test_those_who_know_no_version_ask_for_it_all_the_same(api, owner):
    assert (await owner.get("/v2/openapi.json")).status == 404
