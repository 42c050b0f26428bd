"""What converts images, and what keeps it from the rest of the machine."""

import contextlib
from collections.abc import AsyncIterator

from glimpse.doctor.finding import Finding, failed, ok, warning
from glimpse.errors import Unavailable
from glimpse.settings import Settings
from services.importer import qemu, sandbox

INSTALL = "install it; Debian has it in the package qemu-utils"
CONFINE = "run on a kernel with Landlock (5.13 or newer), or install bubblewrap and allow user namespaces"


async def look(settings: Settings) -> AsyncIterator[Finding]:
    """Say whether images can be converted here, and behind which wall; nobody needs it where nothing is converted."""
    target = settings.import_.convert_to
    needed = failed if target else warning
    meaning = f"images are to become {target}" if target else "import.convert_to is not set, so nothing needs it yet"
    try:
        version = await qemu.available()
    except Unavailable as error:
        yield needed("qemu-img", f"{error.message}; {meaning}", INSTALL)
        return
    if version is None:
        yield needed("qemu-img", f"not installed; {meaning}", INSTALL) if target else ok("qemu-img", meaning)
        return
    yield ok("qemu-img", version)
    holding = [wall for wall in sandbox.CONFINED if await _holds(wall)]
    if holding:
        yield ok("sandbox", ", ".join(holding))
    elif settings.import_.allow_unconfined:
        yield warning("sandbox", "nothing confines qemu-img, and import.allow_unconfined lets it run so", CONFINE)
    else:
        yield needed("sandbox", f"nothing confines qemu-img, so it is not run; {meaning}", CONFINE)


async def _holds(wall: sandbox.Wall) -> bool:
    with contextlib.suppress(Unavailable):
        return await qemu.available((wall,)) is not None
    return False
