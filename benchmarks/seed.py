"""Images made by SQL, for lists that are worth measuring."""

import asyncpg


async def queued(dsn: str, count: int) -> list[str]:
    """Add empty images of project `local`, to be changed and deleted; returns their ids."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            """
            WITH ids AS (
                INSERT INTO image_ids (id)
                SELECT gen_random_uuid()::text FROM generate_series(1, $1::int)
             RETURNING id)
            INSERT INTO images (id, name, owner, status, visibility, container_format, disk_format)
            SELECT id, 'queued', 'local', 'queued', 'shared', 'bare', 'raw' FROM ids
         RETURNING id
            """,
            count,
        )
        await connection.execute("VACUUM ANALYZE images")
        return [row["id"] for row in rows]
    finally:
        await connection.close()


async def images(dsn: str, count: int) -> None:
    """Add `count` active images of project `local`, with three properties and two tags each."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            """
            WITH ids AS (
                INSERT INTO image_ids (id)
                SELECT gen_random_uuid()::text FROM generate_series(1, $1::int)
             RETURNING id)
            INSERT INTO images (id, name, owner, status, visibility, container_format, disk_format, size, virtual_size,
                                checksum, os_hash_algo, os_hash_value, properties, tags, stores, created_at, updated_at)
            SELECT id, 'seed-' || left(id, 8), 'local', 'active', 'shared', 'bare', 'raw', 1048576, 1048576,
                   md5(id), 'sha512', repeat(md5(id), 4),
                   jsonb_build_object('os_distro', 'debian', 'hw_disk_bus', 'virtio', 'architecture', 'x86_64'),
                   ARRAY['lts', 'seed'], ARRAY['fast'],
                   now() - random() * interval '300 days', now()
              FROM ids
            """,
            count,
        )
        await connection.execute(
            """
            CREATE TABLE IF NOT EXISTS bench_limits AS
            SELECT n AS id, 'name' || n AS name FROM generate_series(1, 10000) AS n
            """
        )
        await connection.execute("CREATE UNIQUE INDEX IF NOT EXISTS bench_limits_id ON bench_limits (id)")
        await connection.execute("VACUUM ANALYZE images")
    finally:
        await connection.close()
