"""Stores: one nameless one, or several with names; each in a folder of its own beside the files that are there."""

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from glimpse.moving.conf import Conf, Option
from glimpse.moving.options import number
from glimpse.moving.outcome import Kind, Outcome

GROUP = "glance_store"
BACKENDS = Option("DEFAULT", "enabled_backends")
NAMELESS = "default"
"""What the one store of a deployment without names is called in the settings; clients never see it."""

FOLDER = "glimpse"
"""Where our files are, in each directory of the reference: a file there has the name that we would give a folder."""

OURS = "/var/lib/glimpse"
"""Where a store is that nobody gave a directory."""

FILE = frozenset({"file", "filesystem"})
HTTP = frozenset({"http", "https"})
GUARDED = {
    "https_ca_certificates_file": "certificates are checked against those that the machine trusts",
    "https_insecure": "certificates are always checked",
    "http_proxy_information": "no proxy is used: it would connect in our place, past the guard on addresses",
}
"""What an http store is not told."""
STAGING = "os_glance_staging_store"
TASKS = "os_glance_tasks_store"
FALLBACK = "backend_defaults"
UNUSED = {
    "filesystem_store_file_perm": "files belong to whoever runs the services, with the permissions of their umask",
    "filesystem_store_chunk_size": "bytes are read and written as they come",
    "filesystem_store_thin_provisioning": "zeros are written",
    "filesystem_thin_provisioning": "zeros are written",
    "filesystem_store_metadata_file": "locations carry no metadata",
    "filesystem_store_timeout": "a slow disk holds up nobody else, so there is nothing to time",
    "filesystem_store_thread_pool_size": "a slow disk holds up nobody else",
    "filesystem_store_threadpool_threshold": "a slow disk holds up nobody else",
}


class _Folders:
    """Gives each store folders that no other has."""

    def __init__(self) -> None:
        self._taken: set[PurePath] = set()

    def within(self, directory: str, store: str) -> str:
        mine = PurePath(directory) / FOLDER
        if mine in self._taken:
            mine = PurePath(directory) / f"{FOLDER}-{store}"
        self._taken.add(mine)
        return str(mine)


def convert(conf: Conf, outcome: Outcome) -> None:
    """Take over where bytes are kept, and where they wait."""
    folders = _Folders()
    backends = conf.words(BACKENDS.name)
    if backends:
        _named(conf, backends, folders, outcome)
    else:
        _nameless(conf, folders, outcome)
    _staging(conf, bool(backends), folders, outcome)
    if "stores" in outcome.tree:
        outcome.note(
            Kind.OTHERWISE,
            "directories of stores",
            f"Glimpse keeps its files in a folder {FOLDER} in each of them; those of the reference are not touched",
        )
    else:
        outcome.note(Kind.FIRST, "stores", "none is left: add one, [stores.NAME] with its paths, or nothing starts")


def _nameless(conf: Conf, folders: _Folders, outcome: Outcome) -> None:
    """The form that answers as a deployment of one store without a name (IMG-8)."""
    outcome.put("api.multi_store", False, "enabled_backends, which is not set")
    kind = conf.text("default_store", GROUP) or "file"
    if kind in FILE:
        store = _file_store(conf, NAMELESS, [GROUP], folders, outcome)
        outcome.put_all({"stores": {NAMELESS: store}}, {("stores", NAMELESS): f"[{GROUP}]"}, f"[{GROUP}]")
    else:
        _unsupported(conf, Option(GROUP, "default_store"), kind, GROUP, outcome)
    for other in conf.words("stores", GROUP) or []:
        if other not in FILE | {kind}:
            outcome.note(Kind.MISSING, f"[{GROUP}] stores: {other}", "images that lie there can not be read")


def _named(conf: Conf, backends: list[str], folders: _Folders, outcome: Outcome) -> None:
    stores: dict[str, Any] = {}
    for backend in backends:
        name, _colon, kind = (part.strip() for part in backend.partition(":"))
        stated = f"{BACKENDS}: {name}"
        if name.startswith("os_glance_"):
            outcome.note(Kind.FIRST, stated, "names that begin with os_glance_ are reserved (OP-55)")
        elif kind in FILE:
            stores[name] = _file_store(conf, name, [name, FALLBACK], folders, outcome)
        elif kind in HTTP and not any(store.get("type") == "http" for store in stores.values()):
            stores[name] = _http_store(conf, name, outcome)
        else:
            _unsupported(conf, stated, kind, name, outcome)
    option = Option(GROUP, "default_backend")
    default, origin = conf.text(option.name, GROUP), str(option)
    keeping = [name for name, store in stores.items() if "paths" in store]
    if not keeping:
        return
    if default not in keeping:
        first = keeping[0]
        outcome.note(
            Kind.FIRST, option, f"{default or 'none'} is no store here: images go to {first} when nobody says where"
        )
        default, origin = first, f"the first of {BACKENDS}"
    origins: dict[tuple[str, ...], str] = {("stores", name): f"[{name}]" for name in stores}
    origins[("default_store",)] = origin
    outcome.put_all({"stores": stores, "default_store": default}, origins, BACKENDS)


