"""`glimpse doctor`: each thing Glimpse depends on, as it is when all is well, and with the remedy when it is not."""

import asyncio
import json
import os
import sys

import asyncpg
import pytest

from glimpse.settings import Settings
from glimpse.stores import catalog
from tests.fixtures.hanging import hanging

CONFIG = """
[postgres]
dsn = "{dsn}"
pool_size = 3

[api]
port = 0
patience_seconds = 1

[stores.fast]
paths = [{{ path = "{folder}/fast" }}]

[staging]
paths = [{{ path = "{folder}/staging" }}]

[import]
scratch_dir = "{folder}/scratch"
"""


@pytest.fixture
def config(dsn, tmp_path):
    path = tmp_path / "glimpse.toml"
    path.write_text(CONFIG.format(dsn=dsn, folder=tmp_path))
    return path


@pytest.fixture
def was_opened(tmp_path):
    """The stores, as a service that started left them."""
    stores = {"fast": {"paths": [{"path": tmp_path / "fast"}]}}
    catalog.open_catalog(Settings(stores=stores, staging={"paths": [{"path": tmp_path / "staging"}]}))


@pytest.fixture
def typed(config):
    """Type the command; returns what it leaves with, what it prints, and what it complains of."""

    async def ran(*words):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from glimpse.cli import main; main()"),
            *("doctor", *words, "--config", str(config)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, out.decode(), err.decode()

    return ran


@pytest.fixture
def doctor(typed):
    """Type it as programs do; returns what it leaves with, and what was found of each part."""

    async def looked(*told):
        code, out, _err = await typed("--json", *(word for each in told for word in ("--set", each)))
        found = [json.loads(line) for line in out.splitlines()]
        return code, {finding.pop("part"): finding for finding in found}

    return looked


@pytest.mark.usefixtures("was_opened")
async def test_where_all_is_well_every_dependency_has_its_line(doctor):
    code, found = await doctor()
    assert code == 0, found
    assert list(found) == [
        *("database", "schema", "clock", "kafka", "store fast", "staging", "scratch space"),
        *("qemu-img", "sandbox", "policy", "protections", "door", "identity"),
    ]
    assert found["database"]["text"].startswith("Postgres 1")
    # the tests' Postgres does not wait for its disk, and is told so
    assert [part for part, finding in found.items() if finding["state"] != "ok"] == ["database"]
    assert "fsync" in found["database"]["text"]


async def test_people_read_one_line_for_each_and_the_remedy(typed):
    code, out, _err = await typed()
    *lines, counts = out.splitlines()
    assert code == 0
    assert len(lines) == 13
    assert [
        line for line in lines if line.startswith("warning  store fast") and "mount its volume if it has one" in line
    ]
    assert counts == "3 warning, 10 ok"


async def test_looking_makes_and_marks_nothing(doctor, tmp_path, database):
    before = sorted(tmp_path.rglob("*"))
    await doctor()
    assert sorted(tmp_path.rglob("*")) == before


async def test_a_database_that_is_away_fails_and_the_rest_is_looked_at_all_the_same(doctor):
    code, found = await doctor("postgres.dsn=postgresql://127.0.0.1:1/nothing")
    assert code == 1
    assert (found["database"]["state"], "schema" in found) == ("failed", False)
    assert "postgres.dsn" in found["database"]["remedy"]
    assert found["qemu-img"]["state"] == "ok"


@pytest.mark.rule("OP-83")
async def test_a_schema_that_is_behind_or_ahead_has_its_remedy(doctor, dsn):
    connection = await asyncpg.connect(dsn)
    await connection.execute("UPDATE alembic_version SET version_num = '0001'")
    code, found = await doctor()
    assert (code, found["schema"]["remedy"]) == (1, "run `glimpse db upgrade`")
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    code, found = await doctor()
    assert code == 1
    assert found["schema"]["remedy"].endswith("install that one")
    await connection.close()


async def test_rights_that_are_missing_are_named(doctor, dsn):
    user = f"u{os.urandom(6).hex()}"
    connection = await asyncpg.connect(dsn)
    await connection.execute(f"CREATE ROLE {user} LOGIN")
    try:
        await connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}")
        await connection.execute(f"GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}")
        await connection.execute(f"REVOKE DELETE ON images FROM {user}")
        code, found = await doctor(f"postgres.dsn={dsn.replace('glimpse@', f'{user}@')}")
        assert code == 1
        assert found["schema"]["text"] == f"{user} may not DELETE on images"
        await connection.execute("UPDATE alembic_version SET version_num = '0001'")
        code, found = await doctor(f"postgres.dsn={dsn.replace('glimpse@', f'{user}@')}")
        assert "may not make tables" in found["schema"]["text"]
    finally:
        await connection.execute(f"DROP OWNED BY {user}")
        await connection.execute(f"DROP ROLE {user}")
        await connection.close()


