"""Which form an error takes, and what it looks like."""

import json

import pytest

from services.api import answers

HTML, JSON, TEXT = "text/html", "application/json", "text/plain"


@pytest.mark.rule("IMG-68")
@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/json", JSON),
        ("application/*", JSON),
        ("APPLICATION/JSON", JSON),
        ("text/html;q=0.5, application/json", JSON),
        ("text/html;q=0.5, application/json;q=0.6", JSON),
        ("text/html;q=0, */*", JSON),
        ("text/html; q=0.4 , */*;q=0.5", JSON),
        ("*/*", HTML),
        ("text/html", HTML),
        ("text/*", HTML),
        ("application/json, */*", HTML),  # it wins ties
        ("application/json, text/html", HTML),
        ("application/json;q=0.5, */*", HTML),
        (None, TEXT),
        ("", TEXT),
        ("text/plain", TEXT),
        ("application/xml", TEXT),
        ("application/json;q=0", TEXT),
        ("application/json;q=much", TEXT),
        (",,;=,", TEXT),
        ("application/vnd.openstack.images-v2.1", TEXT),
    ],
)
def test_an_accept_header_chooses_between_html_and_json(accept, expected):
    assert answers.preferred(accept) == expected


@pytest.mark.rule("IMG-69")
@pytest.mark.rule("IMG-70")
def test_a_json_error_has_three_texts():
    answer = answers.refusal(404, "no image ü", JSON)
    line_breaks = "<br /><br />\n\n\n"
    assert json.loads(answer.body) == {
        "message": f"no image ü{line_breaks}",
        "code": "404 Not Found",
        "title": "Not Found",
    }
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.rule("IMG-71")
def test_an_html_error_has_its_line_twice_and_escapes_what_it_says():
    answer = answers.refusal(404, "no <image>", HTML)
    page = answer.body.decode()
    assert page.startswith("<html>")
    assert "<head>\n  <title>404 Not Found</title>\n </head>" in page
    assert "<h1>404 Not Found</h1>\n  no &lt;image&gt;<br /><br />" in page
    assert answer.headers["Content-Type"] == "text/html; charset=UTF-8"


@pytest.mark.rule("IMG-72")
def test_a_text_error_is_its_line_and_what_it_says():
    answer = answers.refusal(404, "no image", None)
    assert answer.body.decode().split("\n")[:3] == ["404 Not Found", "", "no image"]
    assert answer.headers["Content-Type"] == "text/plain; charset=UTF-8"


@pytest.mark.rule("IMG-74")
@pytest.mark.parametrize(
    ("status", "reason"), [(413, "Request Entity Too Large"), (416, "Request Range Not Satisfiable")]
)
def test_some_reasons_are_those_that_clients_have_always_seen(status, reason):
    answer = answers.refusal(status, "", JSON)
    assert (answer.reason, json.loads(answer.body)["title"]) == (reason, reason)


@pytest.mark.rule("IMG-97")
def test_json_is_sent_as_utf8_and_not_escaped():
    assert answers.json({"name": "ü"}).body == '{"name":"ü"}'.encode()
