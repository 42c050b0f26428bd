"""`glimpse doctor`: everything that Glimpse depends on, a line each."""

import asyncio
import os
import sys
from collections import Counter
from dataclasses import asdict
from typing import Annotated

import orjson
import typer

from glimpse import telemetry
from glimpse.commands import settled
from glimpse.doctor.finding import Finding, State
from glimpse.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="For programs: one object a line.")]


def doctor(as_json: AsJson = False, config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Look at everything Glimpse depends on and say what to do; leaves with 1 when something keeps it from its work."""
    with settled.refusals_in_one_line():
        settings = settled.load(config, overrides)
        telemetry.configure(settings.log, "doctor")
        found = asyncio.run(_rounds(settings, as_json))
    states = Counter(finding.state for finding in found)
    if not as_json:
        print(", ".join(f"{count} {state}" for state, count in states.items()))
    left_with = 1 if states[State.FAILED] else 0
    if any(finding.is_silent for finding in found):
        sys.stdout.flush()
        os._exit(left_with)  # Python would wait for whatever is still waiting for a volume
    raise typer.Exit(left_with)


async def _rounds(settings: Settings, as_json: bool) -> list[Finding]:
    from glimpse.doctor import rounds

    found = []
    async for finding in rounds.findings(settings):
        found.append(finding)
        if as_json:
            print(orjson.dumps(asdict(finding)).decode(), flush=True)
        else:
            remedy = f": {finding.remedy}" if finding.remedy else ""
            print(f"{finding.state:8} {finding.part:14} {finding.text}{remedy}", flush=True)
    return found
