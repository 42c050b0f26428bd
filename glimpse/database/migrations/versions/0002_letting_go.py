"""What the scrubber looks for, found without walking over what it can do nothing about."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
phase = "expand"

SQL = """
-- Due, and nobody's yet: what waits for a store that is away, or for its restore, is not in the way.
DROP INDEX images_to_purge;
CREATE INDEX images_to_purge ON images (purge_after)
    WHERE status = 'pending_delete' AND purge_started_at IS NULL AND restore_requested_at IS NULL;
CREATE INDEX images_being_purged ON images (purge_started_at)
    WHERE status = 'pending_delete' AND purge_started_at IS NOT NULL;
CREATE INDEX images_to_restore ON images (restore_requested_at)
    WHERE status = 'pending_delete' AND restore_requested_at IS NOT NULL;
CREATE INDEX tasks_that_ended ON tasks (expires_at) WHERE expires_at IS NOT NULL;
"""


def upgrade() -> None:
    """Make them."""
    op.execute(SQL)
