"""`glimpse api | importer | scrubber`: one service in this process."""

from glimpse import process, telemetry
from glimpse.commands import settled


def api(config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Answer requests."""
    process.hold_hangups()
    with settled.refusals_in_one_line():
        in_force = settled.in_force(config, overrides)
        telemetry.configure(in_force.settings.log, "api")
        from services.api import main

        main.serve(in_force)


def importer(config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Bring bytes in: imports, conversions, copies."""
    process.hold_hangups()
    with settled.refusals_in_one_line():
        in_force = settled.in_force(config, overrides)
        telemetry.configure(in_force.settings.log, "importer")
        from services.importer import main

        main.serve(in_force)


def scrubber(config: settled.Config = None, overrides: settled.Overrides = None) -> None:
    """Let images go, and give them back."""
    process.hold_hangups()
    with settled.refusals_in_one_line():
        in_force = settled.in_force(config, overrides)
        telemetry.configure(in_force.settings.log, "scrubber")
        from services.scrubber import main

        main.serve(in_force)
