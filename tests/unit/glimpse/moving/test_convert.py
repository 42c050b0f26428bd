"""Configurations of the reference become settings that mean the same; `tests/fixtures/moving` has both, and the report.

To write one anew: `glimpse config convert NAME.conf [NAME.ini] -o NAME.toml 2> NAME.txt`, and read what changed.
"""

import tomllib
from pathlib import Path

import pytest

from glimpse import settings
from glimpse.errors import Invalid
from glimpse.moving import convert, written
from glimpse.moving.conf import Conf
from glimpse.moving.outcome import Kind, Outcome

GOLDEN = Path(__file__).parents[3] / "fixtures" / "moving"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.toml"))
SECRETS = ("secretmysql", "secretrabbit", "secretservice", "$ecret", "p%40ss", "0123456789abcdef")


def outcome_of(name: str) -> Outcome:
    pipelines = GOLDEN / f"{name}.ini"
    return convert.converted(GOLDEN / f"{name}.conf", pipelines if pipelines.exists() else None)


@pytest.fixture
def said(tmp_path: Path):
    """Translate a few lines; returns the settings, and the notes of each kind by what they are about."""

    def translate(text: str, paste: str | None = None) -> tuple[settings.Settings, Outcome]:
        (tmp_path / "api.conf").write_text(text)
        (tmp_path / "paste.ini").write_text(paste or "")
        outcome = convert.converted(tmp_path / "api.conf", tmp_path / "paste.ini" if paste else None)
        return settings.validated(tomllib.loads(written.as_toml(outcome, "api.conf"))), outcome

    return translate


def notes(outcome: Outcome, kind: Kind) -> dict[str, str]:
    return {note.about: note.text for note in outcome.notes if note.kind is kind}


