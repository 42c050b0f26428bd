"""How Apache Kafka is reached, and how its driver's words for "it is away" become ours."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import structlog

from glimpse import settings
from glimpse.errors import GlimpseError, Invalid, Unavailable

log = structlog.get_logger()

logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # ten lines a second while Kafka is away; we say it once


def reached(bus: settings.Bus) -> dict[str, Any]:
    """Return what every client of Kafka is made with. Raises Invalid when a certificate can not be read."""
    return {
        "bootstrap_servers": bus.kafka_bootstrap,
        "client_id": f"glimpse-{bus.deployment}",
        "request_timeout_ms": milliseconds(bus.kafka_request_timeout_seconds),
        "security_protocol": bus.kafka_security_protocol,
        "sasl_mechanism": bus.kafka_sasl_mechanism,
        "sasl_plain_username": bus.kafka_user,
        "sasl_plain_password": bus.kafka_password and bus.kafka_password.get_secret_value(),
        "ssl_context": _ssl_context(bus) if bus.kafka_security_protocol.endswith("SSL") else None,
    }


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Raise Unavailable for whatever the driver raises: it is Kafka that is away, or says no."""
    try:
        yield
    except GlimpseError:
        raise
    except TimeoutError as error:
        raise Unavailable("Kafka did not answer in time") from error
    except Exception as error:
        raise Unavailable(f"Kafka does not do what it should: {str(error) or repr(error)}") from error


async def stopped(stop: Callable[[], Awaitable[None]], patience: float) -> None:
    """Close a client, which may take as long as a request; what goes wrong then does not matter any more."""
    try:
        await asyncio.wait_for(stop(), patience)
    except Exception as error:
        log.debug("client did not close", reason=repr(error))


def milliseconds(seconds: float) -> int:
    """Write a setting in seconds as Kafka has it."""
    return max(1, round(seconds * 1000))


def _ssl_context(bus: settings.Bus) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=bus.kafka_ca_file)
        if bus.kafka_cert_file:
            context.load_cert_chain(bus.kafka_cert_file, bus.kafka_key_file)
    except OSError as error:  # ssl.SSLError is one
        raise Invalid(f"the certificates for Kafka can not be read: {error}") from None
    return context
