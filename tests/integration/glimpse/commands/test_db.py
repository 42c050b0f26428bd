"""`glimpse db upgrade`, `current` and `check`, as an operator types them, with what they leave with."""

import asyncio
import json
import os

import asyncpg
import pytest
from typer.testing import CliRunner

from glimpse import cli
from glimpse.database import migrate
from glimpse.database.migrate import Phase, Revision

pytestmark = pytest.mark.rule("OP-83")


@pytest.fixture
async def empty(cluster):
    """A database with nothing in it."""
    name = f"t{os.urandom(6).hex()}"
    connection = await asyncpg.connect(f"{cluster}/postgres")
    await connection.execute(f"CREATE DATABASE {name}")
    try:
        yield f"{cluster}/{name}"
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


async def db(*words):
    said = await asyncio.to_thread(CliRunner().invoke, cli.app, ["db", *words])
    return said.exit_code, said.stdout.strip(), said.stderr.strip()


def at(dsn):
    return "--set", f"postgres.dsn={dsn}"


async def test_an_empty_database_is_to_expand_and_then_has_what_it_needs(empty):
    needed = f"the database is at schema none, this Glimpse needs {migrate.HEAD}: run `glimpse db upgrade`"
    assert await db("check", *at(empty)) == (3, needed, "")
    assert await db("current", *at(empty)) == (0, "none", "")
    assert await db("upgrade", *at(empty)) == (0, f"the database is at schema {migrate.HEAD}", "")
    assert await db("upgrade", *at(empty)) == (0, f"the database is at schema {migrate.HEAD} already", "")
    assert await db("current", *at(empty)) == (0, migrate.HEAD, "")
    assert await db("check", *at(empty)) == (0, f"the database is at schema {migrate.HEAD}", "")


async def test_programs_are_told_in_json(empty):
    code, said, _ = await db("check", "--json", *at(empty))
    assert (code, json.loads(said)) == (3, {"revision": None, "head": migrate.HEAD, "needed": "expand"})
    code, said, _ = await db("upgrade", "--json", *at(empty))
    assert (code, json.loads(said)) == (0, {"revision": migrate.HEAD, "head": migrate.HEAD, "changed": True})
    code, said, _ = await db("current", "--json", *at(empty))
    assert (code, json.loads(said)) == (0, {"revision": migrate.HEAD, "head": migrate.HEAD})
    code, said, _ = await db("check", "--json", *at(empty))
    assert (code, json.loads(said)) == (0, {"revision": migrate.HEAD, "head": migrate.HEAD, "needed": None})


@pytest.mark.parametrize(("phase", "code"), [(Phase.EXPAND, 3), (Phase.MIGRATE, 4), (Phase.CONTRACT, 5)])
async def test_what_is_to_be_done_first_is_what_it_leaves_with(dsn, phase, code, monkeypatch):
    ahead = [*migrate.revisions(), Revision("9998", phase), Revision("9999", Phase.CONTRACT)]
    monkeypatch.setattr(migrate, "revisions", lambda: ahead)
    assert (await db("check", *at(dsn)))[0] == code


async def test_a_phase_stops_before_what_comes_after_it(empty, monkeypatch):
    first, *others = migrate.revisions()
    ahead = [first, *(Revision(each.id, Phase.CONTRACT) for each in others)]
    monkeypatch.setattr(migrate, "revisions", lambda: ahead)
    assert await db("upgrade", "--to", "expand", *at(empty)) == (0, f"the database is at schema {first.id}", "")
    assert (await db("check", *at(empty)))[0] == 5
    assert (await db("upgrade", "--to", "migrate", *at(empty)))[1].endswith(f"{first.id} already")
    assert await db("upgrade", *at(empty)) == (0, f"the database is at schema {migrate.HEAD}", "")


async def test_a_database_of_a_newer_glimpse_and_one_that_is_away_leave_with_one(dsn):
    connection = await asyncpg.connect(dsn)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    for verb in ("check", "upgrade"):
        code, said, complaint = await db(verb, *at(dsn))
        assert (code, said) == (1, "")
        assert "made by a newer Glimpse" in complaint
    assert await db("current", *at(dsn)) == (0, "9999", "")
    for verb in ("check", "upgrade", "current"):
        code, said, complaint = await db(verb, *at("postgresql://127.0.0.1:1/nothing"))
        assert (code, said) == (1, "")
        assert complaint.startswith("glimpse: can not reach the database: ")


@pytest.mark.parametrize("words", [(), ("--help",), ("downgrade",)])
async def test_without_a_verb_there_is_help(words):
    code, said, complaint = await db(*words)
    assert code == (0 if words == ("--help",) else 2)
    assert "upgrade" in said + complaint or "downgrade" in complaint
