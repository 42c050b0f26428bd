"""Leases: who may do what only one may do, for how long, and under which epoch.

The database's clock judges them. A lease that ended still belongs to its holder until another takes it, with the next
epoch; from then on whatever the old holder tries in a transaction that begins with `hold` is refused.
"""

import os
import secrets
import socket
import time
from dataclasses import dataclass
from datetime import timedelta

import structlog

from glimpse.database.pool import Database, Reader, Transaction
from glimpse.errors import Fenced, Unavailable

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Lease:
    """What a holder writes under."""

    name: str
    owner: str
    epoch: int


async def is_taken(reader: Reader, name: str) -> bool:
    """Say whether somebody holds a lease now."""
    taken: bool = await reader.fetchval(
        """
        SELECT EXISTS (SELECT FROM leases WHERE name = $1 AND until >= clock_timestamp())
        """,
        name,
    )
    return taken


async def take(tx: Transaction, name: str, owner: str, live: timedelta) -> Lease | None:
    """Take a lease that nobody holds, or whose holder was not heard of in time; None when another has it."""
    epoch = await tx.fetchval(
        """
        INSERT INTO leases (name, owner, epoch, until)
        VALUES ($1, $2, 1, clock_timestamp() + $3::interval)
            ON CONFLICT (name) DO UPDATE
               SET owner = excluded.owner, epoch = leases.epoch + 1, until = excluded.until
             WHERE leases.until < clock_timestamp()
     RETURNING epoch
        """,
        name,
        owner,
        live,
    )
    return None if epoch is None else Lease(name, owner, epoch)


async def renew(tx: Transaction, lease: Lease, live: timedelta) -> None:
    """Say that its holder lives. Raises Fenced."""
    touched = await tx.execute(
        """
        UPDATE leases
           SET until = clock_timestamp() + $4::interval
         WHERE name = $1 AND owner = $2 AND epoch = $3
        """,
        lease.name,
        lease.owner,
        lease.epoch,
        live,
    )
    if not touched:
        raise _fenced(lease)


async def hold(tx: Transaction, lease: Lease, patience: timedelta) -> None:
    """Keep a lease ours until the transaction ends. Raises Fenced.

    Nobody can take it meanwhile; so a holder that stops in the middle, neither dead nor alive, would keep it for ever.
    The server ends a transaction that says nothing for longer than `patience`.
    """
    held = await tx.fetchval(
        """
        SELECT set_config('idle_in_transaction_session_timeout', $4, true)
          FROM leases
         WHERE name = $1 AND owner = $2 AND epoch = $3
           FOR SHARE
        """,
        lease.name,
        lease.owner,
        lease.epoch,
        str(max(1, round(patience.total_seconds() * 1000))),
    )
    if held is None:
        raise _fenced(lease)


async def end(tx: Transaction, lease: Lease) -> None:
    """Let anybody take a lease now; the row stays, so that epochs go on rising."""
    await tx.execute(
        """
        UPDATE leases
           SET until = '-infinity'
         WHERE name = $1 AND owner = $2 AND epoch = $3
        """,
        lease.name,
        lease.owner,
        lease.epoch,
    )


class Holder:
    """Somebody who would hold a lease whenever nobody else does."""

    def __init__(self, database: Database, name: str, live: timedelta, renew_after: timedelta | None = None) -> None:
        self._database = database
        self._name = name
        self._live = live
        self._renew_after = renew_after or live / 3
        self._owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(6)}"
        self._lease: Lease | None = None
        self._looked = float("-inf")
        self._sure_until = float("-inf")

    @property
    def has_lease(self) -> bool:
        """Whether the lease is ours, as far as we know."""
        return self._lease is not None

    def is_sure_for(self, wait: timedelta) -> bool:
        """Say whether nobody else can take the lease from us for so long."""
        return self._lease is not None and time.monotonic() + wait.total_seconds() < self._sure_until

    async def lease(self) -> Lease | None:
        """Return the lease, taken or renewed as needed; None while it is another's."""
        if self._lease is None:
            await self._try_to_take()
        elif self._looked_longer_ago_than(self._renew_after):
            await self._renew(self._lease)
        return self._lease

    def lost(self, lease: Lease) -> None:
        """Believe that a lease is another's now."""
        log.warning("lease lost", lease=lease.name, epoch=lease.epoch)
        self._lease = None

    async def give_back(self) -> None:
        """Let another hold the lease at once; when the database is away, it ends by itself."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        try:
            async with self._database.transaction() as tx:
                await end(tx, lease)
            log.info("lease given back", lease=lease.name, epoch=lease.epoch)
        except Unavailable as error:
            log.warning("lease not given back", lease=lease.name, reason=error.message)

    async def _try_to_take(self) -> None:
        if not self._looked_longer_ago_than(min(self._live / 8, timedelta(seconds=1))):
            return
        self._looked = time.monotonic()
        async with self._database.reading() as reader:
            if await is_taken(reader, self._name):  # to try would write, and wait for what its holder is at
                return
        asked = time.monotonic()
        async with self._database.transaction() as tx:
            lease = await take(tx, self._name, self._owner, self._live)
        if lease is not None:
            log.info("lease taken", lease=lease.name, epoch=lease.epoch)
            self._lease = lease
            self._sure_until = asked + self._live.total_seconds()

    async def _renew(self, lease: Lease) -> None:
        asked = time.monotonic()
        try:
            async with self._database.transaction() as tx:
                await renew(tx, lease, self._live)
            self._looked = time.monotonic()
            self._sure_until = asked + self._live.total_seconds()
        except Fenced:
            self.lost(lease)

    def _looked_longer_ago_than(self, wait: timedelta) -> bool:
        return time.monotonic() - self._looked >= wait.total_seconds()


def _fenced(lease: Lease) -> Fenced:
    return Fenced(f"the lease {lease.name} is not ours any more (epoch {lease.epoch})")
