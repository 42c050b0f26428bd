"""Options that are settings under another name; a setting is written only when the option was."""

from collections.abc import Callable
from typing import Any, NamedTuple

from glimpse.moving.conf import FALSE, TRUE, Conf, Option, items
from glimpse.moving.outcome import Kind, Outcome


def text(value: str) -> Any:
    """Take it as it is."""
    return value


def number(value: str) -> Any:
    """Read an integer; what is none is for the settings to refuse."""
    try:
        return int(value)
    except ValueError:
        return value


def flag(value: str) -> Any:
    """Read a truth value."""
    lowered = value.lower()
    return lowered in TRUE if lowered in TRUE | FALSE else value


class Same(NamedTuple):
    """An option, and the setting that means the same."""

    name: str
    setting: str
    read: Callable[[str], Any] = text
    group: str = "DEFAULT"


SAME = (
    Same("bind_port", "api.port", number),
    Same("public_endpoint", "api.public_endpoint"),
    Same("max_request_id_length", "api.max_request_id_length", number),
    Same("limit_param_default", "api.limit_param_default", number),
    Same("api_limit_max", "api.api_limit_max", number),
    Same("image_size_cap", "images.size_cap_bytes", number),
    Same("image_member_quota", "images.member_quota", number),
    Same("image_property_quota", "images.property_quota", number),
    Same("image_tag_quota", "images.tag_quota", number),
    Same("image_location_quota", "images.location_quota", number),
    Same("show_image_direct_url", "images.show_direct_url", flag),
    Same("show_multiple_locations", "images.show_locations", flag),
    Same("do_secure_hash", "images.do_secure_hash", flag),
    Same("hashing_algorithm", "images.hashing_algorithm"),
    Same("disk_formats", "images.disk_formats", items, "image_format"),
    Same("container_formats", "images.container_formats", items, "image_format"),
    Same("require_image_format_match", "images.require_format_match", flag, "image_format"),
    Same("task_time_to_live", "import.task_time_to_live_hours", number, "task"),
    Same("task_pool_threads", "import.parallel_tasks", number, "wsgi"),
    Same("allow_anonymous_access", "auth.allow_anonymous", flag),
    Same("enforce_new_defaults", "policy.enforce_new_defaults", flag, "oslo_policy"),
    Same("property_protection_rule_format", "policy.property_protection_format"),
    Same("allowed_origin", "cors.allowed_origins", items, "cors"),
    Same("allow_credentials", "cors.allow_credentials", flag, "cors"),
    Same("max_age", "cors.max_age_seconds", number, "cors"),
    Same("allow_methods", "cors.allow_methods", items, "cors"),
    Same("allow_headers", "cors.allow_headers", items, "cors"),
    Same("expose_headers", "cors.expose_headers", items, "cors"),
    Same("disable_by_file_path", "api.healthcheck_disable_file", text, "healthcheck"),
    Same("enable_proxy_headers_parsing", "api.proxy_headers", flag, "oslo_middleware"),
    Same("delayed_delete", "scrubber.delayed_delete", flag),
    Same("scrub_pool_size", "scrubber.parallel_deletes", number),
)

FILES = (
    Same("policy_file", "policy.file"),
    Same("policy_file", "policy.file", text, "oslo_policy"),
    Same("property_protection_file", "policy.property_protection_file"),
)
"""Files that the reference looks for beside its configuration, unless their whole path is said."""


def convert(conf: Conf, outcome: Outcome) -> None:
    """Take over everything that only has another name, and what needs a little more thought."""
    for option in SAME:
        value = conf.text(option.name, option.group)
        if value is not None:
            outcome.put(option.setting, option.read(value), Option(option.group, option.name))
    for option in FILES:
        _file(conf, option, outcome)
    if conf.flag("enable_proxy_headers_parsing", "oslo_middleware"):
        why = "headers of proxies are believed of auth.trusted_proxies only, which is this machine"
        outcome.note_option(Kind.OTHERWISE, "enable_proxy_headers_parsing", why, "oslo_middleware")
    _workers(conf, outcome)
    _grace(conf, outcome)
    _log(conf, outcome)


def _file(conf: Conf, option: Same, outcome: Outcome) -> None:
    """Take over where a file is; who may do what hangs on it, so that it is not guessed."""
    value, origin = conf.text(option.name, option.group), Option(option.group, option.name)
    if value is None:
        return
    if value.startswith("/"):
        outcome.put(option.setting, value, origin)
    else:
        outcome.note(Kind.FIRST, origin, f"{value} is not read until {option.setting} says where it is")


def _workers(conf: Conf, outcome: Outcome) -> None:
    """`workers = 0` is one process there, and one for each core here."""
    value = conf.text("workers")
    if value is not None:
        outcome.put("api.workers", 1 if number(value) == 0 else number(value), "workers")


def convert_quota(conf: Conf, outcome: Outcome) -> None:
    """A quota by limits of the identity service switches the other one off (IMG-19)."""
    value = conf.text("user_storage_quota")
    if conf.flag("use_keystone_limits"):
        asked = {"limits": {"enabled": True, "source": "keystone"}}
        origins: dict[tuple[str, ...], object] = {("limits", name): "use_keystone_limits" for name in asked["limits"]}
        if "keystone_url" in outcome.tree.get("auth", {}) and outcome.put_all(asked, origins, "use_keystone_limits"):
            why = (
                "limits are asked for as tokens are; that user needs the role `service`, to be told of every project's"
            )
            outcome.note_option(Kind.OTHERWISE, "use_keystone_limits", why)
        else:
            why = "how the identity service is asked is not known: no project has any limit"
            outcome.note_option(Kind.FIRST, "use_keystone_limits", f"{why} until you write them into [limits]")
    elif value is not None:
        outcome.put("images.user_storage_quota", value, "user_storage_quota")


def _grace(conf: Conf, outcome: Outcome) -> None:
    """Without delayed delete the time means nothing; with it, its default there is 0 and here a week."""
    value = conf.text("scrub_time")
    if conf.flag("delayed_delete"):
        outcome.put("scrubber.grace_seconds", number(value or "0"), "scrub_time" if value else "scrub_time, by default")
        outcome.note_option(
            Kind.OTHERWISE,
            "delayed_delete",
            "an image that waits comes back whole with `glimpse restore`, while everything runs; "
            "scrubber.grace_seconds says how long"
            + ("" if number(value or "0") else ", and is 0 as scrub_time is: raise it, or there is nothing to restore"),
        )
    elif value is not None:
        outcome.put("scrubber.grace_seconds", number(value), "scrub_time")
    if conf.text("wakeup_time") is not None:
        outcome.note_option(
            Kind.RETIRED, "wakeup_time", "the scrubber is woken by what happens, and looks every scrubber.sweep_seconds"
        )


def _log(conf: Conf, outcome: Outcome) -> None:
    if conf.flag("debug"):
        outcome.put("log.level", "debug", "debug")
    for name in ("log_file", "log_dir", "use_syslog", "use_journal", "use_eventlog", "logfile", "logdir"):
        if conf.text(name) is not None and conf.flag(name, default=True):
            outcome.note_option(
                Kind.OTHERWISE, name, "lines go to standard error, as JSON; whoever runs the process keeps them"
            )
