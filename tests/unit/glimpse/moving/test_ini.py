"""Files are read as oslo.config reads them."""

from pathlib import Path

import pytest

from glimpse.errors import Invalid
from glimpse.moving.conf import Conf, items


@pytest.fixture
def conf(tmp_path: Path):
    def read(text: str) -> Conf:
        path = tmp_path / "some.conf"
        path.write_text(text)
        return Conf.read(path)

    return read


def test_the_last_of_several_values_counts_and_a_list_has_them_all(conf) -> None:
    said = conf("[DEFAULT]\na = 1\n[g]\na = 2\na = 3\n[DEFAULT]\na = 4\n")
    assert (said.text("a"), said.all("a")) == ("4", ["1", "4"])
    assert (said.text("a", "g"), said.all("a", "g")) == ("3", ["2", "3"])


def test_a_value_goes_on_in_lines_that_are_indented(conf) -> None:
    said = conf("[DEFAULT]\na = 1,\n  2,\n\t3\nb = x\na = 4\n   5\n")
    assert said.all("a") == ["1,\n2,\n3", "4\n5"]
    assert said.text("b") == "x"


def test_comments_quotes_colons_and_letters_are_what_they_are_there(conf) -> None:
    said = conf("# c\n; c\n[DEFAULT]\nA = 1 # no comment\na: 2\nb = \"two words\"\nc = 'x'\nd = it's\ne =\nf = %s%%\n")
    assert [said.text(name) for name in "Aabcdef"] == ["1 # no comment", "2", "two words", "x", "it's", None, "%s%%"]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("$name/x", "n/x"),
        ("${name}x", "nx"),
        ("${other.name}", "o"),
        ("$other.name", "o"),
        ("$twice", "n/1/2"),
        ("http://$bind_host:$bind_port/", "http://0.0.0.0:9292/"),
        ("pa$$word", "pa$word"),
        (r"pa\$word", "pa$word"),
        ("$unknown and $", "$unknown and $"),
    ],
)
def test_a_value_may_quote_another(value: str, read: str, conf) -> None:
    said = conf(f"[DEFAULT]\nname = n\nonce = $name/1\ntwice = $once/2\n[other]\nname = o\n[g]\nvalue = {value}\n")
    assert said.text("value", "g") == read


def test_the_same_group_is_quoted_first(conf) -> None:
    said = conf("[DEFAULT]\nname = outer\n[g]\nname = inner\nvalue = $name\n")
    assert said.text("value", "g") == "inner"


def test_quotes_that_run_in_a_circle_end(conf) -> None:
    assert conf("[DEFAULT]\na = $b\nb = $a\n").text("a") in ("$a", "$b")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a, b ,c", ["a", "b", "c"]),
        ("[a,b]", ["a", "b"]),
        ("['a', \"b\"]", ["a", "b"]),
        ("a,\nb", ["a", "b"]),
        ("[]", []),
        ("", []),
        (",a,", ["a"]),
    ],
)
def test_lists_are_split(text: str, read: list[str]) -> None:
    assert items(text) == read


def test_an_empty_list_is_not_the_same_as_none(conf) -> None:
    said = conf("[DEFAULT]\nempty = []\nblank =\n")
    assert (said.words("empty"), said.words("blank"), said.words("absent")) == ([], [], None)


def test_what_nobody_asked_for_is_left(conf) -> None:
    said = conf("[DEFAULT]\na = 1\nb = 2\n[g]\na = 3\n")
    said.text("a")
    assert [str(option) for option in said.left()] == ["b", "[g] a"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[DEFAULT]\nbind_port 9292\n", "line 2"),
        (b"a = 1\n[DEFAULT]\n", "line 1 stands before any"),
        (b"[DEFAULT]\na = \xff\n", "not text in UTF-8"),
        (None, "No such file"),
    ],
)
def test_what_can_not_be_read_is_said_in_one_line(content: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.conf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Invalid, match=reason) as refused:
        Conf.read(path)
    assert "\n" not in refused.value.message


def test_a_mark_at_the_beginning_of_the_file_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "bom.conf").write_bytes(b"\xef\xbb\xbf[DEFAULT]\na = 1\n")
    assert Conf.read(tmp_path / "bom.conf").text("a") == "1"
