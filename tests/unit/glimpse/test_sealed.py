"""Seals: who can open them, and who can not."""

import pytest

from glimpse import sealed
from glimpse.errors import Invalid

KEY = sealed.new_private_key()


def test_who_has_the_private_key_opens_what_the_public_key_sealed():
    closed = sealed.seal(sealed.public_key_of(KEY), "task 1", "a secret")
    assert "secret" not in closed
    assert sealed.opened(KEY, "task 1", closed) == "a secret"
    assert sealed.seal(sealed.public_key_of(KEY), "task 1", "a secret") != closed


@pytest.mark.parametrize(
    ("key", "about", "spoil"),
    [
        (sealed.new_private_key(), "task 1", lambda text: text),
        (sealed.public_key_of(KEY), "task 1", lambda text: text),
        (KEY, "task 2", lambda text: text),
        (KEY, "task 1", lambda text: text[:-8]),
        (KEY, "task 1", lambda text: "A" * 44 + text[44:]),
        (KEY, "task 1", lambda text: "no base64!"),
        (KEY, "task 1", lambda text: ""),
    ],
    ids=["another key", "the public key", "another task", "cut off", "another seal", "no base64", "nothing"],
)
def test_nobody_else_does_nor_for_anything_else(key, about, spoil):
    closed = sealed.seal(sealed.public_key_of(KEY), "task 1", "a secret")
    with pytest.raises(Invalid):
        sealed.opened(key, about, spoil(closed))


@pytest.mark.parametrize("text", ["", "short", "A" * 43, "A" * 48, "ä" * 44])
def test_what_is_no_key_is_refused_with_the_remedy(text):
    with pytest.raises(Invalid, match="seal"):
        sealed.read_key(text)