def test_there_are_files_to_compare_with() -> None:
    assert {"single-store", "multi-store", "rocky", "minimal", "wrong-values"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_becomes_the_settings_that_are_written_down(name: str) -> None:
    outcome = outcome_of(name)
    assert written.as_toml(outcome, f"{name}.conf") == (GOLDEN / f"{name}.toml").read_text()
    assert written.as_report(outcome) == (GOLDEN / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_loads(name: str) -> None:
    loaded = settings.load(GOLDEN / f"{name}.toml")
    assert loaded.main_store in loaded.stores


@pytest.mark.rule("OP-113")
@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_either_taken_or_explained(name: str) -> None:
    outcome = outcome_of(name)
    unknown = set(notes(outcome, Kind.UNKNOWN))
    assert unknown <= {"graceful_shutdown_timeout", "state_dir", "images_dir", "notifier_strategy", "$nonsense", "loop"}


@pytest.mark.parametrize("name", NAMES)
def test_the_report_tells_no_secret(name: str) -> None:
    report = (GOLDEN / f"{name}.txt").read_text()
    assert not [secret for secret in SECRETS if secret in report]


def test_what_can_not_be_read_is_refused() -> None:
    with pytest.raises(Invalid, match=r"malformed\.conf: no option = value in line 3, 4"):
        outcome_of("malformed")


@pytest.mark.parametrize(
    ("option", "setting", "value"),
    [
        ("image_size_cap = 5", "images.size_cap_bytes", 5),  # IMG-16
        ("user_storage_quota = 5TB", "images.user_storage_quota", "5TB"),  # IMG-17
        ("image_tag_quota = -1", "images.tag_quota", -1),  # IMG-18
        ("limit_param_default = 7", "api.limit_param_default", 7),  # IMG-20
        ("hashing_algorithm = sha384", "images.hashing_algorithm", "sha384"),  # IMG-23
        ("max_request_id_length = 0", "api.max_request_id_length", 0),  # IMG-32
        ("public_endpoint = https://a.example/image", "api.public_endpoint", "https://a.example/image"),  # IMG-9
        ("workers = 0", "api.workers", 1),
        ("debug = yes", "log.level", "debug"),
        ("enabled_import_methods = []", "import.methods", ()),  # IMG-13
        ("[image_format]\ndisk_formats = raw", "images.disk_formats", ("raw",)),  # IMG-21
        ("[image_format]\nrequire_image_format_match = off", "images.require_format_match", False),  # IMG-24
        ("[image_format]\nvmdk_allowed_types =", "import.vmdk_types", ()),
        ("[task]\ntask_time_to_live = 1", "import.task_time_to_live_hours", 1),  # IMG-28
        ("[import_filtering_opts]\nallowed_ports = []", "import.allowed_ports", ()),  # IMG-27
        ("[import_filtering_opts]\ndisallowed_hosts = [a.example]", "import.disallowed_hosts", ("a.example",)),
    ],
)
def test_an_option_has_its_setting(option: str, setting: str, value: object, said) -> None:
    loaded, _outcome = said(f"[DEFAULT]\n{option}\n")
    section, name = setting.split(".")
    assert getattr(getattr(loaded, "import_" if section == "import" else section), name) == value


def test_one_store_without_a_name_stays_nameless(said) -> None:
    loaded, _outcome = said("[glance_store]\nfilesystem_store_datadir = /srv/images\n")
    assert not loaded.api.multi_store  # IMG-8, IMG-10
    assert [str(each.path) for each in loaded.stores[loaded.main_store].paths] == ["/srv/images/glimpse"]


def test_stores_on_one_directory_get_folders_of_their_own(said) -> None:  # OP-57
    text = "[DEFAULT]\nenabled_backends = a:file, b:file\n[glance_store]\ndefault_backend = b\n[backend_defaults]\n"
    loaded, _outcome = said(f"{text}filesystem_store_datadir = /srv/images\n")
    paths = [str(each.path) for store in loaded.stores.values() for each in store.paths]
    assert paths == ["/srv/images/glimpse", "/srv/images/glimpse-b"]
    assert (loaded.api.multi_store, loaded.default_store) == (True, "b")  # IMG-10, IMG-11


def test_where_no_store_can_be_kept_nothing_is_made_up(said) -> None:
    loaded, outcome = said("[glance_store]\ndefault_store = rbd\nrbd_store_pool = images\n")
    assert loaded.stores == {}
    assert "stores" in notes(outcome, Kind.FIRST)


@pytest.mark.rule("IMG-19")
def test_limits_of_the_identity_service_switch_the_other_quota_off(said) -> None:
    loaded, outcome = said("[DEFAULT]\nuse_keystone_limits = true\nuser_storage_quota = 5GB\n")
    assert loaded.images.user_storage_quota == "0"
    assert "use_keystone_limits" in notes(outcome, Kind.FIRST)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("delayed_delete = true\nscrub_time = 60", 60),
        ("delayed_delete = true", 0),  # its default there
        ("scrub_time = 60", 60),
        ("", settings.Scrubber().grace_seconds),
    ],
)
def test_deleted_images_wait_as_long_as_they_did(text: str, seconds: float, said) -> None:
    loaded, _outcome = said(f"[DEFAULT]\n{text}\n")
    assert loaded.scrubber.grace_seconds == seconds  # IMG-26


