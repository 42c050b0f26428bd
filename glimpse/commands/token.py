"""`glimpse token`: a token for a file of tokens."""

import secrets
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from glimpse.settings import toml

BYTES = 32


def token(
    user: Annotated[str, typer.Option(help="Whose it is.")],
    project: Annotated[str | None, typer.Option(help="In which project.")] = None,
    roles: Annotated[str, typer.Option(help="With which roles, with commas between them.")] = "member,reader",
    days: Annotated[float | None, typer.Option(help="How long it works. Default: until it is removed.")] = None,
) -> None:
    """Make a token: print its entry for the file that auth.static_file names, and, on standard error, itself."""
    from services.api.identity import static

    made = secrets.token_urlsafe(BYTES)
    lines = [
        "",
        "[[tokens]]",
        f"sha256 = {toml.written(static.digest(made))}",
        f"user = {toml.written(user)}",
        *([] if project is None else [f"project = {toml.written(project)}"]),
        f"roles = {toml.written([role.strip() for role in roles.split(',') if role.strip()])}",
    ]
    if days is not None:
        lines.append(f"expires_at = {(datetime.now(UTC) + timedelta(days=days)).isoformat(timespec='seconds')}")
    print("\n".join(lines))
    print(f"the token, which is shown only now: {made}", file=sys.stderr)
