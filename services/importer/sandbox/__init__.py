"""Runs one program on one file, so that it can open that file and nothing else of the machine."""

from services.importer.sandbox.child import Outcome, run
from services.importer.sandbox.plan import Command, Limits, Reads, Writes
from services.importer.sandbox.walls import CONFINED, UNCONFINED, Wall

__all__ = ["CONFINED", "UNCONFINED", "Command", "Limits", "Outcome", "Reads", "Wall", "Writes", "run"]
