"""What somebody said: in a TOML file, in the environment, on the command line; later ones win, setting by setting."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError

from glimpse.errors import Invalid
from glimpse.settings import wording
from glimpse.settings.section import Section
from glimpse.settings.settings import PREFIX, Settings


def load(
    config: Path | None = None, overrides: Mapping[str, Any] | None = None, otherwise: Path | None = None
) -> Settings:
    """Build the settings: `overrides` (nested, as in the file) beat the environment, which beats the file.

    `config` defaults to what GLIMPSE_CONFIG names, and that to `otherwise`, when it can be read. Raises Invalid with
    one line that names the setting.
    """
    return validated(stated(config, overrides, otherwise))


@dataclass(frozen=True)
class Layers:
    """What was said, nested as in a settings file and not yet judged."""

    file: Path | None
    in_file: Mapping[str, Any]
    in_environment: Mapping[str, Any]
    on_command_line: Mapping[str, Any]

    def tree(self) -> dict[str, Any]:
        """Return all of it, later layers over earlier ones."""
        return merged(merged(self.in_file, self.in_environment), self.on_command_line)

    def origin(self, path: Sequence[str]) -> str:
        """Say where the value of a setting comes from."""
        if _is_said(self.on_command_line, path):
            return "--set"
        if _is_said(self.in_environment, path):
            return "environment"
        return "file" if _is_said(self.in_file, path) else "default"


def stated(
    config: Path | None = None, overrides: Mapping[str, Any] | None = None, otherwise: Path | None = None
) -> dict[str, Any]:
    """Return what somebody said, nested as in a settings file and not yet judged: see `load`. Raises Invalid."""
    return layers(config, overrides, otherwise).tree()


def layers(
    config: Path | None = None, overrides: Mapping[str, Any] | None = None, otherwise: Path | None = None
) -> Layers:
    """Return what somebody said, and where: see `load`. Raises Invalid."""
    named = config or (Path(os.environ["GLIMPSE_CONFIG"]) if os.environ.get("GLIMPSE_CONFIG") else None)
    if named is None and otherwise is not None and os.access(otherwise, os.R_OK):
        named = otherwise
    try:
        in_file = tomllib.loads(named.read_text()) if named else {}
        in_environment = {
            name.removeprefix(PREFIX).rstrip("_"): value for name, value in _GlimpseEnvironment(Settings)().items()
        }
    except OSError as error:
        raise Invalid(f"can not read the settings: {error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{named} is not TOML: {error}") from None
    except SettingsError as error:
        raise Invalid(f"wrong setting in the environment: {error}") from None
    return Layers(named, in_file, in_environment, overrides or {})


def validated(tree: Mapping[str, Any]) -> Settings:
    """Judge what was stated. Raises Invalid with one line that names the setting."""
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise Invalid("wrong setting: " + "; ".join(wording.one_line(problem) for problem in error.errors())) from None


def problems(tree: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with what was stated, one line for each setting."""
    try:
        Settings.model_validate(tree)
    except ValidationError as error:
        return [wording.one_line(problem) for problem in error.errors()]
    return []


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return `below` with everything that `above` says laid over it, table by table."""
    result = dict(below)
    for name, value in above.items():
        under = result.get(name)
        result[name] = merged(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return result


TABLES = frozenset(name.rstrip("_") for name in Settings.model_fields)


class _GlimpseEnvironment(EnvSettingsSource):
    """The environment, with our prefix only, and `..._FILE` read from the file it names."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        """Raises SettingsError for a section that there is none of: nobody else would notice it."""
        found = {name: value for name, value in super()._load_env_vars().items() if name.startswith(PREFIX)}
        for name, value in list(found.items()):
            section, inside, field = name.removeprefix(PREFIX).partition("__")
            if inside and section not in TABLES:
                raise SettingsError(f"{name.upper()}: there is no section {section}")
            if field.endswith("_file") and value and field.removesuffix("_file") in _fields_of(section):
                found[name.removesuffix("_file")] = _inside(name.upper(), Path(value))
                del found[name]
        return found


def _inside(variable: str, file: Path) -> str:
    try:
        return file.read_text().strip()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{variable} names {file}, which is not UTF-8: {error.reason}") from None


def _is_said(layer: Mapping[str, Any], path: Sequence[str]) -> bool:
    inner: Any = layer
    for name in path:
        if not isinstance(inner, Mapping) or name not in inner:
            return False
        inner = inner[name]
    return True


def _fields_of(section: str) -> Mapping[str, Any]:
    field = Settings.model_fields.get("import_" if section == "import" else section)
    kind = field.annotation if field else None
    return kind.model_fields if isinstance(kind, type) and issubclass(kind, Section) else {}
