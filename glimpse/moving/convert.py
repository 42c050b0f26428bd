"""The whole translation, part by part; what no part took is explained at the end."""

from pathlib import Path

from glimpse.moving import database, identity, imports, options, stores, without
from glimpse.moving.conf import Conf
from glimpse.moving.outcome import Outcome


def converted(api: Path, paste: Path | None = None) -> Outcome:
    """Translate glance-api.conf, with the file of its pipelines where it is given. Raises Invalid: see `Conf.read`."""
    conf = Conf.read(api)
    pipelines = Conf.read(paste) if paste else None
    outcome = Outcome()
    options.convert(conf, outcome)
    imports.convert(conf, outcome)
    stores.convert(conf, outcome)
    identity.convert(conf, pipelines, outcome)
    options.convert_quota(conf, outcome)
    database.convert(conf, outcome)
    without.explain(conf, outcome)
    without.explain_files(api.parent, outcome)
    return outcome
