"""The port to whatever carries news to a group of readers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from glimpse.bus.envelope import Envelope
from glimpse.database.pool import Transaction


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to one group."""

    partition: int
    envelope: Envelope


class Transport(Protocol):
    """News for one group. Each partition is one stream in the order of positions, and one reader's at a time.

    What is heard is believed only in the transaction of its effect, where `hold` is asked and the group's mark moves:
    so a transport may deliver twice, but must not lose, and must not deliver a later event of a partition first.
    """

    async def read(self) -> Sequence[Delivery]:
        """Return the next events, or none: there are none yet, or others of the group have them.

        What was returned and not acknowledged is returned again, from the first of it in each partition.
        """
        ...

    async def hold(self, tx: Transaction) -> None:
        """Let nobody else of the group have what was read until the transaction ends. Raises Fenced."""
        ...

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Say that these, the last ones of their partitions, and all before them are behind the group's marks."""
        ...

    async def bury(self, tx: Transaction, delivery: Delivery, reason: str) -> None:
        """Put an event where people look for what the group could not handle; it is there when `tx` commits."""
        ...

    async def close(self) -> None:
        """Let others of the group read on at once."""
        ...