async def test_more_connections_than_the_server_takes_are_warned_of(doctor, dsn):
    connection = await asyncpg.connect(dsn)
    if await connection.fetchval("SELECT current_setting('fsync')::boolean"):
        pytest.skip("said only of a server that waits for its disk")
    await connection.close()
    _code, found = await doctor("postgres.pool_size=3")
    assert found["database"]["state"] == "warning"


@pytest.mark.usefixtures("was_opened")
async def test_a_store_without_its_volume_and_one_of_another_are_named(doctor, tmp_path):
    (tmp_path / "fast" / ".glimpse-store").write_text("another\n")
    (tmp_path / "staging" / ".glimpse-store").unlink()
    code, found = await doctor()
    assert code == 1
    assert "belongs to store another" in found["store fast"]["text"]
    assert (found["staging"]["state"], "mount its volume" in found["staging"]["remedy"]) == ("warning", True)


@pytest.mark.usefixtures("was_opened")
async def test_a_volume_that_hangs_is_told_and_does_not_hold_it_up(doctor, tmp_path):
    with hanging(tmp_path / "fast"):
        code, found = await doctor()
    assert code == 1
    assert found["store fast"]["text"] == "it does not answer within 1 seconds"
    assert found["door"]["state"] == "ok"


async def test_stores_that_would_mix_their_bytes_fail(doctor, tmp_path):
    code, found = await doctor(f'staging.paths=[{{path="{tmp_path}/fast"}}]')
    assert (code, found["stores"]["state"]) == (1, "failed")
    assert "share" in found["stores"]["text"]


async def test_scratch_space_that_can_not_be_is_told(doctor, tmp_path):
    (tmp_path / "scratch").write_text("a file")
    code, found = await doctor()
    assert (code, found["scratch space"]["remedy"]) == (
        1,
        "set import.scratch_dir to a directory that we may write to",
    )


@pytest.mark.parametrize(("target", "state"), [("raw", "failed"), (None, "ok")])
async def test_qemu_img_is_missed_where_images_are_converted(doctor, monkeypatch, tmp_path, target, state):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, found = await doctor(*([f'import.convert_to="{target}"'] if target else []))
    assert (code, found["qemu-img"]["state"]) == (1 if target else 0, state)


async def test_a_policy_that_can_not_be_read_and_an_open_door_fail(doctor, tmp_path):
    (tmp_path / "policy.yaml").write_text("get_images: [")
    code, found = await doctor(f'policy.file="{tmp_path}/policy.yaml"', "api.host=0.0.0.0")
    assert code == 1
    assert "neither YAML nor JSON" in found["policy"]["text"]  # AC-5
    assert "auth.mode is none" in found["door"]["text"]  # AC-43


async def test_rules_that_refer_to_nothing_are_told(doctor, tmp_path):
    (tmp_path / "policy.yaml").write_text("get_images: rule:nowhere")
    _code, found = await doctor(f'policy.file="{tmp_path}/policy.yaml"')
    assert (found["policy"]["state"], "get_images refers to nowhere" in found["policy"]["text"]) == ("warning", True)


async def test_settings_that_are_wrong_are_one_line(typed):
    code, out, err = await typed("--set", "api.port=high")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "api.port" in err


async def test_kafka_is_looked_at_where_it_is_configured(doctor, kafka_settings):
    told = [f"bus.{name}={json.dumps(value)}" for name, value in kafka_settings.items()]
    _code, found = await doctor(*told)
    assert found["kafka"]["state"] == "warning"  # its topics are made with the first event
    assert kafka_settings["kafka_topic_prefix"] in found["kafka"]["text"]


async def test_a_kafka_that_is_away_fails(doctor):
    code, found = await doctor('bus.kafka_bootstrap="127.0.0.1:1"')
    assert code == 1
    assert "bus.kafka_bootstrap" in found["kafka"]["remedy"]


async def test_property_protections_that_can_not_be_read_fail(doctor, tmp_path):
    (tmp_path / "protections.conf").write_text("[x]\ncreate = @\n")
    _code, found = await doctor(f'policy.property_protection_file="{tmp_path}/protections.conf"')
    assert found["protections"]["state"] == "failed"
    assert "does not say who may read" in found["protections"]["text"]  # AC-51


async def test_who_knows_callers_is_asked(doctor, keystone, provider, tmp_path):
    def told(**rules):
        return [f"auth.{name}={json.dumps(value)}" for name, value in rules.items()]

    (tmp_path / "tokens.toml").write_text("nonsense")
    for rules, state in (
        (keystone.settings, "ok"),
        (keystone.settings | {"keystone_password": "wrong"}, "failed"),
        (keystone.settings | {"keystone_url": "http://127.0.0.1:9/v3"}, "failed"),
        (provider.settings, "ok"),
        (provider.settings | {"jwt_issuer": "http://127.0.0.1:9"}, "failed"),
        ({"mode": "static", "static_file": f"{tmp_path}/tokens.toml"}, "failed"),
    ):
        _code, found = await doctor(*told(**rules))
        assert found["identity"]["state"] == state, found["identity"]
        assert "wrong" not in str(found["identity"])
