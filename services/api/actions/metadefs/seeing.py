"""Find a namespace as its caller sees it; what is hidden from the caller is not there (MD-20)."""

from glimpse.database.pool import Reader, Transaction
from glimpse.errors import Forbidden, NotFound
from services.api.caller import Caller
from services.api.policy import metadefs as rules
from services.api.ports import Ports
from services.api.queries.metadefs import namespaces
from services.api.queries.metadefs.namespaces import Namespace


async def find(reader: Reader, caller: Caller, name: str) -> Namespace:
    """Read a namespace. Raises NotFound where there is none for this caller."""
    return visible(caller, name, await namespaces.find(reader, name))


async def lock(tx: Transaction, caller: Caller, name: str) -> Namespace:
    """Read a namespace and hold it, and so all that is in it, until the transaction ends. Raises NotFound."""
    return visible(caller, name, (await namespaces.lock(tx, name)).get(name))


def visible(caller: Caller, name: str, found: Namespace | None) -> Namespace:
    """Return a namespace that storage shows to a caller, before any rule is asked (MD-20). Raises NotFound."""
    if found is None or not sees(caller, found):
        raise NotFound(f"Namespace {name} not found")
    return found


def sees(caller: Caller, namespace: Namespace) -> bool:
    """Say whether storage shows a namespace to a caller."""
    return (
        caller.is_admin
        or namespace.visibility == "public"
        or (caller.project is not None and namespace.owner == caller.project)
    )


def require(ports: Ports, caller: Caller, rule: str, namespace: Namespace) -> None:
    """Raise NotFound or Forbidden unless the caller may do this to a namespace, or to what is in it (MD-22)."""
    rules.require(ports.policy, caller, rule, target(namespace))


def allows(ports: Ports, caller: Caller, rule: str, namespace: Namespace) -> bool:
    """Say whether the caller may do this to a namespace, or to what is in it."""
    return ports.policy.allows(caller, rule, target(namespace))


def target(namespace: Namespace) -> rules.Target:
    """Return what rules can ask of a namespace (AC-3)."""
    return {"project_id": namespace.owner, "visibility": namespace.visibility or "private"}


def refuse_protected(namespace: Namespace, kind: str, name: str) -> None:
    """Raise Forbidden where nothing may be deleted, by nobody (MD-25)."""
    if namespace.protected:
        raise Forbidden(f"Metadata definition {kind} {name} is protected and cannot be deleted.")
