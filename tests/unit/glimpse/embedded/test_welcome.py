"""What a person reads when everything runs."""

from pathlib import Path

import pytest

from glimpse.embedded import directory, welcome
from glimpse.embedded.directory import Directory
from glimpse.settings import Api, Auth, Settings


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("images.example.org", "http://images.example.org:80"),
    ],
)
def test_the_address_is_one_that_a_client_here_can_use(host, url):
    assert welcome.url(host, 80) == url


def test_at_the_usual_place_the_lines_are_short():
    text = welcome.text(Directory(directory.default()), Settings(), 1.26)
    assert text.startswith("\nGlimpse is ready after 1.3 seconds: http://127.0.0.1:9292\n")
    assert text.endswith("glimpse events tail\n")
    assert "--url" not in text


def test_at_another_place_they_say_which():
    text = welcome.text(Directory(Path("/srv/my images")), Settings(api=Api(port=80)), 1)
    assert "glimpse events tail --config '/srv/my images/glimpse.toml'\n" in text
    assert "--os-endpoint http://127.0.0.1:80 image create" in text
    assert "--name mine --url http://127.0.0.1:80\n" in text


def test_where_callers_must_say_who_they_are_no_line_pretends_otherwise():
    text = welcome.text(Directory(directory.default()), Settings(auth=Auth(mode="headers")), 1)
    assert "curl" not in text
    assert "events tail" in text
