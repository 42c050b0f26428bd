"""Before bytes flow: the certificate of an image that is signed, so that a wrong one is refused at once (OP-101)."""

import json
from dataclasses import replace

from glimpse import sealed, signatures
from glimpse.errors import Invalid
from services.importer import judge
from services.importer.failures import SIGNATURE_INVALID, ImportFailure
from services.importer.ports import Ports
from services.importer.work import Job, Task


async def trust(ports: Ports, job: Job) -> Job:
    """Find what the bytes are to be verified with; a copy of bytes that were verified when they came needs none."""
    if judge.is_known(ports, job):
        return job
    try:
        signature = await signatures.find(job.image.properties, ports.settings.signatures, token_of(ports, job.task))
    except Invalid as error:
        raise ImportFailure(SIGNATURE_INVALID, error.message) from None
    return replace(job, signature=signature)


def token_of(ports: Ports, task: Task) -> str | None:
    """Return the caller's token; None where none was kept, or it can not be read here."""
    key, closed = ports.settings.import_.sealing_key, (task.caller or {}).get("sealed")
    if key is None or closed is None:
        return None
    token: str | None = json.loads(sealed.opened(key.get_secret_value(), task.id, closed)).get("token")
    return token


def verify(job: Job, digests: dict[str, str]) -> None:
    """Hold the bytes as they came against the signature (OP-103). Raises ImportFailure."""
    if job.signature is not None:
        try:
            job.signature.verify(digests)
        except Invalid as error:
            raise ImportFailure(SIGNATURE_INVALID, error.message) from None
