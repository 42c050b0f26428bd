"""What counts as a rule, what counts as a citation, and what is said about them."""

from pathlib import Path

import pytest

from scripts import conformance

NO_SUCH_RULE = f"IMG-{10**6}"

PAGE = """\
# Images

## 1. How to read this

- **IMG-1** Rule ids. See IMG-2.

## 2. Answers

| Rule | Status |
|---|---|
| **IMG-2** | 404 |
| **IMG-3** | 409 |

**AC-1 Model.** A rule is a name.
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docs" / "contract").mkdir(parents=True)
    (tmp_path / "docs" / "contract" / "images.md").write_text(PAGE)
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    return tmp_path


def cite(root: Path, source: str) -> None:
    (root / "tests" / "unit" / "test_it.py").write_text(source)


def test_a_rule_is_an_id_in_bold() -> None:
    rules = list(conformance.rules_of("images", PAGE))
    assert [(rule.id, rule.section) for rule in rules] == [
        ("IMG-1", "1. How to read this"),
        ("IMG-2", "2. Answers"),
        ("IMG-3", "2. Answers"),
        ("AC-1", "2. Answers"),
    ]
    assert rules[1].text == "404"


@pytest.mark.parametrize(
    ("source", "cited"),
    [
        ('@pytest.mark.rule("IMG-1", "AC-2")\ndef test(): ...\n', [("IMG-1", 1), ("AC-2", 1)]),
        ("x = 1\ny = 2  # IMG-3: the answer, as in OP-4\n", [("IMG-3", 2), ("OP-4", 2)]),
        ('ROWS = [("MD-5 no name", 400)]\n', [("MD-5", 1)]),
        ('ROWS = [("IMG-6, IMG-7 and IMG-8: gone", 410)]\n', [("IMG-6", 1), ("IMG-7", 1), ("IMG-8", 1)]),
        ('"""IMG-9: a page of tests."""\n', [("IMG-9", 1)]),
    ],
)
def test_a_citation_is_a_mark_a_comment_or_a_string_that_begins_with_it(
    source: str, cited: list[tuple[str, int]]
) -> None:
    assert list(conformance.citations_of(source)) == cited


@pytest.mark.parametrize(
    "source", ['text = "see IMG-1"\n', 'text = "XIMG-1"\n', "IMG = 1\nx = IMG-1\n", 'text = "IMG-1x"\n']
)
def test_a_rule_that_is_only_mentioned_is_not_cited(source: str) -> None:
    assert list(conformance.citations_of(source)) == []


def test_the_report_counts_by_contract_and_section_and_names_what_is_missing(root: Path) -> None:
    cite(root, "# IMG-2\n")
    (root / "docs" / "contract" / "not-applicable.toml").write_text('IMG-1 = "about rules"\n')
    assert list(conformance.report(conformance.look(root))) == [
        "images: cited 1 of 4, 1 do not apply",
        "  1. How to read this: cited 0 of 1, 1 do not apply",
        "  2. Answers: cited 1 of 3",
        "      without: IMG-3, AC-1",
    ]


def test_a_citation_of_no_rule_is_a_mistake(root: Path) -> None:
    cite(root, f"\n# {NO_SUCH_RULE}\n")
    (root / "docs" / "contract" / "not-applicable.toml").write_text('OP-99 = "gone"\n')
    assert conformance.look(root).mistakes() == [
        "not-applicable.toml: there is no rule OP-99",
        f"tests/unit/test_it.py:2: there is no rule {NO_SUCH_RULE}",
    ]


@pytest.mark.parametrize(
    ("options", "comment", "code"),
    [
        ([], "", 0),
        ([], NO_SUCH_RULE, 1),
        (["--strict", "IMG"], "IMG-1 IMG-2", 1),
        (["--strict", "IMG"], "IMG-1 IMG-2 IMG-3", 0),
    ],
)
def test_it_leaves_with_1_when_a_citation_is_wrong_or_a_strict_family_has_gaps(
    root: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], comment: str, code: int
) -> None:
    cite(root, f"# {comment}\n")
    monkeypatch.setattr(conformance, "ROOT", root)
    monkeypatch.setattr("sys.argv", ["conformance", *options])
    assert conformance.main() == code


def test_ids_that_follow_each_other_are_written_as_a_range() -> None:
    assert conformance.ranges(["IMG-1", "IMG-2", "IMG-3", "IMG-5", "AC-6"]) == ["IMG-1..3", "IMG-5", "AC-6"]
