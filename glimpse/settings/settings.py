"""All settings together, and what must hold between them."""

from typing import Self

from pydantic import AliasChoices, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from glimpse.settings.api import Api
from glimpse.settings.auth import Auth
from glimpse.settings.bus import Bus
from glimpse.settings.cors import Cors
from glimpse.settings.images import Images
from glimpse.settings.imports import Import
from glimpse.settings.limits import Limits
from glimpse.settings.log import Log
from glimpse.settings.policy import Policy
from glimpse.settings.postgres import Postgres
from glimpse.settings.scrubber import Scrubber
from glimpse.settings.signatures import Signatures
from glimpse.settings.stores import Staging, Store

PREFIX = "glimpse_"
"""What names in the environment begin with."""


class Settings(BaseSettings):
    """All of them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, populate_by_name=True
    )

    postgres: Postgres = Postgres()
    api: Api = Api()
    images: Images = Images()
    limits: Limits = Limits()
    signatures: Signatures = Signatures()
    stores: dict[str, Store] = Field(default_factory=dict, description="The stores, by name.")
    default_store: str | None = Field(
        None, description="The store that is filled when nobody names one; required with several."
    )
    staging: Staging = Staging()
    import_: Import = Field(default_factory=Import, validation_alias=AliasChoices("import", f"{PREFIX}import"))
    scrubber: Scrubber = Scrubber()
    bus: Bus = Bus()
    auth: Auth = Auth()
    policy: Policy = Policy()
    cors: Cors = Cors()
    log: Log = Log()

    @model_validator(mode="after")
    def _default_store_is_one_of_them(self) -> Self:
        if self.default_store is not None and self.default_store not in self.stores:
            raise ValueError(
                f"default_store is {self.default_store!r}, which is none of the stores ({', '.join(self.stores)})"
            )
        only_read = [name for name, store in self.stores.items() if store.type == "http"]
        if self.stores and (len(only_read) == len(self.stores) or self.default_store in only_read):
            raise ValueError("the default store is an http store, and those are only read: choose one that keeps bytes")
        if len(only_read) > 1:
            raise ValueError("there can be one http store: of two, nobody could say which one a URL is of (OP-57)")
        if len(self.stores) > 1 and self.default_store is None:
            raise ValueError("default_store must name one of the stores when there are several")
        return self

    @model_validator(mode="after")
    def _limits_can_be_asked_for(self) -> Self:
        is_asked = self.limits.enabled and self.limits.source == "keystone"
        if is_asked and (missing := self.auth.missing_for_keystone()):
            raise ValueError(f"limits.source is keystone, which needs, in [auth], {missing}")
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
