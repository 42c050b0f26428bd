"""What a page of the list costs among very many images, against few: rows, buffers and milliseconds.

`python -m benchmarks.scale --images 1000000` makes them, asks every question for the smallest tenant, the largest and
an administrator, and prints one line for each; `--plans FOLDER` keeps the plans.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import crowded, service
from glimpse import settings
from glimpse.database.pool import Database, Reader
from services.api import filters
from services.api.caller import Caller
from services.api.queries import listing
from tests.fixtures.plans import Explaining, Plan

CALLERS = {
    crowded.SMALLEST: Caller("req-scale", project=crowded.SMALLEST),
    crowded.LARGEST: Caller("req-scale", project=crowded.LARGEST),
    "administrator": Caller("req-scale", project="administrators", is_admin=True),
}
DEEP = "10,000 deep"
QUESTIONS = {
    "page 1": "",
    DEEP: "",
    "everything": "visibility=all&member_status=all",
    "by name": "name=image 77",
    "status": "status=active",
    "status, rare": "status=deactivated",
    "status, none": "status=importing",
    "owner": "owner=largest",
    "tag, rare": "tag=golden",
    "tag, common": "tag=lts",
    "two tags": "tag=lts&tag=tag-77",
    "property, rare": "serial=4711",
    "property, common": "os_distro=debian",
    "size_min": "size_min=50000000000",
    "size_min, rare": "size_min=104856000000",
    "updated since": "updated_at=gt:2026-04-15T00:00:00Z",
    "hidden": "os_hidden=true",
    "sorted by created_at, up": "sort=created_at:asc",
    "sorted by updated_at": "sort=updated_at:desc",
    "sorted by name": "sort=name:asc",
    "checksum": "checksum=none of them",
}
TIMES = 15


@dataclass(frozen=True)
class Cost:
    """What one page costs, warm."""

    rows: int
    read: int
    """Rows that were read to find them."""
    buffers: int
    milliseconds: float


def main() -> None:
    """Measure among few and among many, and print both."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--against", type=int, default=1_000)
    parser.add_argument("--plans", type=Path, help="keep the plans here")
    options = parser.parse_args()
    few, many = (_measured(count, options.plans) for count in (options.against, options.images))
    print(f"{'':42}{'rows':>6}{'read':>9}{'buffers':>9}{'ms':>8}   among {options.images:,} ({options.against:,})")
    for (who, question), cost in many.items():
        base = few[who, question]
        print(
            f"{who + ': ' + question:42}{cost.rows:6}{cost.read:9}{cost.buffers:9}{cost.milliseconds:8.2f}"
            f"   ({base.rows}, {base.read}, {base.buffers}, {base.milliseconds:.2f})"
        )


def _measured(count: int, plans: Path | None) -> dict[tuple[str, str], Cost]:
    with service.running("--set", "api.workers=1") as glimpse:
        asyncio.run(crowded.make(glimpse.dsn, count))
        return asyncio.run(_ask_everything(glimpse.dsn, plans))


async def _ask_everything(dsn: str, plans: Path | None) -> dict[tuple[str, str], Cost]:
    costs = {}
    database = await Database.open(settings.Postgres(dsn=dsn))
    try:
        async with database.reading() as reader:
            for who, question, caller, wanted in _questions():
                after = await _deep(reader, caller, wanted) if question == DEEP else None
                plan = await _explained(reader, caller, wanted, after)
                costs[who, question] = Cost(
                    plan.rows, plan.read, plan.buffers, await _time(reader, caller, wanted, after)
                )
                if plans:
                    _keep(plans, f"{who} {question}", plan)
    finally:
        await database.close()
    return costs


def _keep(folder: Path, name: str, plan: Plan) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    (folder / f"{name}.json").write_text(json.dumps(plan.tree, indent=1))


def _questions() -> Iterator[tuple[str, str, Caller, filters.Wanted]]:
    for who, caller in CALLERS.items():
        for question, query in QUESTIONS.items():
            pairs = [(name, value) for name, _, value in (part.partition("=") for part in query.split("&")) if name]
            yield who, question, caller, filters.wanted(pairs, settings.Api())


async def _deep(reader: Reader, caller: Caller, wanted: filters.Wanted) -> dict[str, Any] | None:
    """Return the marker behind the first 10,000 pages of 25, or behind half of what there is."""
    owner = None if caller.is_admin else caller.project
    count = await reader.fetchval("SELECT count(*) FROM images WHERE owner = $1 OR $1 IS NULL", owner)
    row = await reader.fetchrow(
        "SELECT * FROM images WHERE owner = $1 OR $1 IS NULL ORDER BY created_at DESC OFFSET $2 LIMIT 1",
        owner,
        min(250_000, count // 2),
    )
    return dict(row)


async def _explained(reader: Reader, caller: Caller, wanted: filters.Wanted, after: dict[str, Any] | None) -> Plan:
    """Return the plan that is really used: for these arguments, or, where a plan is kept, for any."""
    explaining = Explaining(reader)
    for _ in range(2):  # the second finds the buffers warm
        await listing.list_page(explaining, caller, wanted, after)
    return max(explaining.plans[-len(explaining.plans) // 2 :], key=lambda plan: plan.buffers)


async def _time(reader: Reader, caller: Caller, wanted: filters.Wanted, after: dict[str, Any] | None) -> float:
    found = []
    for _ in range(TIMES):
        began = time.perf_counter()
        await listing.list_page(reader, caller, wanted, after)
        found.append((time.perf_counter() - began) * 1000)
    return statistics.median(found)


if __name__ == "__main__":
    main()
