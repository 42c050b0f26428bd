"""What a 401 says about how to be known (IMG-106)."""

from glimpse import settings

EXAMPLE = "http://127.0.0.1:5000/v3"


def keystone(rules: settings.Auth) -> str:
    """Send people to the identity service."""
    return f'Keystone uri="{rules.www_authenticate_uri or rules.keystone_url or EXAMPLE}"'
