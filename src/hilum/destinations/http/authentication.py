"""From the section `auth` of a destination to the credentials of its requests."""

from typing import Final

from pydantic import SecretStr

from hilum.destinations.http.auth_settings import AuthSettings
from hilum.destinations.http.client import HttpClient
from hilum.destinations.http.credentials import (
    Credentials,
    FixedCredentials,
    TokenFile,
    basic,
    bearer,
)
from hilum.destinations.http.oauth2 import Grant, TokenEndpoint, client_credentials
from hilum.destinations.http.settings import HttpSettings
from hilum.destinations.http.tls import token_trust
from hilum.destinations.http.tokens import TokenCredentials
from hilum.kernel.clock import Clock

_AZURE_TOKEN_URL: Final = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"  # noqa: S105
_AZURE_SCOPE: Final = "https://dicom.healthcareapis.azure.com/.default"


def credentials_of(settings: HttpSettings, clock: Clock) -> Credentials:
    """Make the credentials of a destination; nothing is opened or read yet but a service account.

    Raises:
        Misconfigured: a service account or a file of authorities cannot be used.
    """
    auth = settings.auth
    match auth.type:
        case "none":
            return FixedCredentials({})
        case "basic":
            return FixedCredentials(basic(auth.user or "", _revealed(auth.password)))
        case "bearer" if auth.token_file is not None:
            return TokenFile(auth.token_file, clock)
        case "bearer":
            return FixedCredentials(bearer(_revealed(auth.token)))
        case "api_key":
            return FixedCredentials({auth.header: _revealed(auth.api_key)})
        case "oauth2" | "azure" | "google":
            return _tokens(settings, clock)


def _tokens(settings: HttpSettings, clock: Clock) -> Credentials:
    url, grant = _grant(settings.auth, clock)
    tls = token_trust(settings) if url.startswith("https:") else None
    return TokenCredentials(TokenEndpoint(url, grant, HttpClient(settings, tls)), clock)


def _grant(auth: AuthSettings, clock: Clock) -> tuple[str, Grant]:
    """Give where tokens are asked for and how."""
    if auth.type == "google":
        # Signing needs a library that takes its time to load; few destinations sign.
        from hilum.destinations.http import google  # noqa: PLC0415

        account = google.ServiceAccount.read(_revealed(auth.service_account))
        scope = auth.scope or google.DEFAULT_SCOPE
        return account.token_url, google.assertion_grant(account, scope, clock)
    scope = auth.scope or (_AZURE_SCOPE if auth.type == "azure" else "")
    extra = {"scope": scope, "audience": auth.audience or ""}
    grant = client_credentials(
        auth.client_id or "",
        _revealed(auth.client_secret),
        in_header=auth.type == "oauth2" and auth.client_authentication == "basic",
        extra={name: value for name, value in extra.items() if value},
    )
    azure = _AZURE_TOKEN_URL.format(tenant=auth.tenant)
    return auth.token_url or azure, grant


def _revealed(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
