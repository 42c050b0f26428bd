"""Imports that are due, apart from tasks that hash: of these there may be as many as images, and they are older."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
phase = "expand"

SQL = """
CREATE INDEX tasks_imports_due ON tasks (run_at) WHERE status IN ('pending', 'processing') AND type <> 'rehash';
"""


def upgrade() -> None:
    """Make the index."""
    op.execute(SQL)
