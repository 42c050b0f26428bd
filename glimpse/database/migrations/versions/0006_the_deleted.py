"""Deleted images, the newest first: what administrators look through for one to restore."""

from alembic import op

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None
phase = "expand"

SQL = """
CREATE INDEX images_deleted ON images (deleted_at DESC, id DESC) WHERE deleted_at IS NOT NULL;
CREATE INDEX images_deleted_of_owner ON images (owner, deleted_at DESC, id DESC) WHERE deleted_at IS NOT NULL;
"""


def upgrade() -> None:
    """Make the indexes."""
    op.execute(SQL)
