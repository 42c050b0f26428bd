"""What a process writes down about itself: log lines, with the ids that follow a request through the house."""

import contextlib
import json
import logging
import sys
from typing import Any, BinaryIO

import orjson
import structlog

from glimpse import settings

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_least = logging.INFO  # loggers are cached as they are first used, so the level is looked up with each line


def configure(log: settings.Log, service: str) -> None:
    """Send every line of this process, libraries included, to standard error in the form the settings ask for."""
    facts: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    written: Any = structlog.processors.JSONRenderer(serializer=_json) if log.format == "json" else _for_people
    structlog.configure(
        processors=[_drop_unwanted, *facts, written],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.BytesLoggerFactory(file=_Unheard(sys.stderr.buffer)),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=facts, processors=[_drop_meta, written, _as_text])
    )
    logging.basicConfig(handlers=[handler], force=True)
    set_level(log)
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # that the database is away is said by those who need it
    structlog.contextvars.bind_contextvars(service=service)


class _Unheard:
    """A stream for lines that may find no reader or no room: work goes on, and only the line is lost."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, line: bytes) -> int:  # with its end, so that it is one write
        with contextlib.suppress(OSError, ValueError):  # gone, full, or closed
            self._stream.write(line)
        return len(line)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def set_level(log: settings.Log) -> None:
    """Keep other lines than before, from now on; of libraries, warnings at least."""
    global _least
    _least = LEVELS[log.level]
    logging.getLogger().setLevel(max(_least, logging.WARNING))


def _json(line: Any, **_options: Any) -> bytes:
    try:
        return orjson.dumps(line, default=repr)
    except TypeError:  # a text that is not Unicode, or a number of more than 64 bits; no line is lost for that
        return json.dumps(line, default=repr).encode()


_console = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)


def _for_people(logger: Any, name: str, line: Any) -> bytes:
    return _console(logger, name, line).encode(errors="backslashreplace")


def _as_text(_logger: Any, _name: str, line: Any) -> Any:
    return line.decode()


def _drop_unwanted(_logger: Any, name: str, line: Any) -> Any:
    if LEVELS.get(name, logging.ERROR) < _least:
        raise structlog.DropEvent
    return line


def _drop_meta(_logger: Any, _name: str, line: Any) -> Any:
    line.pop("_record", None)
    line.pop("_from_structlog", None)
    return line
