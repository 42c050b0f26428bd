"""Everything in one place: a Postgres, the three services as processes, and whoever looks after them."""
