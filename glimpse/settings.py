"""Every setting, in sections: a TOML file, then the environment (`GLIMPSE_<SECTION>__<NAME>`), then the command line.

A value may also be read from a file: `GLIMPSE_POSTGRES__DSN_FILE=/run/secrets/dsn`. Settings are built once, in `main`;
sections are handed down and nothing else reads the environment.
"""

import hashlib
import os
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from glimpse.errors import Invalid
from schemas.vocabulary import CONTAINER_FORMATS, DISK_FORMATS, ImportMethod

PREFIX = "glimpse_"
UNITS = {"": 1, "B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
MAX_HASH_HEX = 128  # what os_hash_value can carry (IMG-168)


class Section(BaseModel):
    """A group of settings; a name it does not know is an error, so that a typo is noticed at start."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Postgres(Section):
    """Where facts are kept."""

    dsn: SecretStr = Field(SecretStr("postgresql:///glimpse"), description="Where the database is, as libpq writes it.")
    pool_size: int = Field(10, ge=1, description="Connections that one process keeps at most.")
    connect_timeout_seconds: float = Field(10, gt=0, description="How long a connection may take to open.")


class Api(Section):
    """The process that answers requests."""

    host: str = Field("127.0.0.1", description="The address it listens on.")
    port: int = Field(9292, ge=0, le=65535, description="The port it listens on; 0 takes a free one.")
    workers: int = Field(0, ge=0, description="Processes that share the port; 0 is one for each core.")
    public_endpoint: str | None = Field(None, description="Base of the links in version documents (IMG-9).")
    max_request_id_length: int = Field(
        64, ge=0, description="Longer request ids are refused with 431 (IMG-103); 0 is no limit."
    )
    limit_param_default: int = Field(25, ge=1, description="Images on a page when nobody says how many (IMG-20).")
    api_limit_max: int = Field(1000, ge=1, description="Images on a page at most (IMG-20).")
    max_json_bytes: int = Field(8 * 2**20, ge=2**20, description="The largest JSON body that is read (IMG-94).")
    drain_seconds: float = Field(30, ge=0, description="How long transfers may go on after SIGTERM.")
    access_log: bool = Field(True, description="One line for each request.")
    multi_store: bool = Field(
        True,
        description="Speak of stores by name; off answers as a deployment with one nameless store (IMG-8, IMG-10).",
    )


class Images(Section):
    """What an image may be, and what is shown of it."""

    size_cap_bytes: int = Field(1024**4, ge=1, le=2**63 - 1, description="The largest image (IMG-16).")
    member_quota: int = Field(128, description="Members of one image; negative is no limit (IMG-18).")
    property_quota: int = Field(128, description="Custom properties of one image; negative is no limit (IMG-18).")
    tag_quota: int = Field(128, description="Tags of one image; negative is no limit (IMG-18).")
    location_quota: int = Field(10, description="Copies of one image; negative is no limit (IMG-18).")
    user_storage_quota: str = Field(
        "0",
        pattern=r"^\d+(B|KB|MB|GB|TB)?$",
        description="Bytes of one project, such as 500GB; 0 is no limit (IMG-17).",
    )
    disk_formats: tuple[str, ...] = Field(DISK_FORMATS, description="Disk formats that are taken (IMG-21).")
    container_formats: tuple[str, ...] = Field(
        CONTAINER_FORMATS, description="Container formats that are taken (IMG-22)."
    )
    hashing_algorithm: str = Field("sha512", description="What os_hash_value is made with (IMG-23).")
    require_format_match: bool = Field(True, description="Refuse bytes that are not of the declared format (IMG-24).")

    @property
    def user_storage_bytes(self) -> int:
        """The storage quota of a project in bytes; 0 is no limit."""
        number = self.user_storage_quota.rstrip("BKMGT")
        return int(number) * UNITS[self.user_storage_quota[len(number) :]]

    @field_validator("hashing_algorithm")
    @classmethod
    def _fits_os_hash_value(cls, name: str) -> str:
        try:
            size = hashlib.new(name).digest_size
        except ValueError:
            raise ValueError(f"hashlib does not know {name!r}; sha512 and sha256 are usual") from None
        if not 0 < size * 2 <= MAX_HASH_HEX:
            raise ValueError(f"{name} has no digest of at most {MAX_HASH_HEX // 2} bytes; sha512 and sha256 are usual")
        return name


class DataDirectory(Section):
    """One directory of a file store."""

    path: Path = Field(description="An absolute path.")
    priority: int = Field(0, description="The highest is filled first; equal ones by free space.")


class Store(Section):
    """A place where bytes are kept."""

    type: Literal["file"] = Field("file", description="What kind of place it is.")
    paths: tuple[DataDirectory, ...] = Field(min_length=1, description="Directories of a file store.")
    description: str | None = Field(None, description="Shown to users by /v2/info/stores.")
    weight: int = Field(0, description="Copies in the store with the largest weight are read first.")


class Staging(Section):
    """Where staged bytes wait for their import; it must be reachable by every API and every importer."""

    type: Literal["file"] = Field("file", description="What kind of place it is.")
    paths: tuple[DataDirectory, ...] = Field(
        (DataDirectory(path=Path("/var/lib/glimpse/staging"), priority=0),),
        min_length=1,
        description="Its directories.",
    )
    keep_days: float = Field(0, ge=0, description="Days a staged image waits for its import; 0 is for ever.")


class Import(Section):
    """How bytes arrive by themselves."""

    methods: tuple[ImportMethod, ...] = Field(
        (ImportMethod.GLANCE_DIRECT, ImportMethod.WEB_DOWNLOAD, ImportMethod.COPY_IMAGE),
        description="Import methods that are on (IMG-13).",
    )
    convert_to: Literal["raw", "qcow2", "vmdk"] | None = Field(
        None, description="Images that are imported become this disk format; unset leaves them as they came."
    )
    allowed_schemes: tuple[str, ...] = Field(("http", "https"), description="Schemes of web-download (IMG-27).")
    allowed_ports: tuple[int, ...] = Field(
        (80, 443), description="Ports of web-download when the URI has one (IMG-27)."
    )
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        (), description="Networks that web-download may reach though they are private, loopback or link-local."
    )
    max_redirects: int = Field(5, ge=0, description="Redirects that a web-download follows.")
    connect_timeout_seconds: float = Field(10, gt=0, description="How long a web-download waits for a connection.")
    read_timeout_seconds: float = Field(60, gt=0, description="How long a web-download waits for the next bytes.")
    keep_staged_hours: float = Field(
        24,
        ge=0,
        description="Hours that staged bytes stay after an import of them failed for good; 0 is not at all (IMG-721).",
    )
    scratch_dir: Path | None = Field(
        None, description="Where conversions work; unset is below the system's temporary folder."
    )
    scratch_bytes: int = Field(
        1024**4, ge=1, description="What all conversions of one importer may take there at once."
    )
    parallel_tasks: int = Field(2, ge=1, description="Tasks that one importer works on at once.")
    attempts: int = Field(3, ge=1, description="How often a task is tried before it fails for good.")
    retry_seconds: float = Field(5, ge=0, description="Wait before the second try; it doubles with each further one.")
    lease_seconds: float = Field(60, gt=0, description="How long a task belongs to a worker that is not heard of.")
    heartbeat_seconds: float = Field(15, gt=0, description="How often a worker says that it is at work.")
    poll_seconds: float = Field(2, gt=0, description="How often an idle worker looks for due tasks.")
    deadline_hours: float = Field(24, gt=0, description="How long one try of a task may take.")
    task_time_to_live_hours: float = Field(48, gt=0, description="How long finished tasks are shown (IMG-28).")
    convert_memory_bytes: int = Field(2 * 1024**3, ge=2**20, description="Address space of one qemu-img.")
    convert_cpu_seconds: int = Field(3600, ge=1, description="CPU time of one conversion.")
    allow_unconfined: bool = Field(False, description="Convert even where the machine offers no sandbox. Do not.")


class Scrubber(Section):
    """How images go."""

    delayed_delete: bool = Field(False, description="Deleted images can be restored for a while (IMG-26).")
    grace_seconds: float = Field(7 * 86400, ge=0, description="How long, with delayed_delete on.")
    sweep_seconds: float = Field(5, gt=0, description="How often it looks for what is due.")
    batch: int = Field(100, ge=1, description="Images that one look takes.")
    parallel_deletes: int = Field(8, ge=1, description="Bytes of how many copies are removed at once.")
    retry_seconds: float = Field(10, gt=0, description="Wait after a store failed to delete; it doubles each time.")
    retry_max_seconds: float = Field(3600, gt=0, description="The longest such wait.")
    claim_seconds: float = Field(300, gt=0, description="After this a purge whose worker died is taken again.")
    abandoned_seconds: float = Field(
        120, gt=0, description="A transfer nobody has been heard of for so long is given up."
    )
    orphan_hours: float = Field(24, ge=0, description="Bytes without a row are reported when they are this old.")
    delete_orphans: bool = Field(False, description="Delete such bytes instead of only reporting them.")


class Bus(Section):
    """How news travels."""

    deployment: str = Field(
        "local", pattern=r"^[A-Za-z0-9._~-]+$", description="Names this deployment in the source of each event."
    )
    lease_seconds: float = Field(8, gt=0, description="How long the leader or a reader is believed to live unheard.")
    busy_seconds: float = Field(0.02, gt=0, description="How often a loop looks while there is news.")
    idle_seconds: float = Field(0.25, gt=0, description="How often it looks while there is none.")
    batch: int = Field(500, ge=1, description="Events that one step takes.")
    keep_days: float = Field(14, gt=0, description="How long events can be replayed.")
    attempts: int = Field(8, ge=1, description="How often a reaction to an event is tried before it is put aside.")
    retry_seconds: float = Field(
        0.25, ge=0, description="Wait before the second try; it doubles with each further one."
    )
    dead_letter_limit: int = Field(
        100, ge=0, description="Events that a group of readers may put aside; it stops rather than lose more."
    )
    dead_letter_days: float = Field(30, gt=0, description="How long events that were put aside are kept.")


class Auth(Section):
    """Who is calling."""

    mode: Literal["none", "headers"] = Field(
        "none",
        description="`none`: everybody is the administrator (AC-43); `headers`: a proxy in front says who (AC-40).",
    )
    none_user: str | None = Field(None, description="The user id of everybody, in mode `none`.")
    none_project: str | None = Field(None, description="The project id of everybody, in mode `none`.")
    www_authenticate_uri: str = Field(
        "http://127.0.0.1:5000/v3", description="Where a 401 sends people to be identified (IMG-106)."
    )
    insecure: bool = Field(False, description="Let mode `none` listen beyond the loopback interface.")
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")), description="Whose identity headers are believed."
    )


class Log(Section):
    """What is written down."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least important line that is kept."
    )
    format: Literal["json", "console"] = Field("json", description="`json` for machines, `console` for people.")


