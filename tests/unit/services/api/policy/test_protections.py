"""What stands in a file of property protections, and what stops the start."""

import pytest

from glimpse.errors import Invalid
from glimpse.settings import Policy as Section
from services.api.identity import callers
from services.api.policy import protections
from services.api.policy.policy import Policy

ALL = "create = {0}\nread = {0}\nupdate = {0}\ndelete = {0}\n"


@pytest.fixture
def opened(tmp_path):
    def read(text, kind="roles"):
        file = tmp_path / "protections.conf"
        file.write_text(text)
        section = Section(property_protection_file=file, property_protection_format=kind)
        return protections.opened(section, Policy(section))

    return read


def somebody(*roles, service_roles=()):
    return callers.caller("r", "u", "p", roles, service_roles)


@pytest.mark.rule("AC-50")
def test_without_a_file_nothing_is_protected():
    section = Section()
    found = protections.opened(section, Policy(section))
    assert found.allows(somebody(), "create", "anything")
    assert found.hidden(somebody(), ["anything"]) == []


@pytest.mark.rule("AC-51")
@pytest.mark.parametrize(
    ("said", "roles", "is_allowed"),
    [
        ("admin", ["admin"], True),
        ("Admin , Member", ["MEMBER"], True),
        ("admin,member", ["reader"], False),
        ("@", [], True),
        ("admin, @", [], True),
        ("!", ["admin"], False),
        ("!, admin", ["admin"], False),
        ("", ["admin"], False),
        (" , ", ["admin"], False),
    ],
)
def test_roles_are_listed(opened, said, roles, is_allowed):
    assert opened("[x]\n" + ALL.format(said)).allows(somebody(*roles), "read", "x") is is_allowed


@pytest.mark.rule("AC-51")
@pytest.mark.parametrize(
    ("said", "roles", "is_allowed"),
    [
        ("context_is_admin", ["admin"], True),
        ("context_is_admin", ["member"], False),
        ("get_images", ["reader"], False),  # of a project that is not said: the target is empty
        ("there_is_none", ["admin"], False),
        ("@", [], True),
        ("!", ["admin"], False),
        ("", ["admin"], False),
    ],
)
def test_rules_are_named(opened, said, roles, is_allowed):
    assert opened("[x]\n" + ALL.format(said), "policies").allows(somebody(*roles), "read", "x") is is_allowed


@pytest.mark.rule("AC-52")
@pytest.mark.parametrize(
    ("pattern", "name", "is_allowed"),
    [
        ("x_foo_*", "pre_x_foo", True),
        ("x_foo_*", "x_foo___", True),
        ("^x_foo$", "pre_x_foo", False),
        ("X", "x", False),
        ("[a-c]+", "b", True),
        ("[a-c]$", "d", False),
        ("a%%b", "a%%b", True),
    ],
)
def test_a_name_has_a_pattern_somewhere_in_it(opened, pattern, name, is_allowed):
    assert opened(f"[{pattern}]\n" + ALL.format("@")).allows(somebody(), "read", name) is is_allowed


@pytest.mark.rule("AC-52")
def test_the_first_pattern_that_fits_decides(opened):
    found = opened("[a]\n" + ALL.format("!") + "[.*]\n" + ALL.format("@") + "[b]\n" + ALL.format("!"))
    assert [found.allows(somebody(), "read", name) for name in ("a", "xa", "b", "c")] == [False, False, True, True]
    assert found.hidden(somebody(), ["a", "b"]) == ["a"]


@pytest.mark.rule("AC-52")
@pytest.mark.parametrize("name", ["os_glance_importing_to_stores", "os_glimpse_source_hash_value"])
def test_the_books_of_the_service_are_never_protected(opened, name):
    assert opened("[^os_gl]\n" + ALL.format("!")).allows(somebody(), "create", name)


@pytest.mark.rule("AC-51")
@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ("[x]\ncreate = @\nread = @\nupdate = @\n", "roles", "does not say who may delete"),
        ("[*]\n" + ALL.format("@"), "roles", "is no regular expression"),
        ("[x]\n" + ALL.format("@,!"), "roles", "can not be everybody and nobody"),
        ("[x]\n" + ALL.format("@,!"), "policies", "can not be everybody and nobody"),
        ("[x]\n" + ALL.format("one,two"), "policies", "names more than one rule"),
        ("create = @\n", "roles", "is no INI file"),
        ("[x]\n" + ALL.format("@") + "[x]\n" + ALL.format("@"), "roles", "is no INI file"),
    ],
)
def test_a_file_that_can_not_be_taken_at_its_word_is_refused(opened, text, kind, reason):
    with pytest.raises(Invalid, match=reason):
        opened(text, kind)


@pytest.mark.rule("AC-51")
def test_a_file_that_is_not_there_is_refused(tmp_path):
    section = Section(property_protection_file=tmp_path / "none")
    with pytest.raises(Invalid, match="can not read the file of property protections"):
        protections.opened(section, Policy(section))
