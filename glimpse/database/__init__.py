"""Facts: Postgres, its transactions and its migrations."""
