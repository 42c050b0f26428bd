"""Settings in [bus]: how news travels."""

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from glimpse.settings.section import AbsolutePath, Section, written_as


class Bus(Section):
    """How news travels."""

    deployment: Annotated[str, written_as(r"[A-Za-z0-9._~-]+", "letters, digits and . _ ~ -")] = Field(
        "local", description="Names this deployment in the source of each event."
    )
    lease_seconds: float = Field(8, gt=0, description="How long the leader or a reader is believed to live unheard.")
    busy_seconds: float = Field(0.02, gt=0, description="How often a loop looks while there is news.")
    idle_seconds: float = Field(0.25, gt=0, description="How often it looks while there is none.")
    batch: int = Field(500, ge=1, description="Events that one step takes.")
    keep_days: float = Field(14, gt=0, description="How long events can be replayed.")
    attempts: int = Field(8, ge=1, description="How often a reaction to an event is tried before it is put aside.")
    retry_seconds: float = Field(
        0.25, ge=0, description="Wait before the second try; it doubles with each further one."
    )
    dead_letter_limit: int = Field(
        100, ge=0, description="Events that a group of readers may put aside; it stops rather than lose more."
    )
    dead_letter_days: float = Field(30, gt=0, description="How long events that were put aside are kept.")
    kafka_bootstrap: Annotated[str, written_as(r"[^\s,]+:\d+(,[^\s,]+:\d+)*", "host:port,host:port")] | None = Field(
        None,
        description="Where Apache Kafka is, as `host:port,host:port`; unset, the log in the database is the bus.",
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How Kafka is spoken to."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How we say who we are, with a SASL protocol."
    )
    kafka_user: str | None = Field(None, description="Who we are, with a SASL protocol.")
    kafka_password: SecretStr | None = Field(None, description="The password of that user.")
    kafka_ca_file: AbsolutePath | None = Field(
        None, description="Certificates, in PEM, that Kafka's must be signed by; unset, those that the system trusts."
    )
    kafka_cert_file: AbsolutePath | None = Field(None, description="Our certificate, in PEM, when Kafka wants one.")
    kafka_key_file: AbsolutePath | None = Field(None, description="Its key, when that is in a file of its own.")
    kafka_topic_prefix: Annotated[
        str, written_as(r"[A-Za-z0-9._-]{1,100}", "letters, digits and . _ -, 100 at most")
    ] = Field(
        "glimpse",
        description="What the names of our topics begin with; two deployments that share a Kafka need two of them.",
    )
    kafka_partitions: int = Field(12, ge=1, description="Partitions of a topic that we make. They are for ever.")
    kafka_replication_factor: int | None = Field(
        None, ge=1, description="Copies of a topic that we make; unset, three, or as many as there are brokers."
    )
    kafka_keep_days: float = Field(14, gt=0, description="How long Kafka keeps events, in a topic that we make.")
    kafka_mode: Literal["binary", "structured"] = Field(
        "binary", description="How events are written: attributes as headers, or all of it as one JSON document."
    )
    kafka_request_timeout_seconds: float = Field(10, gt=0, description="How long Kafka may take to answer.")
    kafka_watchdog_seconds: float = Field(
        60, gt=0, description="A reader that hears nothing for so long, though there is something, ends its process."
    )

    @model_validator(mode="after")
    def _sasl_knows_who_we_are(self) -> Self:
        if self.kafka_security_protocol.startswith("SASL") and not (self.kafka_user and self.kafka_password):
            raise ValueError(
                f"kafka_security_protocol is {self.kafka_security_protocol}, which needs kafka_user and kafka_password"
            )
        return self
