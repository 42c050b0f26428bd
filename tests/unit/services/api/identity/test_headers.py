"""Whose identity headers are believed."""

import pytest

from glimpse.settings import Auth
from services.api.identity import headers


@pytest.mark.rule("AC-40")
@pytest.mark.parametrize(
    ("peer", "proxies", "is_trusted"),
    [
        ("127.0.0.1", ["127.0.0.0/8"], True),
        ("10.0.0.9", ["127.0.0.0/8", "10.0.0.0/24"], True),
        ("10.0.1.9", ["10.0.0.0/24"], False),
        ("::ffff:10.0.0.9", ["10.0.0.0/24"], True),
        ("fe80::1%eth0", ["fe80::/10"], True),
        ("2001:db8::1", ["10.0.0.0/24"], False),
        (None, ["0.0.0.0/0", "::/0"], False),
    ],
)
def test_only_the_proxies_that_are_named_are_believed(peer, proxies, is_trusted):
    rules = Auth.model_validate({"mode": "headers", "trusted_proxies": proxies})
    assert headers.is_trusted(peer, rules) is is_trusted
