"""Bytes that are read again: to hash what nobody hashed, and to see whether they still are what is recorded."""
