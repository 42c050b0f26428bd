"""Whether bytes may become an image."""

from glimpse.formats import inspect
from glimpse.formats.inspect import RAW
from glimpse.stores.measure import Measured
from schemas.vocabulary import ImportMethod
from services.importer.failures import FORMAT_MISMATCH, ImportFailure
from services.importer.ports import Ports
from services.importer.work import Job


def must_match(ports: Ports) -> bool:
    """Say whether bytes of another format than declared are refused: always, where conversion is on."""
    return ports.settings.images.require_format_match or ports.settings.import_.convert_to is not None


def judge(ports: Ports, job: Job, measured: Measured) -> int | None:
    """Return the virtual size (IMG-180). Raises WrongFormat, and ImportFailure where only conversion minds."""
    finding, declared = measured.finding, job.disk_format
    assert finding is not None, "bytes are judged after they were inspected"
    container = job.image.container_format or ""
    if container == "bare" and ports.settings.import_.convert_to and declared == RAW and finding.format != RAW:
        raise ImportFailure(FORMAT_MISMATCH, f"disk_format says raw, but the bytes are {finding.format}")
    return inspect.verdict(declared, container, finding, require_match=must_match(ports))


def is_known(ports: Ports, job: Job) -> bool:
    """Say whether the bytes were judged and verified when they came: a copy's were, but not those at other people's."""
    if job.task.method is not ImportMethod.COPY_IMAGE:
        return False
    catalog = ports.catalog
    return not any(catalog.get(name).read_only for name in job.image.stores if name in catalog.names)
