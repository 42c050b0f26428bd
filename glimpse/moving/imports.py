"""Imports: methods, plugins, and where web-download may go."""

from ipaddress import ip_address

from glimpse.moving.conf import Conf, Option
from glimpse.moving.options import number
from glimpse.moving.outcome import Kind, Outcome
from schemas.images import is_reserved
from schemas.vocabulary import ImportMethod

DONE_HERE = (ImportMethod.GLANCE_DIRECT, ImportMethod.WEB_DOWNLOAD, ImportMethod.COPY_IMAGE)
FILTER = "import_filtering_opts"
PLUGINS = Option("image_import_opts", "image_import_plugins")
CONVERSION = "image_conversion"
INJECTION = "inject_metadata_properties"
OURS = {
    "image_decompression": "decompression",
    "image_conversion": "conversion",
    "inject_image_metadata": "inject_metadata",
}
VMDK_TYPES = ("streamOptimized", "monolithicSparse")
PRIVATE = (
    "what resolves to a private, loopback or link-local address is refused, on every redirect too, "
    "unless import.allowed_networks has it"
)


def convert(conf: Conf, outcome: Outcome) -> None:
    """Take over how bytes arrive by themselves."""
    methods = _methods(conf, outcome)
    _plugins(conf, outcome)
    _filter(conf, outcome)
    if ImportMethod.WEB_DOWNLOAD in methods:
        outcome.note(Kind.OTHERWISE, ImportMethod.WEB_DOWNLOAD, PRIVATE)


def _methods(conf: Conf, outcome: Outcome) -> list[str]:
    methods = conf.words("enabled_import_methods")
    if methods is None:
        return list(DONE_HERE)
    outcome.put("import.methods", [each for each in methods if each in DONE_HERE], "enabled_import_methods")
    for method in methods:
        if method == ImportMethod.GLANCE_DOWNLOAD:
            outcome.note(
                Kind.FIRST,
                f"enabled_import_methods: {method}",
                "was left out: it needs import.sealing_key, which `glimpse config seal` makes, and "
                "import.glance_regions for regions at private addresses",
            )
        elif method not in DONE_HERE:
            outcome.note(Kind.MISSING, f"enabled_import_methods: {method}", "is no method here, and not offered")
    return methods


def _plugins(conf: Conf, outcome: Outcome) -> None:
    """The reference's plugins have settings here, in its order; no others are done (OP-35)."""
    plugins = conf.words(PLUGINS.name, PLUGINS.group) or []
    target = conf.text("output_format", CONVERSION)
    types = conf.words("vmdk_allowed_types", "image_format")
    if types is not None:
        outcome.put(
            "import.vmdk_types", [each for each in types if each in VMDK_TYPES], "[image_format] vmdk_allowed_types"
        )
        for each in types:
            if each not in VMDK_TYPES:
                outcome.note(Kind.OTHERWISE, f"vmdk_allowed_types: {each}", "is more than one file, and never taken")
    for plugin in plugins:
        match plugin:
            case "image_conversion":
                if outcome.put("import.convert_to", target or "raw", f"{PLUGINS}: {plugin}"):
                    outcome.note(
                        Kind.OTHERWISE,
                        f"{PLUGINS}: {plugin}",
                        "the digest of what was sent is kept beside that of what is stored; importers need qemu-img",
                    )
            case "inject_image_metadata" | "no_op":
                pass
            case "image_decompression":
                outcome.note(
                    Kind.OTHERWISE,
                    f"{PLUGINS}: {plugin}",
                    "gzip, bzip2, xz, zstd and lz4 are expanded; zip and lha are kept as they come, or refused",
                )
            case _:
                outcome.note(
                    Kind.FIRST, f"{PLUGINS}: {plugin}", "there are no plugins of one's own; its work is not done"
                )
    converts = "convert_to" in outcome.tree.get("import", {})
    ours = [OURS[plugin] for plugin in dict.fromkeys(plugins) if plugin in OURS]
    if not converts and "conversion" in ours:
        ours.remove("conversion")
    if ours:
        outcome.put("import.plugins", ours, PLUGINS)
    if "inject_metadata" in ours:
        _injected(conf, outcome)


def _injected(conf: Conf, outcome: Outcome) -> None:
    pairs = [pair.partition(":") for pair in conf.words("inject", INJECTION) or []]
    given = {name.strip(" \"'"): value.strip(" \"'") for name, _colon, value in pairs}
    outcome.put(
        "import.inject",
        {name: value for name, value in given.items() if not is_reserved(name)},
        Option(INJECTION, "inject"),
    )
    for name in filter(is_reserved, given):
        outcome.note(Kind.OTHERWISE, f"inject: {name}", "belongs to the service, and is given to no image")
    roles = conf.words("ignore_user_roles", INJECTION)
    if roles is not None:
        outcome.put("import.inject_not_for_roles", list(roles), Option(INJECTION, "ignore_user_roles"))


def _filter(conf: Conf, outcome: Outcome) -> None:
    for kind in ("schemes", "hosts", "ports"):
        allowed = conf.words(f"allowed_{kind}", FILTER)
        disallowed = conf.words(f"disallowed_{kind}", FILTER)
        if allowed is not None:
            outcome.put(f"import.allowed_{kind}", _read(kind, allowed), Option(FILTER, f"allowed_{kind}"))
        if disallowed and (allowed or (allowed is None and kind != "hosts")):
            outcome.note_option(
                Kind.RETIRED,
                f"disallowed_{kind}",
                f"allowed_{kind} is not empty, so this list is not looked at",
                FILTER,
            )
        elif disallowed:
            outcome.put(f"import.disallowed_{kind}", _read(kind, disallowed), Option(FILTER, f"disallowed_{kind}"))
    _private(conf, outcome)


def _private(conf: Conf, outcome: Outcome) -> None:
    """Who allows an address by name means it, private or not."""
    hosts = [host.strip("[]") for host in conf.words("allowed_hosts", FILTER) or []]
    networks = []
    for host in hosts:
        try:
            address = ip_address(host)
        except ValueError:
            continue
        if not address.is_global:
            networks.append(f"{address}/{address.max_prefixlen}")
    if networks:
        outcome.put("import.allowed_networks", networks, f"{Option(FILTER, 'allowed_hosts')}, which are private")


def _read(kind: str, values: list[str]) -> list[object]:
    return [number(value) for value in values] if kind == "ports" else list(values)
