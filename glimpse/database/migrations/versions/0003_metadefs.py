"""The catalogue of metadata definitions."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
phase = "expand"

SQL = """
-- What a file leaves out is null, and so is `updated_at` of what a file brought and nobody changed since (MD-104).
CREATE TABLE metadef_namespaces (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace text NOT NULL UNIQUE CHECK (length(namespace) BETWEEN 1 AND 80),
    display_name text CHECK (length(display_name) <= 80),
    description text,
    visibility text CHECK (visibility IN ('public', 'private')),
    protected boolean,
    owner text NOT NULL CHECK (length(owner) <= 255),
    created_at timestamptz NOT NULL,
    updated_at timestamptz
);
CREATE INDEX metadef_namespaces_by_age ON metadef_namespaces (created_at DESC, id DESC);

-- What properties are for: images, volumes, flavors ... Known to everybody, and never deleted with a namespace.
CREATE TABLE metadef_resource_types (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (length(name) <= 80),
    is_loaded boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz
);

CREATE TABLE metadef_associations (
    namespace_id bigint NOT NULL REFERENCES metadef_namespaces ON DELETE CASCADE,
    resource_type_id bigint NOT NULL REFERENCES metadef_resource_types,
    prefix text CHECK (length(prefix) <= 80),
    properties_target text CHECK (length(properties_target) <= 80),
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    PRIMARY KEY (namespace_id, resource_type_id)
);
CREATE INDEX metadef_associations_by_type ON metadef_associations (resource_type_id);

-- Definitions are `json`, not `jsonb`: what people wrote keeps its order.
CREATE TABLE metadef_objects (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace_id bigint NOT NULL REFERENCES metadef_namespaces ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) <= 80),
    description text,
    required json NOT NULL,
    properties json NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    UNIQUE (namespace_id, name)
);

CREATE TABLE metadef_properties (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace_id bigint NOT NULL REFERENCES metadef_namespaces ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) <= 80),
    definition json NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    UNIQUE (namespace_id, name)
);

CREATE TABLE metadef_tags (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace_id bigint NOT NULL REFERENCES metadef_namespaces ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) <= 80),
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    UNIQUE (namespace_id, name)
);

-- That the definitions which come with Glimpse were brought in by themselves: once, so that who unloads them is rid of
-- them.
CREATE TABLE metadef_filled (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    filled_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""


def upgrade() -> None:
    """Make its tables."""
    op.execute(SQL)
