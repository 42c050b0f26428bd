"""`glimpse policy show` and `check`, as an operator types them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from glimpse import cli

runner = CliRunner()


@pytest.fixture
def policy(tmp_path: Path):
    """Ask about rules, with a file of the operator's own."""
    file, config = tmp_path / "policy.yaml", tmp_path / "glimpse.toml"
    file.write_text("publicize_image: role:publisher\nmine: rule:nobodys or role:%(os_distro)s\n")
    config.write_text(f'[policy]\nfile = "{file}"\n')

    def ask(*words: str) -> tuple[int, list[str], str]:
        said = runner.invoke(cli.app, ["policy", *words, "--config", str(config)])
        return said.exit_code, said.stdout.splitlines(), said.stderr

    return ask


def test_every_rule_is_shown_and_which_of_them_are_not_the_built_in_ones(policy) -> None:
    status, lines, told = policy("show")
    assert status == 0
    assert "publicize_image: role:publisher  # from the file" in lines
    assert "default: @" in lines
    assert "copy_image: rule:context_is_admin" in lines
    assert told == "mine refers to nobodys: no such rule, and false there\n"


def test_they_are_shown_with_what_they_say_of_somebody(policy) -> None:
    _status, lines, _told = policy("show", "--as", "roles=publisher,reader,project=p1")
    said = {line.split()[1].rstrip(":"): line.split()[0] for line in lines}
    assert (said["publicize_image"], said["get_image"], said["modify_image"]) == ("yes", "yes", "no")


@pytest.mark.parametrize(
    ("who", "what", "action", "is_allowed"),
    [
        ("roles=member,reader,project=p1", "", "modify_image", True),
        ("roles=Member,project=p1", "", "modify_image", True),
        ("roles=reader,project=p1", "", "modify_image", False),
        ("roles=member,project=p1", "owner=p2,visibility=public", "modify_image", False),
        ("roles=reader,project=p1", "owner=p2,visibility=public", "get_image", True),
        ("roles=reader,project=p1", "owner=p2", "get_image", False),
        ("roles=reader,project=p1", "owner=p2,visibility=private,member=p1", "get_members", True),
        ("roles=reader,project=p1", "owner=p2,member=p3", "get_members", False),
        ("roles=member,project=p1", "owner=p1,member=p1", "modify_member", False),  # the owner is no member
        ("roles=admin", "owner=p2", "delete_image", True),
        ("roles=admin,system_scope=all", "", "get_image", False),
        ("roles=admin,domain=d", "", "get_image", False),
        ("roles=publisher", "", "publicize_image", True),
        ("roles=centos", "os_distro=centos", "mine", True),
        ("", "", "get_image", False),
        ("user=u", "", "default", True),
    ],
)
def test_one_rule_is_asked(policy, who: str, what: str, action: str, is_allowed: bool) -> None:
    status, lines, _told = policy("check", *(["--as", who] if who else []), *(["--on", what] if what else []), action)
    assert (status, lines[0].split(":")[0]) == ((0, "yes") if is_allowed else (1, "no"))


def test_a_scope_that_no_rule_lets_in_is_explained(policy) -> None:
    _status, lines, _told = policy("check", "--as", "roles=admin,system_scope=all", "get_images")
    assert "for no project" in lines[1]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["check", "no_such_rule"], "there is no rule no_such_rule"),
        (["check", "--as", "admin", "get_image"], "--as admin: write it as name=value"),
        (["show", "--set", "policy.file=/nowhere/policy.yaml"], "can not read the policy file /nowhere/policy.yaml"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(policy, words: list[str], reason: str) -> None:
    status, lines, told = policy(*words)
    assert (status != 0, lines) == (True, [])
    assert reason in told.splitlines()[-1]