@pytest.mark.parametrize(
    ("flavor", "paste", "mode"),
    [
        ("", None, "none"),  # AC-43
        ("caching", None, "none"),
        ("keystone", None, "headers"),
        ("keystone+cachemanagement", None, "headers"),
        ("trusted-auth", None, "headers"),
        ("kerberos", None, "headers"),
        ("mine", "[pipeline:glance-api-mine]\npipeline = cors unauthenticated-context rootapp\n", "none"),
        ("mine", "[pipeline:glance-api-mine]\npipeline = cors authtoken context rootapp\n", "headers"),
        ("mine", "[pipeline:glance-api-mine]\npipeline = cors context rootapp\n", "headers"),
        ("mine", "[pipeline:glance-api-mine]\npipeline = kerberos rootapp\n", "headers"),
        ("", "[composite:glance-api]\n/: api\n[pipeline:api]\npipeline = authtoken context rootapp\n", "headers"),
        ("mine", "[pipeline:other]\npipeline = context rootapp\n", "headers"),
    ],
)
def test_nobody_is_let_in_who_was_not_let_in_before(flavor: str, paste: str | None, mode: str, said) -> None:
    loaded, outcome = said(f"[DEFAULT]\nbind_host = 0.0.0.0\n[paste_deploy]\nflavor = {flavor}\n", paste)
    assert loaded.auth.mode == mode
    assert loaded.api.host == ("127.0.0.1" if mode == "none" else "0.0.0.0")
    assert not loaded.auth.insecure
    assert [note for note in outcome.notes if note.about == "[paste_deploy] flavor"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("auth_url = http://id/identity\nusername = glance\npassword = p", {"keystone_url": "http://id/identity"}),
        ("auth_type = v3kerberos\nauth_url = http://id\nusername = glance\npassword = p", {"mode": "headers"}),
        ("auth_section = other\nauth_url = http://id\nusername = glance\npassword = p", {"mode": "headers"}),
        ("auth_url = http://id\nusername = glance", {"mode": "headers"}),
        (
            "auth_url = http://id\nauth_type = v3applicationcredential\napplication_credential_id = i\n"
            "application_credential_secret = s\ntoken_cache_time = -1\nservice_token_roles = service, nova",
            {"mode": "keystone", "keystone_cache_seconds": 0, "service_token_roles": ("service", "nova")},
        ),
    ],
)
def test_tokens_are_asked_about_where_they_were(text: str, told: dict[str, object], said) -> None:
    loaded, outcome = said(f"[paste_deploy]\nflavor = keystone\n[keystone_authtoken]\n{text}\n")
    expected = {"mode": "keystone"} | told
    assert {name: getattr(loaded.auth, name) for name in expected} == expected
    assert ("keystone_authtoken" in notes(outcome, Kind.FIRST)) is (loaded.auth.mode == "headers")


@pytest.mark.parametrize(
    ("connection", "dsn"),
    [
        ("postgresql://a:b@c:1/glance", "postgresql://a:b@c:1/glimpse"),
        ("postgresql+psycopg2:///glance?host=/run/pg&client_encoding=utf8", "postgresql:///glimpse?host=/run/pg"),
        ("postgres://[::1]/glance", "postgresql://[::1]/glimpse"),
        ("mysql+pymysql://a:b@c/glance", None),
        ("sqlite:////var/lib/glance.sqlite", None),
        ("nonsense", None),
        ("postgresql://[broken/glance", None),
    ],
)
def test_the_database_is_one_of_its_own_on_the_same_server(connection: str, dsn: str | None, said) -> None:
    loaded, outcome = said(f"[database]\nconnection = {connection}\n")
    assert loaded.postgres.dsn.get_secret_value() == (dsn or "postgresql:///glimpse")
    assert "[database] connection" in notes(outcome, Kind.FIRST)
    assert any("do not come along" in note.text for note in outcome.notes)


@pytest.mark.rule("IMG-19")
@pytest.mark.parametrize("is_asked", [True, False])
def test_limits_are_asked_for_where_they_were_if_it_is_known_how(is_asked: bool, said) -> None:
    token = "auth_url = http://id\nusername = glance\npassword = p" if is_asked else ""
    text = f"[DEFAULT]\nuse_keystone_limits = true\nuser_storage_quota = 5GB\n[keystone_authtoken]\n{token}\n"
    loaded, outcome = said(f"{text}[paste_deploy]\nflavor = keystone\n")
    assert (loaded.limits.enabled, loaded.images.user_storage_bytes) == (is_asked, 0)
    assert "use_keystone_limits" in notes(outcome, Kind.OTHERWISE if is_asked else Kind.FIRST)


