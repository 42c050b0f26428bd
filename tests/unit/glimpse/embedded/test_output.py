"""How people and machines see who speaks."""

import json
import os

import pytest

from glimpse.embedded import output


def test_people_see_a_name_before_each_line():
    dress = output.prefixed("api")
    assert dress(b"one\ntwo\n") == b"api      | one\napi      | two\n"


def test_machines_get_an_object_for_each_line():
    lines = output.as_json("postgres")(b"FATAL: no \xff\nmore\n").decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"event": "FATAL: no �", "service": "postgres"},
        {"event": "more", "service": "postgres"},
    ]


@pytest.mark.parametrize("end", [b"\n", b""])
def test_what_was_said_last_is_kept_whole(end, capfd):
    heard = output.Output(output.as_they_are)
    os.write(heard.writing, b"".join(b"line %d\n" % number for number in range(50)) + b"the last" + end)
    heard.handed_over()
    said = heard.last_lines().splitlines()
    assert len(said) == output.KEPT_LINES
    assert said[-2:] == ["line 49", "the last"]
    assert capfd.readouterr().err.splitlines()[-1] == "the last"


def test_a_line_without_an_end_is_passed_on_in_pieces(capfd):
    heard = output.Output(output.as_they_are)
    for _ in range(8):
        os.write(heard.writing, b"x" * output.CHUNK)
    heard.handed_over()
    heard.last_lines()
    assert capfd.readouterr().err.count("x") == 8 * output.CHUNK
