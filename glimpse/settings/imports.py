"""Settings in [import]: how bytes arrive by themselves."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from yarl import URL

from glimpse import sealed
from glimpse.errors import Invalid
from glimpse.image import ImageRow
from glimpse.settings.section import AbsolutePath, Section
from schemas.images import NEVER_CREATED, is_reserved
from schemas.vocabulary import ImportMethod

Plugin = Literal["decompression", "conversion", "inject_metadata"]


class Import(Section):
    """How bytes arrive by themselves."""

    methods: tuple[ImportMethod, ...] = Field(
        (ImportMethod.GLANCE_DIRECT, ImportMethod.WEB_DOWNLOAD, ImportMethod.COPY_IMAGE),
        description="Import methods that are on (IMG-13).",
    )
    convert_to: Literal["raw", "qcow2", "vmdk"] | None = Field(
        None, description="Images that are imported become this disk format; unset leaves them as they came."
    )
    plugins: tuple[Plugin, ...] = Field(
        (),
        description="What is done to images that are imported, in this order (OP-35); conversion is last where "
        "only convert_to asks for it.",
    )
    inject: dict[str, str] = Field(
        default_factory=dict, description="Properties that inject_metadata gives to imported images (OP-37)."
    )
    inject_not_for_roles: tuple[str, ...] = Field(
        ("admin",), description="Whoever has one of these roles gets none of them (OP-37)."
    )
    vmdk_types: tuple[Literal["streamOptimized", "monolithicSparse"], ...] = Field(
        ("streamOptimized", "monolithicSparse"), description="Kinds of vmdk that are converted; empty is none (OP-145)."
    )
    allowed_schemes: tuple[Literal["http", "https"], ...] = Field(
        ("http", "https"), description="Schemes of web-download; empty is all of these two (IMG-27)."
    )
    disallowed_schemes: tuple[str, ...] = Field((), description="Or those it may not use, with none allowed (OP-31).")
    allowed_hosts: tuple[str, ...] = Field((), description="Hosts of web-download; empty is all (IMG-27).")
    disallowed_hosts: tuple[str, ...] = Field((), description="Or those it may not ask, with none allowed (OP-31).")
    allowed_ports: tuple[int, ...] = Field(
        (80, 443), description="Ports of web-download when the URI has one; empty is all (IMG-27)."
    )
    disallowed_ports: tuple[int, ...] = Field((), description="Or those it may not use, with none allowed (OP-31).")
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        (), description="Networks that web-download may reach though they are private, loopback or link-local."
    )
    disallowed_networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        (), description="Networks that web-download may not reach, public or allowed as they may be."
    )
    proxy: SecretStr | None = Field(
        None,
        description="http://host:port of a proxy that web-downloads go through. It connects in our place, so it has to "
        "refuse private addresses itself; proxies in the environment do not count.",
    )
    min_bytes_per_second: int = Field(
        1000, ge=0, description="A web-download that is slower for slow_seconds is given up; 0 is never."
    )
    slow_seconds: float = Field(60, gt=0, description="Over how much waiting for a source its speed is judged.")
    max_redirects: int = Field(5, ge=0, description="Redirects that a web-download follows.")
    connect_timeout_seconds: float = Field(10, gt=0, description="How long a web-download waits for a connection.")
    read_timeout_seconds: float = Field(60, gt=0, description="How long a web-download waits for the next bytes.")
    keep_staged_hours: float = Field(
        24,
        ge=0,
        description="Hours that staged bytes stay after an import of them failed for good; 0 is not at all (IMG-721).",
    )
    glance_regions: dict[str, str] = Field(
        default_factory=dict,
        description="Image services of other regions, for glance-download: addresses by region, wherever they are. "
        "What a caller's catalogue says comes first, and may go only where web-download may.",
    )
    glance_properties: tuple[str, ...] = Field(
        ("hw_", "trait:", "os_distro", "os_secure_boot", "os_type"),
        description="What the names of properties begin with that glance-download takes over (IMG-500).",
    )
    sealing_key: SecretStr | None = Field(
        None,
        description="With it importers read what callers entrust to a task, such as the token of a glance-download; "
        "`glimpse config seal` makes one.",
    )
    sealing_public_key: str | None = Field(
        None, description="With it APIs seal that; unset, it is made of sealing_key, which APIs then need to have."
    )
    rehash_missing: bool = Field(
        True, description="Hash images in the background that have bytes and no multihash (OP-54)."
    )
    rehash_bytes_per_second: int = Field(
        64 * 1024**2, ge=0, description="How much one importer reads at most to hash again; 0 is no limit."
    )
    scratch_dir: AbsolutePath | None = Field(
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

    @model_validator(mode="after")
    def _is_heard_of_before_it_is_given_up(self) -> Self:
        if self.heartbeat_seconds * 2 > self.lease_seconds:
            raise ValueError(
                "heartbeat_seconds must be at most half of lease_seconds: else living workers lose their tasks"
            )
        return self

    @field_validator("allowed_hosts", "disallowed_hosts")
    @classmethod
    def _as_uris_have_them(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_host(host) for host in hosts)

    @field_validator("allowed_networks", mode="before")
    @classmethod
    def _networks(cls, given: Any) -> Any:
        return [_network(each) for each in given] if isinstance(given, list | tuple) else given

    @model_validator(mode="after")
    def _one_list_of_each_kind(self) -> Self:
        for kind in ("schemes", "hosts", "ports"):
            if getattr(self, f"allowed_{kind}") and getattr(self, f"disallowed_{kind}"):
                raise ValueError(
                    f"disallowed_{kind} would mean nothing beside allowed_{kind}: leave one of them empty (OP-31)"
                )
        return self

    @model_validator(mode="after")
    def _plugins_can_do_their_work(self) -> Self:
        plugins = self.plugins
        if len(set(plugins)) < len(plugins):
            raise ValueError("plugins names one of them twice")
        if "conversion" in plugins and self.convert_to is None:
            raise ValueError("plugins has conversion, so convert_to has to say to which format")
        if [each for each in plugins if each != "inject_metadata"] == ["conversion", "decompression"]:
            raise ValueError("plugins has to name decompression before conversion (OP-35)")
        if self.inject and "inject_metadata" not in plugins:
            raise ValueError("inject means nothing unless plugins names inject_metadata")
        return self

    @field_validator("proxy")
    @classmethod
    def _is_a_proxy(cls, proxy: SecretStr | None) -> SecretStr | None:
        url = URL(proxy.get_secret_value()) if proxy is not None else None
        if url is not None and (url.scheme != "http" or not url.host or url.path not in ("", "/")):
            raise ValueError("a proxy is written as http://host:port")
        return proxy

    @field_validator("sealing_key", "sealing_public_key")
    @classmethod
    def _are_keys(cls, key: SecretStr | str | None) -> SecretStr | str | None:
        if key is not None:
            try:
                sealed.read_key(key.get_secret_value() if isinstance(key, SecretStr) else key)
            except Invalid as error:
                raise ValueError(error.message) from None
        return key

    @model_validator(mode="after")
    def _tokens_can_be_sealed(self) -> Self:
        if ImportMethod.GLANCE_DOWNLOAD in self.methods and self.public_key is None:
            raise ValueError(
                "methods has glance-download, so callers' tokens have to be kept: set sealing_key, "
                "which `glimpse config seal` makes"
            )
        return self

    @property
    def public_key(self) -> str | None:
        """The key that seals; None where nothing can be sealed."""
        if self.sealing_public_key is not None or self.sealing_key is None:
            return self.sealing_public_key
        return sealed.public_key_of(self.sealing_key.get_secret_value())

    @field_validator("inject")
    @classmethod
    def _are_properties_of_users(cls, inject: dict[str, str]) -> dict[str, str]:
        for name in inject:
            if is_reserved(name) or name in NEVER_CREATED or name in ImageRow.__dataclass_fields__:
                raise ValueError(f"{name} is no property that somebody gives to an image (OP-37)")
        return inject

    @property
    def plugin_order(self) -> tuple[Plugin, ...]:
        """What is done, in order."""
        implied = self.convert_to is not None and "conversion" not in self.plugins
        return (*self.plugins, "conversion") if implied else self.plugins


def _host(text: str) -> str:
    """Write a host as it is compared: names in small letters, addresses in their shortest form."""
    try:
        host = (URL.build(scheme="http", host=text.strip("[]")).raw_host or "").rstrip(".")
    except ValueError:
        host = ""
    if not host:
        raise ValueError(f"{text!r} is no host: write a name or an address, without a port")
    return host


def _network(given: Any) -> IPv4Network | IPv6Network:
    """Read a network here: the library tries both kinds, and names both of its tries when neither fits."""
    try:
        if isinstance(given, str | IPv4Network | IPv6Network):  # a number would be an address
            return ip_network(given)
    except ValueError:
        pass
    raise ValueError(f"{given!r} is no network: write it as 10.0.0.0/8, with nothing behind the network's own bits")
