"""Callers as the rules know them: what they have is a credential, and what they have not is none."""

import pytest

from glimpse.errors import Unauthenticated
from services.api.identity import callers


@pytest.mark.rule("AC-2")
@pytest.mark.parametrize("project", [None, ""])
def test_who_has_no_project_has_none_that_a_rule_could_find_equal_to_nobodys(project):
    found = callers.caller("req-1", "u", project, ["member"])
    assert found.project is None
    assert not {"project_id", "tenant"} & found.credentials.keys()


@pytest.mark.parametrize("name", ["a\0b", "😀", "p" * 256])
def test_what_no_image_could_have_for_its_owner_is_no_project_and_no_user(name):
    for user, project in ((name, "p"), ("u", name)):
        with pytest.raises(Unauthenticated):
            callers.caller("req-1", user, project, ["member"])
