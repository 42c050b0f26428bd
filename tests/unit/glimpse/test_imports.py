"""What an import says on its image, from its beginning to whatever its end is."""

import pytest

from glimpse import imports

LOCKED = {
    "os_glance_import_task": "t",
    "os_glance_importing_to_stores": "a,b",
    "os_glance_failed_import": "c",
    "os_glance_stage_host": "h",
}


@pytest.mark.rule("IMG-204")
def test_an_import_takes_the_stores_that_it_names_out_of_those_that_failed_and_holds_the_image():
    told = imports.begun({"os_glance_failed_import": "a,c", "os_glance_stage_host": "h"}, "t", ["b", "a"])
    assert told == LOCKED


@pytest.mark.parametrize(("failed", "listed"), [([], "c"), (["b"], "b,c"), (["c", "a"], "a,c")])
@pytest.mark.rule("IMG-493")
def test_at_its_end_what_it_could_not_fill_is_among_the_failed_and_those_of_earlier_imports_stay_there(failed, listed):
    assert imports.ended(LOCKED, failed) == {
        "os_glance_importing_to_stores": "",
        "os_glance_failed_import": listed,
        "os_glance_stage_host": "h",
    }


@pytest.mark.rule("IMG-202")
def test_an_import_that_is_given_up_failed_everywhere_it_was_to_go():
    assert imports.given_up(LOCKED)["os_glance_failed_import"] == "a,b,c"
    assert imports.given_up({}) == {"os_glance_importing_to_stores": "", "os_glance_failed_import": ""}


def test_what_is_forgotten_leaves_the_other_failures():
    assert imports.forgotten({"os_glance_failed_import": "a,b"}, ["b", "x"]) == {"os_glance_failed_import": "a"}
