"""Who is calling: the flavour of the pipeline, and the pipeline itself where its file is given."""

from glimpse.moving import keystone
from glimpse.moving.conf import DEFAULTS, Conf, Option
from glimpse.moving.outcome import Kind, Outcome

FLAVOR = Option("paste_deploy", "flavor")
KNOWN = frozenset(
    {
        "authtoken",
        "context",
        "cors",
        "gzip",
        "healthcheck",
        "http_proxy_to_wsgi",
        "osprofiler",
        "rootapp",
        "unauthenticated-context",
        "versionnegotiation",
    }
)
"""Steps that Glimpse takes itself, or that the report speaks of elsewhere."""

CACHING = frozenset({"cache", "cachemanage", "caching", "cachemanagement"})


def convert(conf: Conf, paste: Conf | None, outcome: Outcome) -> None:
    """Take over how callers are known. Nobody is let in who was not let in before."""
    flavor = conf.text(FLAVOR.name, FLAVOR.group) or ""
    conf.ask("config_file", FLAVOR.group)
    steps = _steps(paste, flavor, outcome) if paste else None
    if steps is None:
        steps = _by_flavor(flavor)
    unknown = [step for step in steps if step not in KNOWN | CACHING]
    host = conf.text("bind_host")
    if "authtoken" in steps:
        keystone.convert(conf, FLAVOR, outcome)
    elif "context" in steps:
        _trusted(outcome)
    elif unknown:
        _refused(outcome)
    else:
        _nobody(host, outcome)
    if outcome.tree["auth"]["mode"] != "none":
        outcome.put("api.host", host or DEFAULTS["bind_host"], "bind_host" if host else "bind_host, by default")
    if CACHING & set(steps):
        outcome.note(Kind.MISSING, f"{FLAVOR}: caching", "there is no image cache; every download reads its store")
    if "gzip" in steps:
        outcome.put("api.gzip", True, "pipeline: gzip")
    for step in unknown:
        outcome.note(Kind.FIRST, f"pipeline: {step}", "is not known here; what it does is not done")


def _trusted(outcome: Outcome) -> None:
    outcome.put("auth.mode", "headers", FLAVOR)
    outcome.note(
        Kind.OTHERWISE, FLAVOR, "identity headers are believed of auth.trusted_proxies only, which is this machine"
    )


def _refused(outcome: Outcome) -> None:
    outcome.put("auth.mode", "headers", FLAVOR)
    outcome.note(
        Kind.FIRST, FLAVOR, "who is calling is not known this way: everybody is refused until you choose auth.mode"
    )


def _nobody(host: str | None, outcome: Outcome) -> None:
    """Without a token step everybody is the administrator; that is kept, but not let out of the machine."""
    outcome.put("auth.mode", "none", f"{FLAVOR}, which is not set")
    outcome.note(
        Kind.FIRST,
        FLAVOR,
        "nobody is asked who they are, and everybody is the administrator"
        + (f", on {host}" if host else "")
        + ": it listens on 127.0.0.1 only, until you choose another auth.mode, or set api.host and auth.insecure",
    )


def _by_flavor(flavor: str) -> list[str]:
    """Return the steps that a flavour is named after; one that nobody knows stands for a step of that name."""
    meant = {"keystone": ["authtoken", "context"], "trusted-auth": ["context"], "": []}
    return [step for word in flavor.split("+") for step in meant.get(word, [word])]


def _steps(paste: Conf, flavor: str, outcome: Outcome) -> list[str] | None:
    """Return the steps of the pipeline that a flavour names; its application is the last of them."""
    application = f"glance-api-{flavor}" if flavor else "glance-api"
    for _hop in range(3):
        if value := paste.text("pipeline", f"pipeline:{application}"):
            return value.split()[:-1]
        following = paste.text("/", f"composite:{application}")
        if following is None:
            break
        application = following
    outcome.note(Kind.FIRST, FLAVOR, f"the second file has no pipeline {application}: it was judged by its name alone")
    return None
