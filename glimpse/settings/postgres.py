"""Settings in [postgres]: where facts are kept."""

from pydantic import Field, SecretStr

from glimpse.settings.section import Section

LONGEST = 86_400.0
"""A day."""


class Postgres(Section):
    """Where facts are kept."""

    dsn: SecretStr = Field(SecretStr("postgresql:///glimpse"), description="Where the database is, as libpq writes it.")
    pool_size: int = Field(10, ge=1, description="Connections that one process keeps at most.")
    connect_timeout_seconds: float = Field(10, gt=0, description="How long a connection may take to open.")
    acquire_timeout_seconds: float = Field(
        30, gt=0, le=LONGEST, description="How long to wait for one of those connections while all are in use."
    )
    lock_timeout_seconds: float = Field(
        10, gt=0, le=LONGEST, description="How long a statement waits for a row that somebody else holds."
    )
    statement_timeout_seconds: float = Field(
        120, gt=0, le=LONGEST, description="How long one statement may take; migrations may take as long as they need."
    )
    idle_in_transaction_seconds: float = Field(
        30,
        gt=0,
        le=LONGEST,
        description="After this long without a word in the middle of a transaction, whoever holds it is taken for "
        "dead: the database lets go of what it holds.",
    )
