"""The language that rules are written in, compiled to closures: a list asks thousands of times (AC-1).

check   = and-check { "or" and-check }
and     = not-check { "and" not-check }
not     = "not" not-check | "(" check ")" | "@" | "!" | kind ":" match
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from glimpse.errors import Invalid


class Attributes(Protocol):
    """What a rule can ask of the thing that is acted on."""

    def get(self, name: str, /) -> Any:
        """Return an attribute, None when there is no such one."""
        ...


Check = Callable[[Mapping[str, Any], Attributes], bool]
"""Whether credentials may act on a target."""

TOKEN = re.compile(r"""\s*(?:[()]|(?:'[^']*':|"[^"]*":)?(?:%\([^)]*\)s|[^\s()])+)""")
ATTRIBUTE = re.compile(r"%\(([^)]*)\)s")
MISSING = object()


def always(_credentials: Mapping[str, Any], _target: Attributes) -> bool:
    """The check `@`."""
    return True


def never(_credentials: Mapping[str, Any], _target: Attributes) -> bool:
    """The check `!`."""
    return False


def compiled(rules: Mapping[str, str]) -> dict[str, Check]:
    """Compile every rule; a rule that refers to one that does not exist is false there (AC-5). Raises Invalid."""
    done: dict[str, Check] = {}
    for name, text in rules.items():
        try:
            done[name] = _Parser(text, done).parse()
        except Invalid as error:
            raise Invalid(f"the policy rule {name} ({text!r}) can not be read: {error.message}") from None
    return done


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


class _Parser:
    """Reads one check string."""

    def __init__(self, text: str, rules: Mapping[str, Check]) -> None:
        self._words = words_of(text)
        self._rules = rules

    def parse(self) -> Check:
        if not self._words:
            return always
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
        return _single(word, self._rules)


def _single(word: str, rules: Mapping[str, Check]) -> Check:
    if word == "@":
        return always
    if word == "!":
        return never
    kind, colon, match = word.partition(":") if word[0] not in "'\"" else _quoted(word)
    if not colon:
        raise Invalid(f"{word!r} is no check: write kind:match")
    if kind == "role":
        return _role(match)
    if kind == "rule":
        return _rule(match, rules)
    return _comparison(kind, match)


def _quoted(word: str) -> tuple[str, str, str]:
    end = word.index(word[0], 1)
    return word[: end + 1], ":", word[end + 2 :]


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
    wanted = name.lower()
    if ATTRIBUTE.search(name):
        return lambda credentials, target: _filled(name, target).lower() in credentials["roles"]
    return lambda credentials, _target: wanted in credentials["roles"]


def _rule(name: str, rules: Mapping[str, Check]) -> Check:
    def check(credentials: Mapping[str, Any], target: Attributes) -> bool:
        rule = rules.get(name)
        return rule is not None and rule(credentials, target)

    return check


def _comparison(kind: str, match: str) -> Check:
    """Compare a credential, or a literal, with what is written on the other side: both as text."""
    whole = ATTRIBUTE.fullmatch(match)
    if kind[0] in "'\"" or kind in ("True", "False", "None") or kind.isdigit():
        literal = kind.strip("'\"")
        if whole:
            name = whole.group(1)
            return lambda _credentials, target: str(target.get(name)) == literal
        return lambda _credentials, target: _filled(match, target) == literal
    if whole:
        wanted = whole.group(1)
        return lambda credentials, target: _same(credentials.get(kind, MISSING), target.get(wanted))
    return lambda credentials, target: _same(credentials.get(kind, MISSING), _filled(match, target))


def _same(credential: Any, wanted: Any) -> bool:
    if isinstance(credential, list | tuple | frozenset):
        return any(str(one) == str(wanted) for one in credential)
    return credential is not MISSING and str(credential) == str(wanted)


def _filled(match: str, target: Attributes) -> str:
    return ATTRIBUTE.sub(lambda found: str(target.get(found.group(1))), match)
