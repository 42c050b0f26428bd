"""Ask the rules about metadata definitions, and say no in the way that tells a stranger nothing (MD-22)."""

from typing import Any

from glimpse.errors import Forbidden, NotFound
from services.api.caller import Caller
from services.api.policy.policy import NOT_FOUND, Policy

Target = dict[str, Any]


def of_nothing(caller: Caller) -> Target:
    """Return what rules are asked about where there is no namespace yet: the caller's own project (AC-3)."""
    return {"project_id": caller.project}


def require(policy: Policy, caller: Caller, rule: str, target: Target) -> None:
    """Raise unless the caller may do this: NotFound where they could not read such a namespace, else Forbidden."""
    if policy.allows(caller, rule, target):
        return
    if not policy.allows(caller, "get_metadef_namespace", target):
        raise NotFound(NOT_FOUND)
    raise Forbidden(f"You are not authorized to complete {rule} action.")
