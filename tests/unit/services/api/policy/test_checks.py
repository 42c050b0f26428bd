"""The language of the rules, held against the library that operators know it from."""

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oslo_config import cfg
from oslo_policy import policy as oracle

from glimpse.errors import Invalid
from services.api.policy import checks, rules

CREDENTIALS = {
    "user_id": "u1",
    "project_id": "p1",
    "domain_id": None,
    "roles": frozenset({"member", "reader"}),
    "is_admin_project": True,
}


def holds(text, credentials=CREDENTIALS, target=None, **others):
    compiled = checks.compiled({"asked": text, **others})
    return compiled["asked"](credentials, target or {})


@pytest.mark.rule("AC-1")
@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("", {}, True),
        ("@", {}, True),
        ("!", {}, False),
        ("role:member", {}, True),
        ("role:MEMBER", {}, True),
        ("role:admin", {}, False),
        ("role:%(wanted)s", {"wanted": "Reader"}, True),
        ("role:%(wanted)s", {}, False),
        ("not role:admin", {}, True),
        ("not not role:admin", {}, False),
        ("role:admin or role:member and role:reader", {}, True),
        ("role:member or role:admin and role:nobody", {}, True),  # `and` binds tighter
        ("(role:member or role:admin) and role:nobody", {}, False),
        ("NOT role:admin AND role:reader", {}, True),
        ("project_id:%(owner)s", {"owner": "p1"}, True),
        ("project_id:%(owner)s", {"owner": "p2"}, False),
        ("project_id:%(owner)s", {}, False),  # a missing attribute makes the check false
        ("not project_id:%(owner)s", {}, True),
        ("nothing:%(owner)s", {"owner": "None"}, False),  # and so does a missing credential
        ("domain_id:%(owner)s", {"owner": None}, True),  # but None is None, as text
        ("project_id:p1", {}, True),
        ("project_id:p%(number)s", {"number": 1}, True),
        ("'public':%(visibility)s", {"visibility": "public"}, True),
        ('"public":%(visibility)s', {"visibility": "private"}, False),
        ("'a:b':%(name)s", {"name": "a:b"}, True),
        ("True:%(protected)s", {"protected": True}, True),
        ("1:%(min_disk)s", {"min_disk": 1}, True),
        ("None:%(name)s", {"name": None}, True),
        ("'None':%(name)s", {}, False),
        ("roles:%(wanted)s", {"wanted": "member"}, True),
        ("is_admin_project:True", {}, True),
        ("rule:other", {}, True),
        ("rule:missing", {}, False),  # AC-5
        ("not rule:missing", {}, True),
    ],
)
def test_a_check_means_what_it_says(text, target, expected):
    assert holds(text, target=target, other="role:member") is expected


@pytest.mark.parametrize(
    "text", [" ", "member", "role:a role:b", "role:a and", "or role:a", "(role:a", "role:a)", "not", "'a'", "()", "'a"]
)
def test_a_rule_that_makes_no_sense_is_refused_by_name(text):
    with pytest.raises(Invalid, match="the policy rule asked"):
        holds(text)


@pytest.mark.parametrize("texts", [{"a": "rule:a"}, {"a": "rule:b or @", "b": "not rule:c", "c": "role:x or (rule:a)"}])
def test_rules_that_refer_to_themselves_are_refused(texts):
    with pytest.raises(Invalid, match="refers to itself"):
        checks.compiled(texts)


