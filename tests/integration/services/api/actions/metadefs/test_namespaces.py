"""A namespace is shown in a bounded number of statements, however much is in it."""

import contextlib
import dataclasses

import pytest

from glimpse.database.pool import Database
from services.api import metadef_filters
from services.api.actions.metadefs import namespaces
from services.api.caller import Caller

MANY = 10_000


class Counted(Database):
    """The database, with every statement that is run on it written down."""

    statements: list[str]

    @contextlib.asynccontextmanager
    async def _lent(self):
        async with super()._lent() as connection:
            with connection.query_logger(lambda record: self.statements.append(record.query)):
                yield connection


@pytest.fixture
async def counted(api):
    """The API's ports, on a database that counts."""
    database = await Counted.open(api.ports.settings.postgres)
    database.statements = []
    yield dataclasses.replace(api.ports, database=database)
    await database.close()


@pytest.mark.rule("MD-38")
async def test_everything_in_a_namespace_is_read_in_five_statements_and_a_page_in_two(api, admin, counted):
    definition = {"title": "T", "type": "string", "enum": ["a", "b"]}
    body = {
        "namespace": "OS::Test",
        "properties": {f"p{number}": definition for number in range(MANY)},
        "objects": [{"name": f"o{number}", "properties": {"a": definition}} for number in range(100)],
        "tags": [{"name": f"t{number}"} for number in range(100)],
        "resource_type_associations": [{"name": f"r{number}", "prefix": "x_"} for number in range(100)],
    }
    assert (await admin.ask("POST", "/v2/metadefs/namespaces", body)).status == 201
    shown = (await admin.get("/v2/metadefs/namespaces/OS::Test?resource_type=r7")).json
    assert {kind: len(shown[kind]) for kind in body if kind != "namespace"} == {
        kind: len(each) for kind, each in body.items() if kind != "namespace"
    }
    assert list(shown["properties"])[:2] == ["x_p0", "x_p1"]
    caller = counted.policy.known(Caller("req", project="p1", credentials={"roles": {"admin"}}))
    counted.database.statements.clear()
    await namespaces.show(counted, caller, "OS::Test", "r7")
    assert sum("FROM metadef_" in each for each in counted.database.statements) == 5, counted.database.statements
    counted.database.statements.clear()
    await namespaces.page(counted, caller, metadef_filters.namespaces_wanted([], counted.settings.api))
    assert sum("FROM metadef_" in each for each in counted.database.statements) == 2, counted.database.statements
