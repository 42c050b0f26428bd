"""What Alembic runs to write a migration down as SQL; see glimpse.database.migrate."""

from alembic import context

context.configure(
    dialect_name="postgresql",
    output_buffer=context.config.attributes["output"],
    as_sql=True,
    starting_rev=context.config.attributes["current"],
    transactional_ddl=False,
)
context.run_migrations()
