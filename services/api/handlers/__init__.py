"""Requests in, answers out; no decision is taken here."""
