"""Every setting, one by one."""

from glimpse import settings
from glimpse.settings.leaves import differing, leaves

DISKS = {"stores": {"disks": {"paths": [{"path": "/a"}]}}}


def test_every_setting_is_named_as_the_command_line_names_it() -> None:
    names = {leaf.name for leaf in leaves(settings.validated(DISKS))}
    assert {"default_store", "api.port", "import.attempts", "stores.disks.paths", "log.level"} <= names


def test_only_the_database_is_a_secret() -> None:
    assert [leaf.name for leaf in leaves(settings.Settings()) if leaf.is_secret] == ["postgres.dsn"]


def test_what_differs_is_named() -> None:
    old = settings.validated({**DISKS, "postgres": {"dsn": "a"}})
    new = settings.validated(
        {"stores": {"tapes": {"paths": [{"path": "/a"}]}}, "postgres": {"dsn": "b"}, "api": {"port": 1}}
    )
    names = differing(old, new)
    assert names[:2] == ["postgres.dsn", "api.port"]
    assert {"stores.disks.paths", "stores.tapes.paths"} <= set(names)
    assert differing(old, old) == []