def test_steps_of_a_pipeline_that_are_settings_here(said) -> None:
    pipeline = "[pipeline:glance-api-mine]\npipeline = cors gzip context rootapp\n"
    conf = "[paste_deploy]\nflavor = mine\n[oslo_middleware]\nenable_proxy_headers_parsing = true\n"
    loaded, outcome = said(conf, pipeline)
    assert (loaded.api.gzip, loaded.api.proxy_headers) == (True, True)
    assert "[oslo_middleware] enable_proxy_headers_parsing" in notes(outcome, Kind.OTHERWISE)


def test_a_private_address_that_was_allowed_by_name_stays_allowed(said) -> None:
    loaded, _outcome = said("[import_filtering_opts]\nallowed_hosts = [10.1.2.3, fd00::1, 93.184.216.34, a.example]\n")
    assert [str(network) for network in loaded.import_.allowed_networks] == ["10.1.2.3/32", "fd00::1/128"]


@pytest.mark.rule("OP-31")
@pytest.mark.parametrize("text", ["disallowed_ports = [80]", "allowed_hosts = [a]\ndisallowed_hosts = [b]"])
def test_a_list_that_was_not_looked_at_is_left_out(text: str, said) -> None:
    loaded, outcome = said(f"[import_filtering_opts]\n{text}\n")
    assert (loaded.import_.disallowed_hosts, loaded.import_.disallowed_ports) == ((), ())
    assert notes(outcome, Kind.RETIRED)


def test_conversion_works_where_there_is_room_for_it(said) -> None:
    plugins = (
        "[image_import_opts]\nimage_import_plugins = [image_conversion]\n[image_conversion]\noutput_format = qcow2\n"
    )
    loaded, _outcome = said(f"[DEFAULT]\nnode_staging_uri = file:///srv/staging\n{plugins}")
    assert loaded.import_.convert_to == "qcow2"
    assert str(loaded.import_.scratch_dir) == "/srv/staging/glimpse-scratch"
    assert [str(each.path) for each in loaded.staging.paths] == ["/srv/staging/glimpse"]


@pytest.mark.rule("AC-44", "OP-123")
@pytest.mark.parametrize(("value", "kinds"), [("true", set()), ("False", {Kind.FIRST})])
def test_only_a_retired_option_that_changed_something_is_urgent(value: str, kinds: set[Kind], said) -> None:
    _loaded, outcome = said(f"[DEFAULT]\nowner_is_tenant = {value}\n")
    assert {note.kind for note in outcome.notes if note.about == "owner_is_tenant"} == kinds


def test_rules_that_lie_beside_the_configuration_are_not_forgotten(said, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("{}")
    _loaded, outcome = said("[DEFAULT]\n")
    assert "policy.yaml" in notes(outcome, Kind.FIRST)


def test_where_stores_have_names_the_other_staging_is_not_looked_at(said) -> None:
    text = "enabled_backends = a:file\nnode_staging_uri = file:///srv/old\n[glance_store]\ndefault_backend = a\n"
    loaded, outcome = said(f"[DEFAULT]\n{text}[os_glance_staging_store]\nfilesystem_store_datadir = /srv/new\n")
    assert [str(each.path) for each in loaded.staging.paths] == ["/srv/new/glimpse"]
    loaded, outcome = said(f"[DEFAULT]\n{text}")
    assert [str(each.path) for each in loaded.staging.paths] == ["/var/lib/glimpse/staging"]
    assert "node_staging_uri" in notes(outcome, Kind.RETIRED)


def test_what_is_only_quoted_by_others_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("[DEFAULT]\nroot = /r\n[glance_store]\nfilesystem_store_datadir = $root/images\n")
    assert Conf.read(tmp_path / "a.conf").text("filesystem_store_datadir", "glance_store") == "/r/images"
