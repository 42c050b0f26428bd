"""As many images as a large cloud has, made by SQL: of projects from three images to a fifth of all of them."""

import asyncpg

SMALLEST, LARGEST = "smallest", "largest"
PROJECTS = 2000

_GIVEN = """
CREATE TABLE crowded AS
SELECT n, gen_random_uuid()::text AS id,
       CASE WHEN n <= 3 THEN 'smallest' WHEN n <= $1 / 5 THEN 'largest'
            ELSE 'project-' || floor(exp(random() * ln($2)))::int END AS owner,
       CASE WHEN n % 100 = 0 THEN 'public' WHEN n % 100 = 1 THEN 'community' WHEN n % 100 < 52 THEN 'shared'
            ELSE 'private' END AS visibility,
       CASE WHEN n % 97 = 5 THEN 'deactivated' WHEN n % 97 = 6 THEN 'pending_delete' WHEN n % 97 < 10 THEN 'deleted'
            WHEN n % 97 = 11 THEN 'queued' ELSE 'active' END AS status,
       timestamptz '2024-01-01' + random() * interval '800 days' AS created_at
  FROM generate_series(1, $1) AS n
"""

_IMAGES = """
INSERT INTO images (id, name, owner, status, visibility, os_hidden, container_format, disk_format, min_disk, size,
                    virtual_size, checksum, os_hash_algo, os_hash_value, properties, tags, stores, created_at,
                    updated_at, deleted_at, status_before, purge_after)
SELECT id, 'image ' || n % ($1 / 10 + 1), owner, status, visibility, n % 50 = 7, 'bare',
       (ARRAY['qcow2', 'raw', 'raw', 'iso'])[1 + n % 4], n % 40, (n::bigint * 7919) % 100000 * 1048576,
       1073741824, md5(id), 'sha512', repeat(md5(id), 4), given.properties, given.tags, '{fast}', created_at,
       created_at + (n % 1000) * interval '1 hour',
       CASE WHEN status IN ('deleted', 'pending_delete') THEN now() END,
       CASE WHEN status = 'pending_delete' THEN 'active' END,
       CASE WHEN status = 'pending_delete' THEN now() + interval '1 year' END
  FROM crowded, LATERAL (
       SELECT (SELECT coalesce(jsonb_object_agg('property_' || i, 'value ' || (n * 31 + i) % 1000), '{}')
                 FROM generate_series(1, n % 19) AS i)
              || CASE WHEN n % 3 = 0 THEN '{"os_distro": "debian"}' ELSE '{}' END::jsonb
              || CASE WHEN n % ($1 / 10) = 9 THEN '{"serial": "4711"}' ELSE '{}' END::jsonb AS properties,
              ARRAY(SELECT 'tag-' || (n * 7 + i * 13) % 500 FROM generate_series(1, n / 3 % 18) AS i)
              || CASE WHEN n % 3 = 1 THEN ARRAY['lts'] ELSE '{}' END
              || CASE WHEN n % ($1 / 10) = 8 THEN ARRAY['golden'] ELSE '{}' END AS tags) AS given
 WHERE n > $2 AND n <= $3
"""

_MEMBERS = """
INSERT INTO members (image_id, image_created_at, member, status)
SELECT id, created_at, 'project-' || 1 + (n * 17 + i * 41) % $1, (ARRAY['accepted', 'pending', 'rejected'])[1 + i % 3]
  FROM crowded, generate_series(1, 1 + n % 49) AS i
 WHERE n % 20 = 2 AND visibility = 'shared'
 UNION
SELECT id, created_at, member, 'accepted'
  FROM crowded, unnest(ARRAY['smallest', 'largest']) AS member
 WHERE n % ($2 / 10) = 22 AND visibility = 'shared' AND owner <> member
"""


async def make(dsn: str, count: int) -> None:
    """Add `count` images (at least 1,000) and their members: 1 % public, 1 % community, 5 % shared with 1 to 50.

    Some are hidden, deactivated, empty or deleted; they have 0 to 20 properties and tags, common ones and rare.
    """
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET synchronous_commit = off")
        await connection.execute(_GIVEN.replace("$1", str(count)).replace("$2", str(PROJECTS)))
        await connection.execute("INSERT INTO image_ids (id) SELECT id FROM crowded")
        for first in range(0, count, 50_000):
            await connection.execute(
                _IMAGES.replace("$1", str(count)).replace("$2", str(first)).replace("$3", str(first + 50_000))
            )
        await connection.execute(_MEMBERS.replace("$1", str(PROJECTS)).replace("$2", str(count)))
        await connection.execute("DROP TABLE crowded")
        await connection.execute("VACUUM ANALYZE images, members, image_ids")
    finally:
        await connection.close()
