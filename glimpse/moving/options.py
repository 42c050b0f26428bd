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
    Same("show_image_direct_url", "images.show_direct_url", flag),
    Same("hashing_algorithm", "images.hashing_algorithm"),
    Same("disk_formats", "images.disk_formats", items, "image_format"),
    Same("container_formats", "images.container_formats", items, "image_format"),
    Same("require_image_format_match", "images.require_format_match", flag, "image_format"),
    Same("task_time_to_live", "import.task_time_to_live_hours", number, "task"),
    Same("task_pool_threads", "import.parallel_tasks", number, "wsgi"),
    Same("delayed_delete", "scrubber.delayed_delete", flag),
    Same("scrub_pool_size", "scrubber.parallel_deletes", number),
)


def convert(conf: Conf, outcome: Outcome) -> None:
    """Take over everything that only has another name, and what needs a little more thought."""
    for option in SAME:
        value = conf.text(option.name, option.group)
        if value is not None:
            outcome.put(option.setting, option.read(value), Option(option.group, option.name))
    _workers(conf, outcome)
    _quota(conf, outcome)
    _grace(conf, outcome)
    _log(conf, outcome)


def _workers(conf: Conf, outcome: Outcome) -> None:
    """`workers = 0` is one process there, and one for each core here."""
    value = conf.text("workers")
    if value is not None:
        outcome.put("api.workers", 1 if number(value) == 0 else number(value), "workers")


def _quota(conf: Conf, outcome: Outcome) -> None:
    """A quota by limits of the identity service switches the other one off (IMG-19)."""
    value = conf.text("user_storage_quota")
    if conf.flag("use_keystone_limits"):
        why = "limits that the identity service keeps are not asked for: no project has any"
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
