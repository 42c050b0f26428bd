"""Who may do what: the policy file, property protections, and who reaches an API that asks nobody."""

from collections.abc import AsyncIterator

from glimpse import doors
from glimpse.doctor.finding import Finding, failed, ok, warning
from glimpse.errors import Invalid
from glimpse.settings import Settings
from services.api.policy import protections
from services.api.policy.policy import Policy


async def look(settings: Settings) -> AsyncIterator[Finding]:
    """Say whether the API would start with the rules there are."""
    try:
        policy = Policy(settings.policy)
    except Invalid as error:
        yield failed("policy", error.message, "mend that file; what it leaves out is as built in")
    else:
        yield _policy(settings, policy)
        yield _protections(settings, policy)
    try:
        doors.refuse_open_ones(settings)
    except Invalid as error:
        yield failed("door", error.message, "set api.host or auth.mode")
    else:
        yield ok("door", f"{settings.api.host}:{settings.api.port}, auth.mode {settings.auth.mode}")


def _policy(settings: Settings, policy: Policy) -> Finding:
    named = f"{settings.policy.file or 'the built-in rules'}"
    if not policy.undefined:
        return ok("policy", named)
    rules = "; ".join(f"{name} refers to {', '.join(missing)}" for name, missing in policy.undefined.items())
    return warning("policy", f"{named}: {rules}", "define what is referred to; until then it lets nobody in")


def _protections(settings: Settings, policy: Policy) -> Finding:
    file = settings.policy.property_protection_file
    try:
        protections.opened(settings.policy, policy)
    except Invalid as error:
        return failed("protections", error.message, "mend that file, or unset policy.property_protection_file")
    return ok("protections", f"{file}" if file else "no property is protected")
