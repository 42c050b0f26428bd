"""Short clocks: every lease, deadline, poll and grace period is a setting. And few processes, which start sooner."""

SHORT = {
    "api.workers": "1",
    "scrubber.abandoned_seconds": "1",
    "scrubber.sweep_seconds": "0.1",
    "scrubber.claim_seconds": "1",
    "scrubber.grace_seconds": "0.5",
    "import.lease_seconds": "1",
    "import.heartbeat_seconds": "0.2",
    "import.poll_seconds": "0.1",
    "import.retry_seconds": "0.1",
    "import.attempts": "20",
    "bus.lease_seconds": "1",
    "bus.kafka_request_timeout_seconds": "1",
    "bus.kafka_partitions": "3",
    "import.allowed_networks": '["127.0.0.1/32"]',
    "import.allowed_ports": "[]",
    "import.convert_to": '"raw"',
}


def words(**more: str) -> list[str]:
    """Return the words of a command line that set short clocks, and more."""
    return [word for name, value in {**SHORT, **more}.items() for word in ("--set", f"{name}={value}")]
