"""How tokens are asked about: the group in which every deployment of the reference has a user of its own."""

from typing import Any

from glimpse.moving.conf import Conf, Option
from glimpse.moving.options import Same, flag, number, text
from glimpse.moving.outcome import Kind, Outcome

TOKEN = "keystone_authtoken"  # noqa: S105  # the name of a group
NEEDED = "auth_url, username and password are not all said: everybody is refused until you set auth.mode"


def _seconds(value: str) -> Any:
    """Read how long tokens are remembered; -1 is not at all."""
    read = number(value)
    return max(read, 0) if isinstance(read, int) else read


def _words(value: str) -> Any:
    return [word.strip() for word in value.split(",") if word.strip()]


SAME = (
    Same("auth_url", "auth.keystone_url", text, TOKEN),
    Same("username", "auth.keystone_username", text, TOKEN),
    Same("password", "auth.keystone_password", text, TOKEN),
    Same("user_domain_name", "auth.keystone_user_domain_name", text, TOKEN),
    Same("user_domain_id", "auth.keystone_user_domain_id", text, TOKEN),
    Same("project_name", "auth.keystone_project_name", text, TOKEN),
    Same("project_domain_name", "auth.keystone_project_domain_name", text, TOKEN),
    Same("project_domain_id", "auth.keystone_project_domain_id", text, TOKEN),
    Same("application_credential_id", "auth.keystone_application_credential_id", text, TOKEN),
    Same("application_credential_secret", "auth.keystone_application_credential_secret", text, TOKEN),
    Same("interface", "auth.keystone_interface", text, TOKEN),
    Same("region_name", "auth.keystone_region", text, TOKEN),
    Same("cafile", "auth.keystone_ca_file", text, TOKEN),
    Same("http_connect_timeout", "auth.keystone_timeout_seconds", number, TOKEN),
    Same("http_request_max_retries", "auth.keystone_connect_retries", number, TOKEN),
    Same("token_cache_time", "auth.keystone_cache_seconds", _seconds, TOKEN),
    Same("include_service_catalog", "auth.keystone_catalogue", flag, TOKEN),
    Same("service_type", "auth.keystone_service_type", text, TOKEN),
    Same("service_token_roles", "auth.service_token_roles", _words, TOKEN),
    Same("service_token_roles_required", "auth.service_token_roles_required", flag, TOKEN),
)
PASSWORDS = frozenset({"password", "v3password"})
CREDENTIALS = frozenset({"v3applicationcredential"})


def convert(conf: Conf, flavor: Option, outcome: Outcome) -> None:
    """Take over how tokens are asked about; where that is not said, nobody is let in."""
    uri = conf.text("www_authenticate_uri", TOKEN) or conf.text("auth_uri", TOKEN)
    if uri:
        outcome.put("auth.www_authenticate_uri", uri, Option(TOKEN, "www_authenticate_uri"))
    kind = conf.text("auth_type", TOKEN) or conf.text("auth_plugin", TOKEN) or "password"
    for option in SAME:
        value = conf.text(option.name, option.group)
        if value is not None:
            outcome.put(option.setting, option.read(value), Option(option.group, option.name))
    if conf.flag("insecure", TOKEN):
        outcome.note(
            Kind.FIRST, Option(TOKEN, "insecure"), "certificates are always looked at: set auth.keystone_ca_file"
        )
    is_known = kind in PASSWORDS | CREDENTIALS and conf.text("auth_section", TOKEN) is None
    if not is_known or not outcome.put("auth.mode", "keystone", flavor):
        outcome.put("auth.mode", "headers", flavor)
        outcome.note(Kind.FIRST, TOKEN, NEEDED)
