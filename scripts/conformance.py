"""Which rules of the contract the tests prove: `make conformance`.

A test cites a rule in a mark (`@pytest.mark.rule("IMG-258")`), in a comment (`# IMG-258`), or in a string that begins
with its id (a row of a table). What does not apply to Glimpse stands in docs/contract/not-applicable.toml, with why.
"""

import argparse
import io
import re
import sys
import tokenize
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent

RULE = r"(?:IMG|AC|MD|OP)-\d+"
DEFINED = re.compile(rf"\*\*({RULE})\b")
CITED = re.compile(rf"\b({RULE})\b")
BEGINS_WITH_RULES = re.compile(rf"\W*((?:{RULE}\W+(?:(?:and|to)\s)?)*{RULE})\b")
HEADING = re.compile(r"^## (.+)$")


@dataclass(frozen=True)
class Rule:
    """One rule, and where it stands."""

    id: str
    contract: str
    section: str
    text: str

    @property
    def family(self) -> str:
        """The letters of its id."""
        return self.id.partition("-")[0]


@dataclass(frozen=True)
class Conformance:
    """Every rule, where tests cite it, and why some need no test."""

    rules: Mapping[str, Rule]
    citations: Mapping[str, list[str]]
    reasons: Mapping[str, str]

    def is_accounted_for(self, rule: Rule) -> bool:
        """Whether a test cites the rule, or a reason stands in its place."""
        return rule.id in self.citations or rule.id in self.reasons

    def mistakes(self) -> list[str]:
        """Return a line for each citation, and each reason, of a rule that does not exist."""
        unknown = [
            f"{where}: there is no rule {id}"
            for id, places in self.citations.items()
            for where in places
            if id not in self.rules
        ]
        unknown += [f"not-applicable.toml: there is no rule {id}" for id in self.reasons if id not in self.rules]
        return sorted(unknown)


def main() -> int:
    """Print the report; return 1 when a citation is wrong, or when `--strict` finds a rule nobody proves."""
    parser = argparse.ArgumentParser(prog="make conformance", description="Say which rules the tests prove.")
    parser.add_argument("--strict", metavar="FAMILY", help="list the rules of IMG, AC, MD or OP that lack a test; fail")
    options = parser.parse_args()
    found = look(ROOT)
    mistakes = found.mistakes()
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    if options.strict is None:
        print("\n".join(report(found)))
        return 1 if mistakes else 0
    missing = [rule for rule in found.rules.values() if rule.family == options.strict]
    missing = [rule for rule in missing if not found.is_accounted_for(rule)]
    for rule in missing:
        print(f"{rule.id:9} {rule.text[:110]}")
    print(f"{len(missing)} rules of {options.strict} without a test")
    return 1 if mistakes or missing else 0


def look(root: Path) -> Conformance:
    """Read the contract and the tests below `root`."""
    contract = root / "docs" / "contract"
    rules = {rule.id: rule for path in sorted(contract.glob("*.md")) for rule in rules_of(path.stem, path.read_text())}
    citations: dict[str, list[str]] = defaultdict(list)
    for path in sorted((root / "tests").rglob("*.py")):
        if path.is_relative_to(root / "tests" / "unit" / "scripts"):
            continue  # they speak of rules without proving any
        for id, line in citations_of(path.read_text()):
            citations[id].append(f"{path.relative_to(root)}:{line}")
    explained = contract / "not-applicable.toml"
    reasons = tomllib.loads(explained.read_text()) if explained.exists() else {}
    return Conformance(rules, citations, reasons)


def rules_of(contract: str, text: str) -> Iterator[Rule]:
    """Yield the rules that a page of the contract states: their ids stand in bold."""
    section = ""
    for line in text.splitlines():
        if heading := HEADING.match(line):
            section = heading.group(1)
        for match in DEFINED.finditer(line):
            yield Rule(match.group(1), contract, section, line[match.end() :].strip(" *|"))


def citations_of(source: str) -> Iterator[tuple[str, int]]:
    """Yield each rule that a test cites, with its line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            cited = token.string
        elif token.type == tokenize.STRING and (match := BEGINS_WITH_RULES.match(token.string.lstrip("rbfRBF"))):
            cited = match.group(1)
        else:
            continue
        for id in CITED.findall(cited):
            yield id, token.start[0]


def report(found: Conformance) -> Iterator[str]:
    """Yield the report: for each contract and section how many rules are cited, and which are not."""
    by_section: dict[str, dict[str, list[Rule]]] = defaultdict(lambda: defaultdict(list))
    for rule in found.rules.values():
        by_section[rule.contract][rule.section].append(rule)
    for contract, sections in by_section.items():
        yield f"{contract}: {_count(found, (rule for rules in sections.values() for rule in rules))}"
        for section, rules in sections.items():
            yield f"  {section}: {_count(found, rules)}"
            missing = [rule.id for rule in rules if not found.is_accounted_for(rule)]
            if missing:
                yield f"      without: {', '.join(ranges(missing))}"


def ranges(ids: Iterable[str]) -> list[str]:
    """Write ids that follow each other as `IMG-1..4`."""
    runs: list[tuple[str, int, int]] = []
    for family, _, number in (id.partition("-") for id in ids):
        if runs and runs[-1][0] == family and runs[-1][2] + 1 == int(number):
            runs[-1] = (family, runs[-1][1], int(number))
        else:
            runs.append((family, int(number), int(number)))
    return [f"{family}-{first}" + (f"..{last}" if last > first else "") for family, first, last in runs]


def _count(found: Conformance, rules: Iterable[Rule]) -> str:
    ids = [rule.id for rule in rules]
    cited = sum(id in found.citations for id in ids)
    explained = sum(id in found.reasons and id not in found.citations for id in ids)
    return f"cited {cited} of {len(ids)}" + (f", {explained} do not apply" if explained else "")


if __name__ == "__main__":
    sys.exit(main())
