"""Which minors are shown where, and which segments mean the API."""

import pytest

from glimpse.settings import Settings
from services.api import versions
from services.api.versions import Versions

OLD = "2.7 2.6 2.5 2.4 2.3 2.2 2.1 2.0"


@pytest.mark.rule("IMG-39")
@pytest.mark.rule("IMG-40")
@pytest.mark.parametrize(
    ("multi_store", "cache", "expected"),
    [
        (True, True, f"2.18 2.17 2.16 2.15 2.14 2.13 2.12 2.11 2.10 2.9 2.8 {OLD}"),
        (False, True, f"2.18 2.17 2.16 2.15 2.14 2.9 {OLD}"),
        (True, False, f"2.15 2.13 2.12 2.11 2.10 2.9 2.8 2.17 {OLD}"),
        (False, False, f"2.15 2.9 2.17 {OLD}"),
    ],
)
def test_minors_are_listed_in_the_order_that_clients_know(multi_store, cache, expected):
    assert versions.minors(multi_store=multi_store, cache=cache) == expected.split()


@pytest.mark.parametrize(
    ("minor", "condition"),
    [
        ("2.0", "always"),  # IMG-41, IMG-42
        ("2.1", "always"),  # IMG-43
        ("2.2", "always"),  # IMG-44
        ("2.3", "always"),  # IMG-45
        ("2.4", "always"),  # IMG-46
        ("2.5", "always"),  # IMG-47
        ("2.6", "always"),  # IMG-48
        ("2.7", "always"),  # IMG-49
        ("2.8", "multi-store"),  # IMG-50
        ("2.9", "always"),  # IMG-51
        ("2.10", "multi-store"),  # IMG-52
        ("2.11", "multi-store"),  # IMG-53
        ("2.12", "multi-store"),  # IMG-54
        ("2.13", "multi-store"),  # IMG-55
        ("2.14", "cache"),  # IMG-56
        ("2.15", "always"),  # IMG-57
        ("2.16", "cache"),  # IMG-58
        ("2.17", "always"),  # IMG-59
        ("2.18", "cache"),  # IMG-60
    ],
)
def test_a_minor_is_shown_when_what_it_stands_for_is_there(minor, condition):
    shown = {
        (multi_store, cache)
        for multi_store in (True, False)
        for cache in (True, False)
        if minor in versions.minors(multi_store=multi_store, cache=cache)
    }
    everywhere = {(True, True), (True, False), (False, True), (False, False)}
    expected = {
        "always": everywhere,
        "multi-store": {(True, True), (True, False)},
        "cache": {(True, True), (False, True)},
    }
    assert shown == expected[condition]


@pytest.mark.rule("IMG-63")
def test_exactly_what_is_listed_is_served():
    served = Versions.of(Settings.model_validate({"api": {"multi_store": False}})).served
    assert served == {"v2", *(f"v2.{minor}" for minor in (0, 1, 2, 3, 4, 5, 6, 7, 9, 15, 17))}
