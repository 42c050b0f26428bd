"""What the API needs from outside."""

from dataclasses import dataclass, field

from glimpse.database.pool import Database
from glimpse.settings import Settings
from glimpse.stores.catalog import Catalog
from schemas.images import ImageFields
from services.api.identity.identity import Identity
from services.api.in_flight import InFlight
from services.api.policy.policy import Policy
from services.api.policy.protections import Protections
from services.api.probes import Probes


@dataclass(frozen=True)
class Ports:
    """Built once in `main`; tests build it of the same parts."""

    database: Database
    catalog: Catalog
    settings: Settings
    policy: Policy
    protections: Protections
    fields: ImageFields
    identity: Identity
    """Knows who asks."""
    in_flight: InFlight
    """What this process is storing right now."""
    probes: Probes = field(default_factory=Probes)
    """Whether the database and the stores answer."""
