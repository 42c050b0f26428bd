"""What may change while a process runs."""

from glimpse import settings
from glimpse.settings import live
from glimpse.settings.leaves import differing, leaves


def test_only_settings_that_exist_may_change() -> None:
    assert {leaf.name for leaf in leaves(settings.Settings())} >= live.LIVE


def test_what_may_change_is_taken_and_nothing_else() -> None:
    old = settings.validated({"api": {"port": 1}, "images": {"tag_quota": 3}})
    new = settings.validated({"api": {"port": 2}, "images": {"hashing_algorithm": "sha256"}, "log": {"level": "debug"}})
    now = live.changed(old, live.values(new))
    assert set(differing(old, now)) == {"images.hashing_algorithm", "log.level"}
    assert (now.images.hashing_algorithm, now.log.level) == ("sha256", "debug")
