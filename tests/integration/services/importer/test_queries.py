"""How much the database reads for the statements of an importer."""

from datetime import timedelta

from services.importer import queries
from tests.fixtures.plans import Explaining

MANY = 20_000


async def test_imports_are_found_without_passing_by_what_is_to_be_hashed(database):
    async with database.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO tasks (id, type, input, run_at)
            SELECT gen_random_uuid()::text, 'rehash', '{}', clock_timestamp() - interval '1 year'
              FROM generate_series(1, $1)
            """,
            MANY,
        )
        await tx.execute("INSERT INTO tasks (id, type, input) VALUES ('t1', 'import', '{}')")
        await tx.execute("ANALYZE tasks")
        reader = Explaining(tx)
        await queries.claim_due(reader, "worker", 2, timedelta(minutes=1))
        for plan in reader.plans:
            assert plan.read < 100, plan
