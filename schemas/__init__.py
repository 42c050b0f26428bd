"""The words: what clients send and see, and what is told. Pydantic and the standard library only."""
