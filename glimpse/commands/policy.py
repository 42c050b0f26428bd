"""`glimpse policy ...`: the rules in force, and what they say of somebody; nothing has to run for it."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glimpse.commands import settled
from glimpse.errors import Invalid

if TYPE_CHECKING:
    from services.api.caller import Caller
    from services.api.policy.policy import Policy

app = typer.Typer(help="Who may do what.", no_args_is_help=True)

As = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="roles=ROLE,...,project=ID",
        help="Who asks: roles, project, user, domain, system_scope, and every other credential of the rules.",
    ),
]
On = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="owner=ID,visibility=...",
        help="What it is done to. Default: a private image of that project; member=ID is whom it is shared with.",
    ),
]
NAMES = {"project": "project_id", "user": "user_id", "domain": "domain_id"}
"""Shorter names of credentials."""


@app.command()
def show(who: As = None, what: On = None, config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Print every rule in force; with --as, whether it says yes to somebody."""
    with settled.refusals_in_one_line():
        policy = _policy(config, overrides)
        caller = None if who is None else _caller(policy, who)
        target = None if caller is None else _target(caller, what)
    for name, text in policy.texts.items():
        said = "" if caller is None or target is None else f"{_word(policy.allows(caller, name, target)):4}"
        print(f"{said}{name}: {text or '@'}{'  # from the file' if name in policy.said else ''}")


@app.command()
def check(
    action: Annotated[str, typer.Argument(metavar="ACTION", help="A rule, for example modify_image.")],
    who: As = None,
    what: On = None,
    config: settled.Config = None,
    overrides: settled.Overrides = None,
) -> None:
    """Say whether somebody may do something, and by which rule; leaves with 1 for a no."""
    with settled.refusals_in_one_line():
        policy = _policy(config, overrides)
        if not policy.knows(action):
            raise Invalid(f"there is no rule {action}: `glimpse policy show` has them all")
        caller = _caller(policy, who or "")
        is_allowed = policy.allows(caller, action, _target(caller, what))
    print(f"{_word(is_allowed)}: {policy.texts[action] or '@'}")
    if caller.is_scoped_elsewhere and not is_allowed:
        print("a token of a domain, or of the system, is for no project: every rule of the API says no to it")
    if not is_allowed:
        raise typer.Exit(1)


def _policy(config: Any, overrides: Any) -> "Policy":
    from services.api.policy.policy import Policy

    policy = Policy(settled.load(config, overrides).policy)
    for name, missing in policy.undefined.items():
        print(f"{name} refers to {', '.join(missing)}: no such rule, and false there", file=sys.stderr)
    return policy


def _caller(policy: "Policy", text: str) -> "Caller":
    from services.api.identity import callers

    said = _pairs(text, "--as")
    roles, of_service = (_list(said.pop(name, "")) for name in ("roles", "service_roles"))
    more = {NAMES.get(name, name): value for name, value in said.items()}
    user, project = more.pop("user_id", None), more.pop("project_id", None)
    return policy.known(callers.caller("", user, project, roles, of_service, **more))


def _target(caller: "Caller", text: str | None) -> Mapping[str, Any]:
    """Return what rules are asked about: an image, unless it is said otherwise (AC-3)."""
    said: dict[str, Any] = _pairs(text or "", "--on")
    owner = said.get("owner", said.get("project_id", caller.project))
    member = said.pop("member", None)
    is_member = member is not None and member == caller.project and owner != caller.project
    usual = {"visibility": "shared" if member else "private", "member_id": member if is_member else None}
    return usual | said | {"owner": owner, "project_id": owner}


def _pairs(text: str, option: str) -> dict[str, str]:
    """Read `a=1,b=2,3`: what has no name of its own belongs to what stands before it. Raises Invalid."""
    found: dict[str, str] = {}
    last = None
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if equals:
            last = name.strip()
            found[last] = value.strip()
        elif last is not None:
            found[last] += f",{part}"
        else:
            raise Invalid(f"{option} {text}: write it as name=value,name=value")
    return found


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _word(is_allowed: bool) -> str:
    return "yes" if is_allowed else "no"
