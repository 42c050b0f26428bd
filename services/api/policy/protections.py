"""Properties that not everybody may make, read, change or remove: the operator's file of patterns (AC-50 to AC-53)."""

import configparser
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import structlog

from glimpse import settings
from glimpse.errors import Invalid
from services.api.caller import Caller
from services.api.policy.policy import Policy

log = structlog.get_logger()

Operation = Literal["create", "read", "update", "delete"]
Permits = Callable[[Caller], bool]

OPERATIONS: tuple[Operation, ...] = ("create", "read", "update", "delete")
OURS = ("os_glance", "os_glimpse")
"""What names of the service's own bookkeeping begin with: nobody can write them, and they are never hidden (AC-52)."""
NAMES = 4096
"""For how many names it is remembered which pattern fits."""


@dataclass(frozen=True, slots=True)
class Protection:
    """What is said of the properties whose names have a pattern in them."""

    pattern: re.Pattern[str]
    permits: dict[Operation, Permits]


class Protections:
    """The protections in force; none at all where the settings name no file."""

    def __init__(self, found: Iterable[Protection] | None) -> None:
        self._found = None if found is None else tuple(found)
        self._first = lru_cache(maxsize=NAMES)(self._fitting)

    def allows(self, caller: Caller, operation: Operation, name: str) -> bool:
        """Say whether a caller may do something to a property; where no pattern fits, nobody may (AC-52)."""
        if self._found is None or name.startswith(OURS):
            return True
        protection = self._first(name)
        return protection is not None and protection.permits[operation](caller)

    def hidden(self, caller: Caller, names: Iterable[str]) -> list[str]:
        """Return the names of the properties that a caller is not shown."""
        if self._found is None:
            return []
        return [name for name in names if not self.allows(caller, "read", name)]

    def _fitting(self, name: str) -> Protection | None:
        return next((each for each in self._found or () if each.pattern.search(name)), None)


def opened(section: settings.Policy, policy: Policy) -> Protections:
    """Return the protections that the settings ask for. Raises Invalid for a file that can not be taken at its word."""
    path = section.property_protection_file
    if path is None:
        return Protections(None)
    parser = configparser.RawConfigParser(default_section="")
    try:
        parser.read_string(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"can not read the file of property protections {path}: {error}") from None
    except configparser.Error as error:
        raise Invalid(f"the file of property protections is no INI file: {' '.join(str(error).split())}") from None
    by_rule = section.property_protection_format == "policies"
    return Protections(list(_protections(path, parser, policy if by_rule else None)))


def _protections(path: Path, parser: configparser.RawConfigParser, policy: Policy | None) -> Iterator[Protection]:
    for header in parser.sections():
        where = f"the file of property protections {path}, [{header}]"
        try:
            pattern = re.compile(header)
        except re.error as error:
            raise Invalid(f"{where}: is no regular expression: {error}") from None
        permits: dict[Operation, Permits] = {}
        for operation in OPERATIONS:
            said = parser.get(header, operation, fallback=None)
            if said is None:
                raise Invalid(f"{where}: does not say who may {operation}; empty is nobody")
            permits[operation] = _permits(f"{where}, {operation}", said.strip(), policy)
        yield Protection(pattern, permits)


def _permits(where: str, said: str, policy: Policy | None) -> Permits:
    names = frozenset(name.strip().lower() for name in said.split(",") if name.strip())
    if {"@", "!"} <= names:
        raise Invalid(f"{where}: it can not be everybody and nobody")
    if policy is not None and said not in ("", "@", "!"):
        return _by_rule(where, said, policy)
    if "@" in names:
        return lambda _caller: True
    if "!" in names or not names:
        return lambda _caller: False
    # the roles of a service as they are written there (AC-51)
    return lambda caller: not names.isdisjoint(caller.roles) or not names.isdisjoint(caller.service_roles)


def _by_rule(where: str, rule: str, policy: Policy) -> Permits:
    if "," in rule:
        raise Invalid(f"{where}: names more than one rule")
    if not policy.knows(rule):
        log.warning("a rule that does not exist allows nothing", rule=rule, where=where)
    return lambda caller: policy.allows(caller, rule, {})
