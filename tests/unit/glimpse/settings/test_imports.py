"""Settings of imports that contradict each other stop the start, in words that say what to change."""

import pytest

from glimpse import settings
from glimpse.errors import Invalid


def loaded(tmp_path, text):
    path = tmp_path / "glimpse.toml"
    path.write_text(f"[import]\n{text}")
    return settings.load(path).import_


@pytest.mark.rule("OP-35", "OP-37")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("plugins = ['conversion']", "convert_to has to say to which format"),
        ("plugins = ['conversion', 'decompression']\nconvert_to = 'raw'", "decompression before conversion"),
        ("plugins = ['conversion', 'inject_metadata', 'decompression']\nconvert_to = 'raw'", "before conversion"),
        ("plugins = ['decompression', 'decompression']", "twice"),
        ("plugins = ['scan']", "import.plugins.0"),
        ("inject = {a = 'b'}", "unless plugins names inject_metadata"),
        ("plugins = ['inject_metadata']\ninject = {os_glance_x = 'b'}", "os_glance_x is no property"),
        ("plugins = ['inject_metadata']\ninject = {status = 'active'}", "status is no property"),
    ],
)
def test_plugins_that_can_not_do_their_work_are_refused(tmp_path, monkeypatch, text, words):
    monkeypatch.delenv("GLIMPSE_CONFIG", raising=False)
    with pytest.raises(Invalid, match=words):
        loaded(tmp_path, text)


def test_conversion_is_last_where_only_its_format_is_set(tmp_path, monkeypatch):
    monkeypatch.delenv("GLIMPSE_CONFIG", raising=False)
    rules = loaded(tmp_path, "plugins = ['decompression']\nconvert_to = 'raw'")
    assert rules.plugin_order == ("decompression", "conversion")
    rules = loaded(tmp_path, "plugins = ['inject_metadata', 'decompression', 'conversion']\nconvert_to = 'raw'")
    assert rules.plugin_order == rules.plugins
