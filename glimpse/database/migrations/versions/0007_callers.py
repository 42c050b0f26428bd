"""Who asked for a task: kept while the work needs it, and not a moment longer."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
phase = "expand"

SQL = """
-- Roles, and what the work does in its caller's name: a token, sealed so that importers alone can read it.
ALTER TABLE tasks ADD COLUMN caller jsonb
    CONSTRAINT ended_tasks_know_no_caller CHECK (caller IS NULL OR status IN ('pending', 'processing'));

-- Whoever ends a task, and however.
CREATE FUNCTION forget_caller() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.caller := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER tasks_forget_callers BEFORE INSERT OR UPDATE ON tasks
    FOR EACH ROW WHEN (NEW.caller IS NOT NULL AND NEW.status IN ('success', 'failure'))
    EXECUTE FUNCTION forget_caller();
"""


def upgrade() -> None:
    """Make them."""
    op.execute(SQL)
