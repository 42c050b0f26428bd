"""`glimpse api | importer | scrubber`: one service in this process."""

from glimpse import telemetry
from glimpse.commands import settled


def api(config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Answer requests."""
    with settled.refusals_in_one_line():
        settings = settled.load_of_service(config, overrides)
        telemetry.configure(settings.log, "api")
        from services.api import main

        main.serve(settings)


def importer(config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Bring bytes in: imports, conversions, copies."""
    with settled.refusals_in_one_line():
        settings = settled.load_of_service(config, overrides)
        telemetry.configure(settings.log, "importer")
        from services.importer import main

        main.serve(settings)


def scrubber(config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Let images go, and give them back."""
    with settled.refusals_in_one_line():
        settings = settled.load_of_service(config, overrides)
        telemetry.configure(settings.log, "scrubber")
        from services.scrubber import main

        main.serve(settings)
