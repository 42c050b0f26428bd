"""Lets images go, and gives them back."""