def _file_store(conf: Conf, name: str, groups: list[str], folders: _Folders, outcome: Outcome) -> dict[str, Any]:
    """Return a store; the last group says what the first does not."""
    paths = list(_paths(conf, name, groups, folders, outcome))
    if not paths:
        paths = [{"path": f"{OURS}/{name}"}]
        outcome.note_option(
            Kind.FIRST,
            "filesystem_store_datadir",
            f"is not set, and what it is then depends on the installation: the store {name} is in {OURS}/{name}",
            groups[0],
        )
    store: dict[str, Any] = {"paths": paths}
    if description := conf.text("store_description", groups[0]):
        store["description"] = description
    weight = conf.text("weight", groups[0])
    if weight is not None:
        if isinstance(number(weight), int):
            store["weight"] = number(weight)
        else:
            outcome.note_option(Kind.FIRST, "weight", f"{weight} is no number: the store {name} weighs 0", groups[0])
    for group in groups:
        for unused, why in UNUSED.items():
            if conf.text(unused, group) is not None:
                outcome.note_option(Kind.RETIRED, unused, why, group)
    return store


def _http_store(conf: Conf, name: str, outcome: Outcome) -> dict[str, Any]:
    """Return the store of other people's servers, which is only read."""
    for option, why in GUARDED.items():
        for group in (name, FALLBACK):
            if conf.text(option, group) is not None:
                outcome.note_option(Kind.OTHERWISE, option, why, group)
    outcome.note(
        Kind.OTHERWISE,
        f"{BACKENDS}: {name}",
        "locations are fetched by the rules of web-download (import.allowed_*): public addresses and usual ports",
    )
    store: dict[str, Any] = {"type": "http"}
    if description := conf.text("store_description", name):
        store["description"] = description
    weight = number(conf.text("weight", name) or "0")
    return store | ({"weight": weight} if isinstance(weight, int) and weight else {})


def _paths(
    conf: Conf, name: str, groups: list[str], folders: _Folders, outcome: Outcome
) -> Iterator[dict[str, object]]:
    """Yield the directories of a store: several with priorities, or the one."""
    for group in groups:
        several = [value for value in conf.all("filesystem_store_datadirs", group) if value]
        single = conf.text("filesystem_store_datadir", group)
        if several and single:
            outcome.note_option(
                Kind.FIRST,
                "filesystem_store_datadir",
                "and filesystem_store_datadirs are both set: the latter is used",
                group,
            )
        if not several and not single:
            continue
        for each in several or [single or ""]:
            path, colon, priority = each.rpartition(":") if several else ("", "", "")
            known = bool(colon) and priority.strip().isdecimal()
            yield {
                "path": folders.within(path if known else each, name),
                **({"priority": int(priority)} if known and int(priority) else {}),
            }
        return


def _staging(conf: Conf, is_named: bool, folders: _Folders, outcome: Outcome) -> None:
    """Staged bytes wait, and conversions work, on the disk that was made large enough for both."""
    directory, option = conf.text("filesystem_store_datadir", STAGING), Option(STAGING, "filesystem_store_datadir")
    uri = conf.text("node_staging_uri")
    if uri and is_named:
        outcome.note_option(Kind.RETIRED, "node_staging_uri", f"stores have names, so [{STAGING}] says where")
    elif uri:
        directory, option = urlsplit(uri).path or None, Option("DEFAULT", "node_staging_uri")
    if directory is not None:
        outcome.put("staging.paths", [{"path": folders.within(directory, "staging")}], option)
        if "convert_to" in outcome.tree.get("import", {}):
            outcome.put("import.scratch_dir", f"{PurePath(directory)}/{FOLDER}-scratch", option)
    else:
        outcome.note(
            Kind.OTHERWISE, "staging", "bytes are staged in staging.paths, by default /var/lib/glimpse/staging"
        )
    outcome.note(
        Kind.OTHERWISE,
        "staging",
        "is one place for all: every API and every importer must reach it; nothing is passed on from node to node",
    )
    for name, group in (
        ("worker_self_reference_url", "DEFAULT"),
        ("filesystem_store_datadir", TASKS),
        ("work_dir", "task"),
    ):
        if conf.text(name, group) is not None:
            outcome.note_option(Kind.RETIRED, name, "nothing here needs it", group)


def _unsupported(conf: Conf, option: object, kind: str, group: str, outcome: Outcome) -> None:
    """Leave a store out, and say so once, not once for each of its options."""
    is_needed = kind != "http"  # it only ever served locations
    outcome.note(
        Kind.FIRST if is_needed else Kind.MISSING,
        option,
        f"stores of the kind {kind or 'unknown'} are not supported: it was left out",
    )
    for name in conf.groups.get(group, {}):
        if group != GROUP or name.startswith(f"{kind}_"):
            conf.ask(name, group)
