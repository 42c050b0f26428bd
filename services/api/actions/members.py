"""Share an image with projects, and let them answer (section 21 of the contract).

A change of a member locks the image first: facts about one image keep their order, and a quota can not be overrun. The
image itself stays as it is, and so does its version.
"""

from glimpse.database.pool import Transaction
from glimpse.errors import Conflict, Forbidden, Invalid, NotFound
from schemas.events import MemberCreated, MemberDeleted, MemberUpdated
from schemas.vocabulary import MemberStatus, Visibility
from services.api import limits, view
from services.api.actions import seeing
from services.api.caller import Caller
from services.api.policy.policy import Seen
from services.api.ports import Ports
from services.api.queries import members
from services.api.queries.members import Member


async def share(ports: Ports, caller: Caller, image_id: str, project: str) -> Member:
    """Make a project a member (IMG-522, IMG-528)."""
    async with ports.database.transaction(caller.actor) as tx:
        await _lock(tx, ports, caller, image_id, "add_member")
        limits.check_members(await members.count(tx, image_id) + 1, ports.settings.images)
        member = await members.insert(tx, image_id, project)
        if member is None:
            raise Conflict(f"project {project} is a member of image {image_id} already")
        await tx.emit(MemberCreated(subject=image_id, member=view.member(member)))
    return member


async def list_members(ports: Ports, caller: Caller, image_id: str) -> list[Member]:
    """Look at the members that a caller may know of: all of them, or only itself (IMG-527)."""
    async with ports.database.reading() as reader:
        seen = await seeing.find(reader, caller, image_id)
        _require_shared(seen)
        _permit(ports, seen, "get_members")
        if not ports.policy.allows(caller, "get_member", seen):  # asked of every entry (AC-10)
            return []
        return await members.list_of_image(reader, image_id, None if _knows_all(seen) else caller.project or "")


async def show(ports: Ports, caller: Caller, image_id: str, project: str) -> Member:
    """Look at one member; whoever may not is told that there is none (IMG-532, IMG-533)."""
    async with ports.database.reading() as reader:
        seen = await seeing.find(reader, caller, image_id)
        if seen.image.visibility is not Visibility.SHARED or not ports.policy.allows(caller, "get_member", seen):
            raise NotFound("The resource could not be found.")
        ports.policy.require("get_image", seen)
        found = await members.find(reader, image_id, project)
    return _known(seen, project, found)


async def answer(ports: Ports, caller: Caller, image_id: str, project: str, status: object) -> Member:
    """Let a project accept or reject an image, or think again (IMG-520); the owner can not in its place (IMG-534)."""
    async with ports.database.transaction(caller.actor) as tx:
        seen = await _lock(tx, ports, caller, image_id, "get_member")
        before = _known(seen, project, await members.find(tx, image_id, project))
        ports.policy.require_plainly(caller, "modify_member", seen)
        if status not in list(MemberStatus):
            raise Invalid(f"the status of a member is {', '.join(MemberStatus)}, not {status!r}")
        member = await members.update(tx, image_id, project, MemberStatus(str(status)))
        previous = {"status": before.status} if before.status is not member.status else {}
        await tx.emit(MemberUpdated(subject=image_id, member=view.member(member), previous=previous))
    return member


async def unshare(ports: Ports, caller: Caller, image_id: str, project: str) -> None:
    """Take a project from the members (IMG-526); it can not take itself (IMG-530)."""
    async with ports.database.transaction(caller.actor) as tx:
        await _lock(tx, ports, caller, image_id, "delete_member")
        member = await members.delete(tx, image_id, project)
        if member is None:
            raise NotFound(f"project {project} is no member of image {image_id}")
        await tx.emit(MemberDeleted(subject=image_id, member=view.member(member)))


async def _lock(tx: Transaction, ports: Ports, caller: Caller, image_id: str, rule: str) -> Seen:
    seen = await seeing.lock(tx, caller, image_id)
    _require_shared(seen)
    _permit(ports, seen, rule)
    return seen


def _require_shared(seen: Seen) -> None:
    """Raise Forbidden for an image without members: before any rule is asked (IMG-521, IMG-532, AC-13)."""
    if seen.image.visibility is not Visibility.SHARED:
        raise Forbidden("Only shared images have members.")


def _permit(ports: Ports, seen: Seen, rule: str) -> None:
    """Raise NotFound where the caller may not see the image, Forbidden where it may not do this (AC-12)."""
    ports.policy.require("get_image", seen)
    ports.policy.require_plainly(seen.caller, rule, seen)


def _known(seen: Seen, project: str, found: Member | None) -> Member:
    """Return a member that a caller may know of. Raises NotFound, for those of others too (IMG-533, IMG-536)."""
    if found is None or not (_knows_all(seen) or project == seen.caller.project):
        raise NotFound(f"project {project} is no member of image {seen.image.id}")
    return found


def _knows_all(seen: Seen) -> bool:
    return seen.caller.is_admin or seen.image.owner == seen.caller.project
