"""What a process writes down about itself."""

import json
import os
import subprocess
import sys

import pytest

SAYS = """
import logging, sys, structlog
from glimpse import settings, telemetry
telemetry.configure(settings.Log(format=sys.argv[1], level="info"), "api")
log = structlog.get_logger()
log.debug("unwanted")
log.info("request", path="/v2/\\u00fc", ms=1.5, status=None)
log.info("odd", text="\\ud800", number=2**80, thing={1: object})
logging.getLogger("aiohttp").warning("a library says %s", "\\u00fc")
secret = "s3cret"
try:
    raise ValueError("broken")
except ValueError:
    log.exception("broke")
"""


def written(form):
    done = subprocess.run([sys.executable, "-c", SAYS, form], capture_output=True, check=True)
    assert not done.stdout
    return done.stderr.decode()


@pytest.fixture(scope="module")
def lines():
    return [json.loads(line) for line in written("json").splitlines()]


def test_each_line_is_json_with_its_facts_as_fields(lines):
    line = lines[0]
    assert line.pop("timestamp").endswith("Z")
    expected = {"event": "request", "level": "info", "service": "api", "path": "/v2/ü", "ms": 1.5, "status": None}
    assert line == expected


def test_no_line_is_lost_for_what_is_in_it(lines):
    assert [line["event"] for line in lines] == ["request", "odd", "a library says ü", "broke"]
    assert lines[1]["number"] == 2**80


def test_libraries_and_failures_are_written_down_in_the_same_form(lines):
    assert (lines[2]["level"], lines[2]["service"]) == ("warning", "api")
    assert lines[3]["exception"].endswith("ValueError: broken")


def test_people_read_lines_without_the_values_of_variables():
    text = written("console")
    assert "request" in text
    assert "path=/v2/ü" in text
    assert "ValueError: broken" in text
    assert text.count("s3cret") == 0


def test_lines_that_nobody_reads_any_more_break_nothing():
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"{SAYS}print('went on')", "json"],
            stdout=subprocess.PIPE,
            stderr=writing,
            check=True,
        )
    finally:
        os.close(writing)
    assert done.stdout == b"went on\n"
