"""Bytes: where they are kept, and what is measured while they pass."""
