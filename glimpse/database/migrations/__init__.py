"""The schema and its history: Alembic orders and records the revisions, whose bodies are SQL; asyncpg runs them."""
