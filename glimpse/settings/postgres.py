"""Settings in [postgres]: where facts are kept."""

from pydantic import Field, SecretStr

from glimpse.settings.section import Section


class Postgres(Section):
    """Where facts are kept."""

    dsn: SecretStr = Field(SecretStr("postgresql:///glimpse"), description="Where the database is, as libpq writes it.")
    pool_size: int = Field(10, ge=1, description="Connections that one process keeps at most.")
    connect_timeout_seconds: float = Field(10, gt=0, description="How long a connection may take to open.")
