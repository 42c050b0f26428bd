"""Every setting, in sections: a TOML file, then the environment (`GLIMPSE_<SECTION>__<NAME>`), then the command line.

A value may also be read from a file: `GLIMPSE_POSTGRES__DSN_FILE=/run/secrets/dsn`. Settings are built once, in `main`;
sections are handed down and nothing else reads the environment. A section has a file of its name; `settings` puts them
together, `sources` finds what was said of them, `live` knows what may change while a process runs.
"""

from datetime import timedelta

from glimpse.settings.api import Api
from glimpse.settings.auth import Auth
from glimpse.settings.bus import Bus
from glimpse.settings.cors import Cors
from glimpse.settings.images import Images
from glimpse.settings.imports import Import
from glimpse.settings.limits import Limits, ProjectLimits
from glimpse.settings.log import Log
from glimpse.settings.policy import Policy
from glimpse.settings.postgres import Postgres
from glimpse.settings.scrubber import Scrubber
from glimpse.settings.section import Section
from glimpse.settings.settings import Settings
from glimpse.settings.signatures import Signatures
from glimpse.settings.sources import Layers, layers, load, merged, problems, stated, validated
from glimpse.settings.stores import DataDirectory, Staging, Store

__all__ = [
    "Api",
    "Auth",
    "Bus",
    "Cors",
    "DataDirectory",
    "Images",
    "Import",
    "Layers",
    "Limits",
    "Log",
    "Policy",
    "Postgres",
    "ProjectLimits",
    "Scrubber",
    "Section",
    "Settings",
    "Signatures",
    "Staging",
    "Store",
    "layers",
    "load",
    "merged",
    "problems",
    "seconds",
    "stated",
    "validated",
]


def seconds(value: float) -> timedelta:
    """Read a setting in seconds."""
    return timedelta(seconds=value)
