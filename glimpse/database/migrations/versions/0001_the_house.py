"""The house: images, their bytes, their members, the work on them, and the news of them."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
phase = "expand"

SQL = """
-- Every id that was ever used. Nothing is ever deleted here: an id names one image for ever (IMG-715).
CREATE TABLE image_ids (
    id text PRIMARY KEY
);

CREATE TABLE images (
    id text PRIMARY KEY REFERENCES image_ids,
    name text,
    owner text,
    status text NOT NULL CHECK (status IN ('queued', 'saving', 'uploading', 'importing', 'active', 'deactivated',
                                           'killed', 'pending_delete', 'deleted')),
    visibility text NOT NULL CHECK (visibility IN ('public', 'community', 'shared', 'private')),
    protected boolean NOT NULL DEFAULT false,
    os_hidden boolean NOT NULL DEFAULT false,
    container_format text,
    disk_format text,
    min_disk integer NOT NULL DEFAULT 0 CHECK (min_disk >= 0),
    min_ram integer NOT NULL DEFAULT 0 CHECK (min_ram >= 0),
    size bigint CHECK (size >= 0),
    virtual_size bigint CHECK (virtual_size >= 0),
    checksum text,
    os_hash_algo text,
    os_hash_value text,
    properties jsonb NOT NULL DEFAULT '{}',
    service_properties jsonb NOT NULL DEFAULT '{}',
    tags text[] NOT NULL DEFAULT '{}',
    stores text[] NOT NULL DEFAULT '{}',
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at timestamptz,
    status_before text,
    purge_after timestamptz,
    restore_requested_at timestamptz,
    purge_started_at timestamptz,
    staged_until timestamptz,
    CONSTRAINT deleted_images_say_since_when
        CHECK ((status IN ('pending_delete', 'deleted')) = (deleted_at IS NOT NULL)),
    CONSTRAINT pending_delete_knows_what_it_was
        CHECK (status <> 'pending_delete' OR (status_before IS NOT NULL AND purge_after IS NOT NULL)),
    CONSTRAINT active_images_have_a_size
        CHECK (status <> 'active' OR size IS NOT NULL),
    CONSTRAINT purge_or_restore
        CHECK (purge_started_at IS NULL OR restore_requested_at IS NULL)
);

-- A list has several arms (one's own of each visibility, what is open to all, what is shared with one); each is a scan
-- of one of these, newest first, that meets nothing it has to pass over. The last such arm is members_by_project.
CREATE INDEX images_of_owner ON images (owner, visibility, os_hidden, created_at DESC, id DESC)
    WHERE status NOT IN ('killed', 'pending_delete', 'deleted');
CREATE INDEX images_by_visibility ON images (visibility, os_hidden, created_at DESC, id DESC)
    WHERE status NOT IN ('killed', 'pending_delete', 'deleted');
CREATE INDEX images_by_name ON images (name) WHERE status NOT IN ('killed', 'pending_delete', 'deleted');
CREATE INDEX images_by_properties ON images USING gin (properties jsonb_path_ops);
CREATE INDEX images_by_tags ON images USING gin (tags);
-- What the scrubber looks for.
CREATE INDEX images_to_purge ON images (purge_after) WHERE status = 'pending_delete';
CREATE INDEX images_in_flight ON images (updated_at) WHERE status IN ('saving', 'uploading', 'importing');
CREATE INDEX images_staged_and_failed ON images (staged_until) WHERE staged_until IS NOT NULL;

-- `image_created_at` is that of the image, which never changes: an index has what is shared with a project in the order
-- of a list.
CREATE TABLE members (
    image_id text NOT NULL REFERENCES images,
    image_created_at timestamptz NOT NULL,
    member text NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'accepted', 'rejected')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (image_id, member)
);
CREATE INDEX members_by_project ON members (member, status, image_created_at DESC, image_id DESC);

-- One row for each copy of bytes, written before the first byte. Bytes under a key never change.
--   writing   somebody is sending; `lease_until` says that they were alive a moment ago
--   stored    whole
--   doomed    nobody needs them; the scrubber deletes the bytes, then the row
CREATE TABLE blobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    image_id text NOT NULL REFERENCES image_ids,
    store text NOT NULL,
    key text NOT NULL,
    state text NOT NULL DEFAULT 'writing' CHECK (state IN ('writing', 'stored', 'doomed')),
    epoch bigint NOT NULL DEFAULT 1,
    size bigint CHECK (size >= 0),
    -- Room in the project's quota while the copy is on its way; `is_waiting`: it needs more, and nothing is spare.
    reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    is_waiting boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    stored_at timestamptz,
    lease_until timestamptz,
    doomed_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    run_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_error text,
    UNIQUE (store, key)
);
CREATE INDEX blobs_of_image ON blobs (image_id);
CREATE INDEX blobs_to_delete ON blobs (run_at) WHERE state = 'doomed';
CREATE INDEX blobs_in_flight ON blobs (lease_until) WHERE state = 'writing';

CREATE TABLE tasks (
    id text PRIMARY KEY,
    type text NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'success', 'failure')),
    image_id text,
    owner text,
    user_id text,
    request_id text,
    input jsonb NOT NULL,
    result jsonb,
    message text NOT NULL DEFAULT '',
    error_code text,
    error_message text,
    progress jsonb,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz,
    lease_owner text,
    lease_until timestamptz,
    epoch bigint NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    run_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX tasks_of_image ON tasks (image_id, created_at);
CREATE INDEX tasks_due ON tasks (run_at) WHERE status IN ('pending', 'processing');
CREATE INDEX tasks_by_age ON tasks (created_at DESC, id DESC);

-- News. Transactions write to `outbox`; one sequencer moves rows to `events` and gives each a dense position.
CREATE TABLE outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL,
    type text NOT NULL,
    subject text NOT NULL,
    version bigint,
    actor json NOT NULL,
    traceparent text,
    data json NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- The log: only ever added to. The sequencer makes its partitions, ahead of time, and drops the oldest.
CREATE TABLE events (
    pos bigint NOT NULL,
    id uuid NOT NULL,
    type text NOT NULL,
    subject text NOT NULL,
    version bigint,
    actor json NOT NULL,
    traceparent text,
    data json NOT NULL,
    occurred_at timestamptz NOT NULL,
    sequenced_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (pos)
) PARTITION BY RANGE (pos);
CREATE INDEX events_by_subject ON events (subject, pos);

-- The position given last, and which history of which cluster it belongs to.
CREATE TABLE positions (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    pos bigint NOT NULL,
    timeline text NOT NULL
);

-- Who leads. The epoch rises with each new holder; writers under a lease name theirs. Rows stay: it never falls.
CREATE TABLE leases (
    name text PRIMARY KEY,
    owner text NOT NULL,
    epoch bigint NOT NULL,
    until timestamptz NOT NULL
);

-- How far each group of readers is. Partition -1 is the log itself; those of a broker begin at 0.
CREATE TABLE marks (
    reader text NOT NULL,
    partition integer NOT NULL CHECK (partition >= -1),
    pos bigint NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (reader, partition)
);

-- What a group could not handle, with the reason; `message` is the whole event, so that it outlives the log.
CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reader text NOT NULL,
    partition integer NOT NULL,
    pos bigint NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    subject text NOT NULL,
    reason text NOT NULL,
    message json NOT NULL,
    buried_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    retry boolean NOT NULL DEFAULT false,
    UNIQUE (reader, partition, pos)
);
"""


def upgrade() -> None:
    """Make every table."""
    op.execute(SQL)
