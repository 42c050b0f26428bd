"""News: the outbox, the log every event gets a position in, and those who read it."""