NAMES = st.sampled_from(["one", "two", "three", "missing"])
ROLES = ["admin", "member", "reader", "Service"]
SINGLES = st.one_of(
    st.sampled_from(
        ["@", "!", "True:%(protected)s", "'public':%(visibility)s", '"shared":%(visibility)s', "None:%(name)s"]
    ),
    st.sampled_from(ROLES).map("role:{}".format),
    st.sampled_from(["project_id", "member_id", "missing"]).map("role:%({})s".format),
    st.tuples(
        st.sampled_from(["project_id", "user_id", "domain_id", "roles", "is_admin_project", "unheard_of"]),
        st.sampled_from(["p1", "True", "member", "%(project_id)s", "%(member_id)s", "%(missing)s", "p%(number)s"]),
    ).map(":".join),
)
CHECKS = st.recursive(
    SINGLES | NAMES.map("rule:{}".format),
    lambda inner: st.one_of(
        inner.map("not {}".format),
        inner.map("({})".format),
        st.lists(inner, min_size=2, max_size=3).map(" and ".join),
        st.lists(inner, min_size=2, max_size=3).map(" or ".join),
    ),
    max_leaves=8,
)
LATER = {"one": ["two", "three"], "two": ["three"], "three": []}
"""What each rule may refer to, so that none refers to itself."""


@st.composite
def sets_of_rules(draw):
    def may_refer(text, name):
        return all(f"rule:{other}" not in text for other in LATER if other not in LATER[name])

    return {"asked": draw(CHECKS)} | {
        name: draw(CHECKS.filter(lambda text, n=name: may_refer(text, n))) for name in LATER
    }


CREDENTIAL_SETS = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["u1", None]),
        "project_id": st.sampled_from(["p1", "p2", None]),
        "domain_id": st.sampled_from(["d1", None]),
        "is_admin_project": st.booleans(),
        "roles": st.frozensets(st.sampled_from([role.lower() for role in ROLES])),
    }
)
TARGETS = st.fixed_dictionaries(
    {
        "visibility": st.sampled_from(["public", "shared"]),
        "protected": st.booleans(),
        "number": st.sampled_from([1, "1"]),
    },
    optional={
        "project_id": st.sampled_from(["p1", "p2", None]),
        "member_id": st.sampled_from(["p1", "member", None]),
        "name": st.sampled_from(["admin", None]),
    },
)


@pytest.fixture(scope="module")
def enforcer():
    configuration = cfg.ConfigOpts()
    configuration([], default_config_files=[])
    made = oracle.Enforcer(configuration, use_conf=False, default_rule={})
    made.suppress_default_change_warnings = made.suppress_deprecation_warnings = True
    return made


def judged(enforcer, texts, name, credentials, target):
    """Return what the library says, which wants lists for frozen sets."""
    enforcer.set_rules(oracle.Rules.from_dict(texts), overwrite=True, use_conf=False)
    return bool(enforcer.enforce(name, target, {**credentials, "roles": sorted(credentials["roles"])}))


@pytest.mark.rule("AC-1")
@given(texts=sets_of_rules(), credentials=CREDENTIAL_SETS, target=TARGETS)
@settings(deadline=None, max_examples=200)
def test_every_rule_says_what_the_library_says(enforcer, texts, credentials, target):
    expected = judged(enforcer, texts, "asked", credentials, target)
    assert checks.compiled(texts)["asked"](credentials, target) is expected


@pytest.mark.rule("AC-10")
@given(credentials=CREDENTIAL_SETS, target=TARGETS)
@settings(deadline=None, max_examples=40)
def test_our_own_rules_mean_to_the_library_what_they_mean_to_us(enforcer, credentials, target):
    ours = checks.compiled(rules.DEFAULTS)
    enforcer.set_rules(oracle.Rules.from_dict(rules.DEFAULTS), overwrite=True, use_conf=False)
    wanted = {**credentials, "roles": sorted(credentials["roles"])}
    for name, check in ours.items():
        assert check(credentials, target) is bool(enforcer.enforce(name, target, wanted)), name


def test_what_we_refuse_the_library_takes_for_no(enforcer, caplog):
    caplog.set_level(logging.CRITICAL)
    for text in (" ", "member", "role:a role:b", "role:a and", "(role:a", "'a'", "()"):
        assert judged(enforcer, {"asked": text}, "asked", CREDENTIALS, {}) is False


@pytest.mark.rule("AC-8")
def test_the_rules_that_others_refer_to():
    assert rules.BASE == {
        "context_is_admin": "role:admin",
        "default": "",
        "service_api": "role:service or role:admin",
        "metadef_default": "",
        "metadef_admin": "rule:context_is_admin",
    }
