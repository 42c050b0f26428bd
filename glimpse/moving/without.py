"""Options that have no setting here, and why (sections 7.2 and 7.3 of the contract's operations)."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from glimpse.moving.conf import FALSE, TRUE, Conf
from glimpse.moving.outcome import Kind, Outcome


class Without(NamedTuple):
    """Options without a setting: `[group] name`, in shell patterns, but for values that change nothing."""

    pattern: str
    kind: Kind
    why: str
    harmless: frozenset[str] = frozenset()


OFF, ON = FALSE | {""}, TRUE | {""}
V1 = "the first version of the API is gone"
REGISTRY = "there is no registry; the API speaks to the database itself"
SERVER = "the server has one right value for it"
EVENTS = "changes are told as events, in order and never lost (docs/events.md); the old notifications are not sent"
CACHE = "there is no image cache; every download reads its store"
RULES = "your rules are not read, and the built-in ones hold (AC-10), until policy.file names a file"
TOKENS = "has no effect on how tokens are asked about here"

OPTIONS = (
    # What would change who may do what, or what is seen, if nobody looked.
    Without("owner_is_tenant", Kind.FIRST, "an image's owner is always a project (AC-44)", ON),
    Without("[oslo_policy] policy_dirs", Kind.FIRST, RULES),
    Without("metadata_encryption_key", Kind.RETIRED, "no secret is part of a location here"),
    # Not here, or not yet.
    Without("image_cache_*", Kind.MISSING, CACHE),
    Without("http_retries", Kind.OTHERWISE, "import.attempts says how often a location is read for its hash"),
    Without("[glance_download_properties] *", Kind.MISSING, "the method glance-download is not there"),
    Without("[inject_metadata_properties] *", Kind.MISSING, "imported images get no properties of the operator's", OFF),
    Without(
        "[image_format] gpt_safety_checks_nonfatal", Kind.MISSING, "unsafe partition tables are always refused", OFF
    ),
    Without("[image_conversion] output_format", Kind.RETIRED, "conversion is not among the plugins"),
    Without("[cors] *", Kind.RETIRED, "has no effect on pages of other origins here"),
    Without("[oslo_limit] *", Kind.MISSING, "limits that the identity service keeps are not asked for"),
    Without("[healthcheck] *", Kind.RETIRED, "/healthcheck says OK, unless api.healthcheck_disable_file is there"),
    Without("default_publisher_id", Kind.MISSING, EVENTS),
    Without("disabled_notifications", Kind.MISSING, EVENTS),
    Without("transport_url", Kind.MISSING, EVENTS),
    Without("rpc_*", Kind.MISSING, EVENTS),
    Without("[oslo_messaging_*] *", Kind.MISSING, EVENTS),
    Without("[key_manager] *", Kind.MISSING, "signatures are not verified"),
    Without("[barbican*] *", Kind.MISSING, "signatures are not verified"),
    Without("[profiler] *", Kind.MISSING, "there is no profiler", OFF),
    Without("metadata_source_path", Kind.RETIRED, "glimpse metadefs load --path says where definitions are"),
    Without("[keystone_authtoken] *", Kind.RETIRED, TOKENS),
    Without("[glance_store] *", Kind.MISSING, "is for a store that is not supported"),
    Without("[backend_defaults] *", Kind.MISSING, "is for a store that is not supported"),
    Without("cert_file", Kind.MISSING, "a proxy in front speaks TLS"),
    Without("key_file", Kind.MISSING, "a proxy in front speaks TLS"),
    Without("ca_file", Kind.MISSING, "a proxy in front speaks TLS"),
    # Retired.
    Without("enable_image_import", Kind.RETIRED, "import is always on; import.methods says which"),
    Without("admin_role", Kind.RETIRED, "the rule context_is_admin says who is an administrator (AC-44)"),
    Without("enable_v1_*", Kind.RETIRED, V1),
    Without("enable_v2_*", Kind.RETIRED, "the second version of the API is always on"),
    Without("registry_*", Kind.RETIRED, REGISTRY),
    Without("data_api", Kind.RETIRED, REGISTRY),
    Without("use_user_token", Kind.RETIRED, REGISTRY),
    Without("send_identity_headers", Kind.RETIRED, REGISTRY),
    Without("admin_*", Kind.RETIRED, REGISTRY),
    Without("auth_strategy", Kind.RETIRED, REGISTRY),
    Without("auth_url", Kind.RETIRED, REGISTRY),
    Without("auth_region", Kind.RETIRED, REGISTRY),
    Without("allow_additional_image_properties", Kind.RETIRED, "images may always have properties of their own"),
    Without("location_strategy", Kind.RETIRED, "stores have a weight, and the heaviest is read first"),
    Without("[store_type_location_strategy] *", Kind.RETIRED, "stores have a weight, and the heaviest is read first"),
    Without("store_type_preference", Kind.RETIRED, "stores have a weight, and the heaviest is read first"),
    Without("digest_algorithm", Kind.RETIRED, "nothing is encrypted by the service itself"),
    Without("secure_proxy_ssl_header", Kind.RETIRED, "set api.public_endpoint"),
    Without("[oslo_policy] enforce_s*", Kind.RETIRED, "scopes are always looked at (AC-4)"),
    Without("[task] task_executor", Kind.RETIRED, "imports run in the importer, a process of their own"),
    Without(
        "[task] eventlet_executor_pool_size", Kind.RETIRED, "import.parallel_tasks says how many imports run at once"
    ),
    Without("[taskflow_executor] *", Kind.RETIRED, "import.parallel_tasks says how many imports run at once"),
    Without(
        "[image_import_opts] max_parallel_stores",
        Kind.RETIRED,
        "what is imported is read once and written to all stores at once",
    ),
    Without("[wsgi] *", Kind.RETIRED, SERVER),
    # The server, and what surrounds it.
    Without("backlog", Kind.RETIRED, SERVER),
    Without("tcp_keepidle", Kind.RETIRED, SERVER),
    Without("max_header_line", Kind.RETIRED, "header fields may have 64 KiB"),
    Without("http_keepalive", Kind.RETIRED, SERVER),
    Without("client_socket_timeout", Kind.RETIRED, "api.idle_seconds says how long a client may do nothing"),
    Without("[database] *", Kind.RETIRED, "connections are looked after without being told how"),
    Without("[oslo_concurrency] *", Kind.RETIRED, "nothing is locked by files"),
    Without("[oslo_reports] *", Kind.RETIRED, "there are no such reports"),
    Without("[oslo_middleware] *", Kind.RETIRED, SERVER),
    Without("[os_glance_*] *", Kind.RETIRED, "only the directory matters"),
    Without("verbose", Kind.RETIRED, "log.level says what is kept"),
    Without("use_stderr", Kind.RETIRED, "lines always go to standard error"),
    Without("use_json", Kind.RETIRED, "lines are JSON unless log.format says console"),
    Without("log_config*", Kind.RETIRED, "lines go to standard error, as JSON"),
    Without("log_date_format", Kind.RETIRED, "lines go to standard error, as JSON"),
    Without("logging_*", Kind.RETIRED, "lines go to standard error, as JSON"),
    Without("syslog_*", Kind.RETIRED, "lines go to standard error, as JSON"),
    Without("watch_log_file", Kind.RETIRED, "lines go to standard error, as JSON"),
    Without("default_log_levels", Kind.RETIRED, "of libraries, warnings are kept"),
    Without("fatal_deprecations", Kind.RETIRED, "there is nothing of the kind"),
    Without("publish_errors", Kind.RETIRED, "there is nothing of the kind"),
)


FILES = (
    ("policy.yaml", Kind.FIRST, RULES),
    ("policy.json", Kind.FIRST, RULES),
    ("schema-image.json", Kind.MISSING, "definitions of your own are not in the schema of images (IMG-30)"),
)
"""Files that the reference finds by itself, beside its configuration."""


def explain_files(folder: Path, outcome: Outcome) -> None:
    """Say of files that lie beside the configuration why nobody reads them."""
    for name, kind, why in FILES:
        if (folder / name).exists():
            outcome.note(kind, name, why)


def explain(conf: Conf, outcome: Outcome) -> None:
    """Say of every option that nobody took why it has no setting; those that change nothing are passed over."""
    for option in list(conf.left()):
        known = next((each for each in OPTIONS if fnmatchcase(str(option), each.pattern.replace("[", "[[]", 1))), None)
        if known is None:
            outcome.note(Kind.UNKNOWN, option, "nothing was done with it")
        elif (conf.text(option.name, option.group) or "").lower() not in known.harmless:
            outcome.note(known.kind, f"[{option.group}]" if known.pattern.endswith("] *") else option, known.why)
