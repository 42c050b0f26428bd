"""The language that rules are written in, compiled to closures: a list asks thousands of times (AC-1).

check   = and-check { "or" and-check }
and     = not-check { "and" not-check }
not     = "not" not-check | "(" check ")" | "@" | "!" | kind ":" match
"""

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from glimpse.errors import Invalid


class Attributes(Protocol):
    """What a rule can ask of the thing that is acted on."""

    def get(self, name: str, default: Any, /) -> Any:
        """Return an attribute, the default when there is no such one."""
        ...


Check = Callable[[Mapping[str, Any], Attributes], bool]
"""Whether credentials may act on a target."""

TOKEN = re.compile(r"""\s*(?:[()]|(?:'[^']*':|"[^"]*":)?(?:%\([^)]*\)s|[^\s()])+)""")
ATTRIBUTE = re.compile(r"%\(([^)]*)\)s")
QUOTES = ("'", '"')
MISSING = object()
"""What a credential or an attribute is that is not there: equal to nothing (AC-1)."""


def always(_credentials: Mapping[str, Any], _target: Attributes) -> bool:
    """The check `@`."""
    return True


def never(_credentials: Mapping[str, Any], _target: Attributes) -> bool:
    """The check `!`."""
    return False


class WrongRule(Invalid):
    """A rule that can not be read, or that refers to itself."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


def compiled(rules: Mapping[str, str]) -> dict[str, Check]:
    """Compile every rule; a rule that refers to one that does not exist is false there (AC-5). Raises WrongRule."""
    return _read(rules)[0]


def undefined(rules: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the rules that refer to rules which do not exist, and to which ones. Raises WrongRule."""
    _done, references = _read(rules)
    missing = {name: sorted(named - rules.keys()) for name, named in references.items()}
    return {name: names for name, names in missing.items() if names}


def _read(rules: Mapping[str, str]) -> tuple[dict[str, Check], dict[str, set[str]]]:
    """Return every rule compiled, and the rules that each refers to."""
    done: dict[str, Check] = {}
    references: dict[str, set[str]] = {}
    for name, text in rules.items():
        parser = _Parser(text, done)
        try:
            done[name] = parser.parse()
        except Invalid as error:
            raise WrongRule(name, f"the policy rule {name} ({text!r}) can not be read: {error.message}") from None
        references[name] = parser.references
    for name in references:
        if name in _reached(name, references):
            raise WrongRule(name, f"the policy rule {name} refers to itself, by itself or through others")
    return done, references


def words_of(text: str) -> list[str]:
    """Split a check string into its words. Raises Invalid."""
    words, at = [], 0
    text = text.strip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise Invalid(f"at {text[at:]!r}")
        words.append(match.group(0).strip())
        at = match.end()
    return words


def _reached(name: str, references: Mapping[str, set[str]]) -> set[str]:
    """Return the rules that one refers to, and those that these refer to, and so on."""
    reached: set[str] = set()
    left = [name]
    while left:
        new = references.get(left.pop(), set()) - reached
        reached |= new
        left += new
    return reached


class _Parser:
    """Reads one check string; `references` are the rules it names."""

    def __init__(self, text: str, rules: Mapping[str, Check]) -> None:
        self._text = text
        self._words: list[str] = []
        self._rules = rules
        self.references: set[str] = set()

    def parse(self) -> Check:
        if not self._text:
            return always
        self._words = words_of(self._text)
        check = self._either()
        if self._words:
            raise Invalid(f"{self._words[0]!r} is not expected there")
        return check

    def _either(self) -> Check:
        return _any_of(self._joined("or", self._both))

    def _both(self) -> Check:
        return _all_of(self._joined("and", self._one))

    def _joined(self, word: str, part: Callable[[], Check]) -> list[Check]:
        parts = [part()]
        while self._words and self._words[0].lower() == word:
            self._words.pop(0)
            parts.append(part())
        return parts

    def _one(self) -> Check:
        if not self._words:
            raise Invalid("it ends too early")
        word = self._words.pop(0)
        if word.lower() == "not":
            return _negated(self._one())
        if word == "(":
            inner = self._either()
            if not self._words or self._words.pop(0) != ")":
                raise Invalid("a parenthesis is not closed")
            return inner
        return self._single(word)

    def _single(self, word: str) -> Check:
        if word == "@":
            return always
        if word == "!":
            return never
        kind, colon, match = _quoted(word) if word[0] in QUOTES else word.partition(":")
        if not colon:
            raise Invalid(f"{word!r} is no check: write kind:match")
        if kind == "role":
            return _role(match)
        if kind == "rule":
            self.references.add(match)
            return _rule(match, self._rules)
        return _comparison(kind, match)


def _quoted(word: str) -> tuple[str, str, str]:
    """Split a word that begins with a literal; the literal may have colons in it."""
    literal, colon, match = word[1:].partition(f"{word[0]}:")
    return f"{word[0]}{literal}{word[0]}", colon, match


def _any_of(checks: list[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]

    def check(credentials: Mapping[str, Any], target: Attributes) -> bool:
        for one in checks:  # noqa: SIM110  # a generator for `any` costs more than the checks
            if one(credentials, target):
                return True
        return False

    return check


def _all_of(checks: list[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]

    def check(credentials: Mapping[str, Any], target: Attributes) -> bool:
        for one in checks:  # noqa: SIM110  # likewise
            if not one(credentials, target):
                return False
        return True

    return check


def _negated(check: Check) -> Check:
    return lambda credentials, target: not check(credentials, target)


def _role(name: str) -> Check:
    if not ATTRIBUTE.search(name):
        wanted = name.lower()
        return lambda credentials, _target: wanted in credentials["roles"]

    def check(credentials: Mapping[str, Any], target: Attributes) -> bool:
        filled = _filled(name, target)
        return filled is not MISSING and str(filled).lower() in credentials["roles"]

    return check


def _rule(name: str, rules: Mapping[str, Check]) -> Check:
    def check(credentials: Mapping[str, Any], target: Attributes) -> bool:
        rule = rules.get(name)
        return rule is not None and rule(credentials, target)

    return check


def _comparison(kind: str, match: str) -> Check:
    """Compare a credential, or a literal, with what is written on the other side: both as text."""
    literal = _literal(kind)
    whole = ATTRIBUTE.fullmatch(match)
    if literal is not MISSING and whole:
        name = whole.group(1)
        return lambda _credentials, target: _same(literal, target.get(name, MISSING))
    if literal is not MISSING:
        return lambda _credentials, target: _same(literal, _filled(match, target))
    if whole:
        name = whole.group(1)
        return lambda credentials, target: _same(credentials.get(kind, MISSING), target.get(name, MISSING))
    return lambda credentials, target: _same(credentials.get(kind, MISSING), _filled(match, target))


def _literal(kind: str) -> Any:
    """Return what is written as a literal: a text in quotes, a number, True, None ..."""
    try:
        return str(ast.literal_eval(kind))
    except (ValueError, SyntaxError):
        return MISSING


def _same(one: Any, other: Any) -> bool:
    if one is MISSING or other is MISSING:
        return False
    if isinstance(one, list | tuple | frozenset):
        return any(str(each) == str(other) for each in one)
    return str(one) == str(other)


def _filled(match: str, target: Attributes) -> Any:
    """Return a text with the attributes it asks for; MISSING when one of them is not there."""
    found = {name: target.get(name, MISSING) for name in ATTRIBUTE.findall(match)}
    if MISSING in found.values():
        return MISSING
    return ATTRIBUTE.sub(lambda place: str(found[place.group(1)]), match)
