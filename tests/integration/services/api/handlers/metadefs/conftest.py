"""Namespaces of metadata definitions, and what is told of them."""

import json

import pytest

NAMESPACES = "/v2/metadefs/namespaces"


@pytest.fixture
def make(admin):
    """Make a namespace, a public one of project p1 unless said otherwise; returns it as it was answered."""

    async def made(name="OS::Test", **members):
        body = {"namespace": name, "visibility": "public", "owner": "p1"} | members
        answer = await admin.ask("POST", NAMESPACES, body)
        assert answer.status == 201, answer.content
        return answer.json

    return made


@pytest.fixture
def full(make):
    """Make a namespace that has something of every kind in it."""

    async def made(name="OS::Test", **members):
        body = {
            "display_name": "A test",
            "description": "Something of everything.",
            "resource_type_associations": [
                {"name": "OS::Glance::Image", "prefix": "hw_"},
                {"name": "OS::Nova::Server", "properties_target": "scheduler_hints"},
            ],
            "properties": {"cores": {"title": "Cores", "type": "integer", "default": 1, "minimum": 1.5}},
            "objects": [
                {
                    "name": "CPU Limits",
                    "description": "Limits.",
                    "required": ["shares"],
                    "properties": {"shares": {"title": "Shares", "type": "number"}},
                }
            ],
            "tags": [{"name": "fast"}, {"name": "cheap"}],
        }
        return await make(name, **(body | members))

    return made


@pytest.fixture
def told(api):
    """What was told of a namespace: each fact's name, and its data."""

    async def of(name="OS::Test"):
        async with api.ports.database.reading() as reader:
            rows = await reader.fetch("SELECT type, data FROM outbox WHERE subject = $1 ORDER BY seq", name)
        return [(row["type"].removeprefix("io.glimpse.metadef."), json.loads(row["data"])) for row in rows]

    return of


@pytest.fixture
def told_names(told):
    """The names alone."""

    async def of(name="OS::Test"):
        return [fact.removesuffix(".v1") for fact, _data in await told(name)]

    return of
