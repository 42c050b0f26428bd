"""How often something died right at its start, and how long to wait before it is started again."""

from dataclasses import dataclass

QUICK_SECONDS = 2
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 30.0


@dataclass
class Deaths:
    """Of one program; those that served for a while do not count."""

    quick: int = 0

    def another(self, served_seconds: float) -> float:
        """Count a death and return the pause before the next start; it doubles while they come quickly."""
        self.quick = self.quick + 1 if served_seconds < QUICK_SECONDS else 0
        doublings = max(self.quick - 1, 0)
        return min(FIRST_PAUSE_SECONDS * 2.0 ** min(doublings, 20), LONGEST_PAUSE_SECONDS)
