"""Statements on the catalogue of metadata definitions."""
