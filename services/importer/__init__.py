"""Turns a request for bytes into an active image."""