class _GlimpseEnvironment(EnvSettingsSource):
    """The environment, with our prefix only, and `..._FILE` read from the file it names."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        found = {name: value for name, value in super()._load_env_vars().items() if name.startswith(PREFIX)}
        for name, value in list(found.items()):
            section, _, field = name.removeprefix(PREFIX).partition("__")
            if field.endswith("_file") and value and field.removesuffix("_file") in _fields_of(section):
                found[name.removesuffix("_file")] = Path(value).read_text().strip()
                del found[name]
        return found


class Settings(BaseSettings):
    """All of them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, populate_by_name=True
    )

    postgres: Postgres = Postgres()
    api: Api = Api()
    images: Images = Images()
    stores: dict[str, Store] = Field(default_factory=dict, description="The stores, by name.")
    default_store: str | None = Field(
        None, description="The store that is filled when nobody names one; required with several."
    )
    staging: Staging = Staging()
    import_: Import = Field(default_factory=Import, validation_alias=AliasChoices("import", f"{PREFIX}import"))
    scrubber: Scrubber = Scrubber()
    bus: Bus = Bus()
    auth: Auth = Auth()
    log: Log = Log()

    @model_validator(mode="after")
    def _default_store_is_one_of_them(self) -> Self:
        if self.default_store is not None and self.default_store not in self.stores:
            raise ValueError(
                f"default_store is {self.default_store!r}, which is none of the stores ({', '.join(self.stores)})"
            )
        if len(self.stores) > 1 and self.default_store is None:
            raise ValueError("default_store must name one of the stores when there are several")
        return self

    @property
    def main_store(self) -> str:
        """The name of the store that is filled when nobody names one."""
        return self.default_store or next(iter(self.stores))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)  # load() lays the sources over each other, table by table


