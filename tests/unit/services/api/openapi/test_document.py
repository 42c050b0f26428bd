"""The description of the API says of every route what it takes and what it answers, and of nothing else."""

import re

import openapi_spec_validator
import orjson
import pytest

from schemas.images import ImageFields
from schemas.vocabulary import CONTAINER_FORMATS, DISK_FORMATS
from services.api.openapi import document
from services.api.openapi.operations import OPERATIONS
from services.api.routes import ROUTES

OWN = {"/", "/versions", "/healthcheck", "/healthz", "/readyz", "/openapi.json"}


@pytest.fixture(scope="module")
def described():
    return orjson.loads(document.served(ImageFields(DISK_FORMATS, CONTAINER_FORMATS)))


def operations(described):
    for path, item in described["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield f"{method.upper()} {path}", operation


def test_it_is_openapi(described):
    openapi_spec_validator.validate(described)
    assert described["openapi"] == "3.1.0"


def test_every_route_is_in_it_and_no_other(described):
    routes = {f"{method} /v2/{'/'.join(route.pattern)}" for route in ROUTES for method in route.handlers}
    assert {name for name, _ in operations(described) if name.partition(" ")[2] not in OWN} == routes
    assert {f"{key.replace(' ', ' /v2', 1)}" for key in OPERATIONS} == routes  # what is described is there


def test_every_path_says_what_it_names(described):
    for path, item in described["paths"].items():
        named = [parameter["name"] for parameter in item.get("parameters", [])]
        assert named == re.findall(r"{(\w+)}", path)


def test_every_operation_has_a_name_of_its_own_and_says_briefly_what_it_does(described):
    names = [operation["operationId"] for _, operation in operations(described)]
    assert len(set(names)) == len(names)
    for name, operation in operations(described):
        assert 5 < len(operation["summary"]) < 100, name
        assert not re.search(r"IMG-|MD-|section", operation["summary"]), name


def test_every_answer_is_described(described):
    for name, operation in operations(described):
        statuses = {int(status) for status in operation["responses"]}
        assert statuses & {200, 201, 202, 204, 300, 405}, name
        if "/v2" in name:
            assert {400, 401, 503} <= statuses, name
        for status, answer in operation["responses"].items():
            if status == "204":
                assert "content" not in answer, name


def test_formats_are_those_of_the_deployment():
    served = orjson.loads(document.served(ImageFields(("raw", "own"), ("bare",))))
    assert served["components"]["schemas"]["Image"]["properties"]["disk_format"]["enum"] == [None, "raw", "own"]


def test_what_was_made_can_be_followed(described):
    links = described["paths"]["/v2/images"]["post"]["responses"]["201"]["links"]
    assert links["images.show"] == {"operationId": "images.show", "parameters": {"image_id": "$response.body#/id"}}
    assert "data.upload" in links
