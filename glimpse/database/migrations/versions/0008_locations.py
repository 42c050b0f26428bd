"""Copies in places of others: what their owners say about them, and in which order they are listed."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
phase = "expand"

SQL = """
-- `is_foreign`: the bytes are somebody else's, and the key is their URL, which any number of images may name.
-- `place`: where in its image's list of locations; a copy that was never put anywhere comes last.
ALTER TABLE blobs
    ADD COLUMN is_foreign boolean NOT NULL DEFAULT false,
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN place integer;
ALTER TABLE blobs DROP CONSTRAINT blobs_store_key_key;
CREATE UNIQUE INDEX blobs_by_key ON blobs (store, key, (CASE WHEN is_foreign THEN id ELSE 0 END));
"""


def upgrade() -> None:
    """Make room for them."""
    op.execute(SQL)
