"""Where the importer is put together: settings, then ports, then loops; the only place that constructs things."""

from glimpse.settings import Settings


def serve(settings: Settings) -> None:
    """Run the importer until it is asked to stop."""
    raise NotImplementedError(settings)
