"""`make bench`: everything once, each figure as it is found; `--json FILE` keeps them."""

import argparse
import asyncio
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import callers, catalogue, crowd, imports, limits, memory, news, requests, seed, service, streams
from benchmarks.requests import CREATE, DELETE, PATCH
from benchmarks.service import Service
from tests.fixtures import kafka

REFERENCE = {"show": 191, "create": 61, "patch": 44, "delete": 35, "list of 25": 28}
"""Requests per second of the service that is to be replaced, at 16 connections on two such cores."""


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="how long each load lasts")
    parser.add_argument("--mebibytes", type=int, default=1024, help="the size of the image that is sent and fetched")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    for name, figure in _measured(options.seconds, options.mebibytes):
        figures[name] = figure
        print(f"{name}: {json.dumps(figure, indent=2)}", flush=True)
        if options.json:
            options.json.write_text(json.dumps(figures, indent=2))


def _measured(seconds: int, mebibytes: int) -> Iterator[tuple[str, Any]]:
    """Yield one figure after the other, so that what was measured is told whatever comes after it."""
    yield "cores", os.cpu_count()
    yield "who asks, microseconds", callers.measured()
    with service.running() as glimpse:
        yield "ready after, seconds", round(glimpse.ready_after, 2)
        asyncio.run(seed.images(glimpse.dsn, 10_000))
        yield "memory idle, MiB", _memory(glimpse)
        yield "limits", _limits(glimpse, seconds)
        yield "news", asdict(asyncio.run(news.latency(glimpse, news.of_the_log(glimpse), seconds)))
        yield "requests", _requests(glimpse, seconds)
        yield "metadata definitions", catalogue.measured(glimpse, seconds)
        yield "changes", _changes(glimpse, seconds)
        yield "streams", _streams(glimpse, mebibytes)
        yield "beside 200 slow uploads", asdict(crowd.measured(glimpse, streams.newest_image(glimpse), 200, seconds))
        yield "memory after, MiB", _memory(glimpse)
    yield "imports", imports.measured(min(mebibytes, 256))
    yield "news in Kafka", _news_in_kafka(seconds)


def _memory(glimpse: Service) -> list[dict[str, Any]]:
    return [asdict(process) for process in memory.processes(glimpse)]


def _limits(glimpse: Service, seconds: int) -> dict[str, float]:
    with streams.yardstick("answer") as (port, _process):
        bare = requests.load(f"http://127.0.0.1:{port}/", 16, seconds)
    return {
        "bare aiohttp answer, one process, per second": bare.per_second,
        "pgbench selects per second": limits.pgbench(glimpse.dsn, limits.SELECT, 16, seconds),
        "pgbench single-row commits per second": limits.pgbench(glimpse.dsn, limits.COMMIT, 16, seconds),
    }


def _requests(glimpse: Service, seconds: int) -> dict[str, Any]:
    image_id = streams.newest_image(glimpse)
    loads = {
        "show": (f"{glimpse.url}/v2/images/{image_id}", "", 200),
        "list of 25": (f"{glimpse.url}/v2/images", "", 200),
        "list of 1000": (f"{glimpse.url}/v2/images?limit=1000", "", 200),
        "create": (f"{glimpse.url}/v2/images", CREATE, 201),
    }
    figures: dict[str, Any] = {}
    for name, (url, script, status) in loads.items():
        for connections in (1, 16):
            rate = requests.load(url, connections, seconds, script, status)
            assert not rate.failed, f"{name}: {rate.failed} answers were not {status}"
            figures[f"{name}, {connections} connections"] = {
                **asdict(rate),
                "times the reference": round(rate.per_second / REFERENCE[name], 1)
                if connections == 16 and name in REFERENCE
                else None,
            }
    return figures


def _changes(glimpse: Service, seconds: int) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name, script, status in (("patch", PATCH, 200), ("delete", DELETE, 204)):
        for connections in (1, 16):
            ids = asyncio.run(seed.queued(glimpse.dsn, 4000 * seconds))
            with tempfile.NamedTemporaryFile("w", suffix=".ids") as file:
                file.write("\n".join(ids))
                file.flush()
                rate = requests.load(glimpse.url, connections, seconds, script % file.name, status)
            figures[f"{name}, {connections} connections"] = {
                **asdict(rate),
                "times the reference": round(rate.per_second / REFERENCE[name], 1) if connections == 16 else None,
            }
    return figures


def _news_in_kafka(seconds: int) -> dict[str, Any] | str:
    if not kafka.is_there():
        return "not measured: `make setup` fetches Apache Kafka where there is Maven"
    with kafka.a_broker() as broker, service.running("--kafka", broker.bootstrap) as glimpse:
        return asdict(asyncio.run(news.latency(glimpse, news.of_kafka(broker.bootstrap), seconds)))


def _streams(glimpse: Service, mebibytes: int) -> dict[str, Any]:
    bare_up = streams.bare_upload(glimpse.data, mebibytes)
    image_id, up = streams.upload(glimpse, mebibytes)
    file = streams.stored_file(glimpse, image_id)
    bare_down = streams.bare_download(file, mebibytes)
    down = streams.download(glimpse, image_id, mebibytes)
    return {
        "upload": asdict(up),
        "bare upload": asdict(bare_up),
        "upload against bare": round(up.megabytes_per_second / bare_up.megabytes_per_second, 2),
        "download": asdict(down),
        "bare sendfile": asdict(bare_down),
        "download against bare": round(down.megabytes_per_second / bare_down.megabytes_per_second, 2),
    }


if __name__ == "__main__":
    main()
