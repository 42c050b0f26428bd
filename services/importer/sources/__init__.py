"""Where bytes come from, one file for each method."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from schemas.vocabulary import ImportMethod
from services.importer.ports import Ports
from services.importer.sources import copy_image, glance_download, staged, web_download
from services.importer.work import Source, Task


class OpenSource(Protocol):
    """Opens what a task names. Raises ImportFailure when that can not be had."""

    def __call__(self, ports: Ports, task: Task) -> AbstractAsyncContextManager[Source]:
        """Lend the source."""
        ...


SOURCES: Mapping[ImportMethod, OpenSource] = {
    ImportMethod.GLANCE_DIRECT: staged.staged,
    ImportMethod.WEB_DOWNLOAD: web_download.web_download,
    ImportMethod.GLANCE_DOWNLOAD: glance_download.glance_download,
    ImportMethod.COPY_IMAGE: copy_image.copy_image,
}
