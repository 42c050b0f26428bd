"""Settings in [signatures]: where the certificates are that images are signed with."""

from pydantic import Field

from glimpse.settings.section import AbsolutePath, Section


class Signatures(Section):
    """Where the certificates are that images are signed with; with neither, signed images are refused (OP-100)."""

    certificates_dir: AbsolutePath | None = Field(
        None, description="A directory with certificates, each in <id>.pem or <id>.der."
    )
    key_manager_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/]+\S*$",
        description="A key manager that speaks as Barbican does; it is asked with the caller's token, which importers "
        "need import.sealing_key for.",
    )
    timeout_seconds: float = Field(30, gt=0, description="How long the key manager may take to answer.")
