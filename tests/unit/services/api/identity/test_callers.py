"""Callers as the rules know them."""

import pytest

from glimpse.errors import Unauthenticated
from services.api.identity import callers


def test_a_project_without_a_name_is_none():
    assert callers.caller("req-1", "u", "", ["member"]).project is None


@pytest.mark.parametrize("name", ["a\0b", "😀", "p" * 256])
def test_what_no_image_could_have_for_its_owner_is_no_project_and_no_user(name):
    for user, project in ((name, "p"), ("u", name)):
        with pytest.raises(Unauthenticated):
            callers.caller("req-1", user, project, ["member"])
