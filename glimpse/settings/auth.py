"""Settings in [auth]: who is calling."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from glimpse.settings.section import AbsolutePath, Section, written_as

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]  # fmt: skip

Url = Annotated[str, written_as(r"https?://[^\s/]+\S*", "https://host, or https://host/path")]


class Auth(Section):
    """Who is calling."""

    mode: Literal["none", "headers", "keystone", "jwt", "static"] = Field(
        "none",
        description="`none`: everybody is the administrator (AC-43); `headers`: a proxy in front says who (AC-40); "
        "`keystone`: tokens, about which the identity service is asked (AC-60); `jwt`: tokens that an OpenID provider "
        "has signed; `static`: tokens in a file.",
    )
    none_user: str | None = Field(None, description="The user id of everybody, in mode `none`.")
    none_project: str | None = Field(None, description="The project id of everybody, in mode `none`.")
    www_authenticate_uri: str | None = Field(
        None, description="Where a 401 sends people to be identified (IMG-106); unset, `keystone_url`."
    )
    allow_anonymous: bool = Field(
        False, description="Let people without identity look at what the rules open to everybody (IMG-29)."
    )
    insecure: bool = Field(False, description="Let mode `none` listen beyond the loopback interface.")
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")), description="Whose identity headers are believed."
    )
    keystone_url: Url | None = Field(
        None, description="Where the identity service is, in mode `keystone`; needed there."
    )
    keystone_username: str | None = Field(None, description="Who we are, when we ask about tokens.")
    keystone_password: SecretStr | None = Field(None, description="The password of that user.")
    keystone_user_domain_name: str = Field("Default", description="The domain of that user.")
    keystone_user_domain_id: str | None = Field(None, description="Its id; when set, the name does not count.")
    keystone_project_name: str = Field("service", description="The project in which that user asks.")
    keystone_project_domain_name: str = Field("Default", description="The domain of that project.")
    keystone_project_domain_id: str | None = Field(None, description="Its id; when set, the name does not count.")
    keystone_application_credential_id: str | None = Field(
        None, description="An application credential to ask with, instead of user, password and project."
    )
    keystone_application_credential_secret: SecretStr | None = Field(None, description="Its secret.")
    keystone_interface: Literal["internal", "public", "admin"] = Field(
        "internal", description="Which address of the identity service in its catalogue is asked about tokens."
    )
    keystone_region: str | None = Field(None, description="The region of that address; unset, the first that fits.")
    keystone_ca_file: AbsolutePath | None = Field(
        None, description="Certificates, in PEM, that its own must be signed by; unset, those that the system trusts."
    )
    keystone_timeout_seconds: float = Field(10, gt=0, description="How long it may take to answer.")
    keystone_connect_retries: int = Field(
        3, ge=0, le=10, description="How often a connection that can not be made is tried again."
    )
    keystone_cache_seconds: float = Field(
        300,
        ge=0,
        description="How long a token that is valid is not asked about again: so long may a revoked one work.",
    )
    keystone_cache_tokens: int = Field(10_000, ge=1, description="How many tokens each process remembers.")
    keystone_catalogue: bool = Field(
        True, description="Ask for catalogues: without them, tokens with access rules are not let in (AC-67)."
    )
    keystone_service_type: str = Field("image", description="What we are in the catalogue, and in access rules.")
    service_token_roles: tuple[str, ...] = Field(
        ("service",), description="A service token with one of these lets an expired token of a user in (AC-60)."
    )
    service_token_roles_required: bool = Field(
        True, description="Off, service tokens without such a role are service tokens, too (AC-60)."
    )

    jwt_issuer: Url | None = Field(None, description="Who signs tokens, in mode `jwt`; needed there.")
    jwt_audience: tuple[str, ...] = Field(
        (), description="Whom tokens must be for: one of these; needed in mode `jwt`."
    )
    jwt_jwks_url: Url | None = Field(None, description="Where its keys are; unset, where its discovery document says.")
    jwt_algorithms: tuple[Algorithm, ...] = Field(
        ("RS256", "ES256"), min_length=1, description="Algorithms that tokens may be signed with."
    )
    jwt_user_claim: str = Field("sub", description="The claim that is the user; dots lead into claims.")
    jwt_project_claim: str = Field("project_id", description="The claim that is the project.")
    jwt_roles_claim: str = Field("roles", description="The claim that is the list of roles.")
    jwt_roles_prefix: str = Field(
        "",
        description="What the names of roles for us begin with there; it is taken off, and other roles do not count.",
    )
    jwt_leeway_seconds: float = Field(10, ge=0, description="How far clocks may be apart.")
    jwt_keys_seconds: float = Field(300, gt=0, description="How long keys are not looked at again.")
    jwt_timeout_seconds: float = Field(10, gt=0, description="How long the provider may take to answer.")
    jwt_ca_file: AbsolutePath | None = Field(
        None, description="Certificates, in PEM, that its own must be signed by; unset, those that the system trusts."
    )
    static_file: AbsolutePath | None = Field(
        None, description="The file of tokens, in mode `static`; it is read again when it changes; needed there."
    )

    @model_validator(mode="after")
    def _tokens_can_be_looked_at(self) -> Self:
        if self.mode == "jwt" and not (self.jwt_issuer and self.jwt_audience):
            raise ValueError("mode is jwt, which needs jwt_issuer and jwt_audience")
        if self.mode == "static" and self.static_file is None:
            raise ValueError("mode is static, which needs static_file")
        return self

    @model_validator(mode="after")
    def _keystone_can_be_asked(self) -> Self:
        if self.mode == "keystone" and (missing := self.missing_for_keystone()):
            raise ValueError(f"mode is keystone, which needs {missing}")
        return self

    def missing_for_keystone(self) -> str | None:
        """Return what is missing to ask the identity service, in words; None when nothing is."""
        if self.keystone_url is None:
            return "keystone_url"
        by_credential = self.keystone_application_credential_id and self.keystone_application_credential_secret
        if by_credential or (self.keystone_username and self.keystone_password):
            return None
        return (
            "keystone_username and keystone_password, or "
            "keystone_application_credential_id and keystone_application_credential_secret"
        )