def load(
    config: Path | None = None, overrides: Mapping[str, Any] | None = None, otherwise: Path | None = None
) -> Settings:
    """Build the settings: `overrides` (nested, as in the file) beat the environment, which beats the file.

    `config` defaults to what GLIMPSE_CONFIG names, and that to `otherwise`, when it can be read. Raises Invalid with
    one line that names the setting.
    """
    return validated(stated(config, overrides, otherwise))


def stated(
    config: Path | None = None, overrides: Mapping[str, Any] | None = None, otherwise: Path | None = None
) -> dict[str, Any]:
    """Return what somebody said, nested as in a settings file and not yet judged: see `load`. Raises Invalid."""
    named = config or (Path(os.environ["GLIMPSE_CONFIG"]) if os.environ.get("GLIMPSE_CONFIG") else None)
    if named is None and otherwise is not None and os.access(otherwise, os.R_OK):
        named = otherwise
    try:
        in_file = tomllib.loads(named.read_text()) if named else {}
        in_environment = {name.removeprefix(PREFIX): value for name, value in _GlimpseEnvironment(Settings)().items()}
    except OSError as error:
        raise Invalid(f"can not read the settings: {error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{named} is not TOML: {error}") from None
    except SettingsError as error:
        raise Invalid(f"wrong setting in the environment: {error}") from None
    return merged(merged(in_file, in_environment), overrides or {})


def validated(tree: Mapping[str, Any]) -> Settings:
    """Judge what was stated. Raises Invalid with one line that names the setting."""
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise Invalid("wrong setting: " + "; ".join(_one_line(problem) for problem in error.errors())) from None


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return `below` with everything that `above` says laid over it, table by table."""
    result = dict(below)
    for name, value in above.items():
        under = result.get(name)
        result[name] = merged(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return result


def seconds(value: float) -> timedelta:
    """Read a setting in seconds."""
    return timedelta(seconds=value)


def _one_line(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"]) or "settings"
    reason = (
        "there is no such setting"
        if problem["type"] == "extra_forbidden"
        else problem["msg"].removeprefix("Value error, ")
    )
    return f"{where}: {reason}"


def _fields_of(section: str) -> Mapping[str, Any]:
    field = Settings.model_fields.get("import_" if section == "import" else section)
    kind = field.annotation if field else None
    return kind.model_fields if isinstance(kind, type) and issubclass(kind, Section) else {}
