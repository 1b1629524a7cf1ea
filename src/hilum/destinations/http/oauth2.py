"""Asks a token endpoint for access tokens (RFC 6749): by our secret, or by a signed assertion."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from hilum.destinations.http.client import Answer, HttpClient
from hilum.destinations.http.credentials import basic
from hilum.destinations.http.tokens import Token
from hilum.destinations.http.web_address import origin_of
from hilum.kernel.errors import Rejected, RemoteProtocolError, Unreachable

# RFC 6749 §5.1 lets a server leave `expires_in` out; then it is short, and asked for again.
_SECONDS_UNKNOWN: Final = 300.0
_SECONDS_MAX: Final = 7 * 86400.0
_TOKEN_LENGTH_MAX: Final = 65536
_FORM: Final = "application/x-www-form-urlencoded"

# What to change, by the error codes of RFC 6749 §5.2.
_HINTS: Final = {
    "invalid_client": "Are client_id and client_secret right, and is the secret still valid? Some "
    'servers want client_authentication = "body".',
    "invalid_scope": "Is scope right?",
    "invalid_target": "Is audience right?",
    "unauthorized_client": "Is this client allowed to ask for tokens by client credentials?",
    "invalid_grant": "Is the key still valid, and is the clock of this machine right?",
    "unsupported_grant_type": "Is token_url right?",
}

# Gives the form of a request, and headers beside it.
Grant = Callable[[], tuple[Mapping[str, str], Mapping[str, str]]]


class TokenEndpoint:
    """One token endpoint and what we are given tokens for (`tokens.TokenSource`)."""

    def __init__(self, url: str, grant: Grant, client: HttpClient) -> None:
        self._url = url
        self._grant = grant
        self._client = client

    async def fetch(self) -> Token:
        """Ask for a token.

        Raises:
            Unreachable: not now; Rejected: it does not want us; RemoteProtocolError: what it says
            cannot be read.
        """
        form, extra = self._grant()
        headers = {"Content-Type": _FORM, "Accept": "application/json", **extra}
        self._client.is_rested = True
        answer = await self._client.ask("POST", self._url, headers, urlencode(form).encode())
        place = f"the token endpoint {origin_of(self._url)}"
        if answer.status == 200:
            return _token(place, answer)
        raise _refusal(place, answer)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.aclose()


def client_credentials(
    client_id: str, secret: str, *, in_header: bool, extra: Mapping[str, str]
) -> Grant:
    """Make the grant of RFC 6749 §4.4; `extra` are scope and audience, where they are set."""

    def grant() -> tuple[Mapping[str, str], Mapping[str, str]]:
        form = {"grant_type": "client_credentials", **extra}
        if in_header:
            # Both parts are form-encoded before they are joined (RFC 6749 §2.3.1).
            return form, basic(quote_plus(client_id), quote_plus(secret))
        return {**form, "client_id": client_id, "client_secret": secret}, {}

    return grant


def _token(place: str, answer: Answer) -> Token:
    parsed = _object(answer)
    value, kind = parsed.get("access_token"), parsed.get("token_type", "Bearer")
    if not isinstance(value, str) or not 0 < len(value) <= _TOKEN_LENGTH_MAX:
        raise RemoteProtocolError(f"{place} answered 200, but without an access_token")
    if not (value.isascii() and value.isprintable()):
        raise RemoteProtocolError(f"{place} gave a token that cannot stand in a header")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise RemoteProtocolError(f"{place} gave a token that is no bearer token")
    return Token(value, _lifetime(parsed.get("expires_in")))


def _lifetime(value: object) -> float:
    """Read `expires_in`; some servers write it as a text."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) else _SECONDS_UNKNOWN
    except ValueError:
        return _SECONDS_UNKNOWN
    return min(seconds, _SECONDS_MAX) if seconds > 0 else _SECONDS_UNKNOWN


def _refusal(place: str, answer: Answer) -> Rejected | Unreachable:
    if answer.status >= 500 or answer.status in {408, 429}:
        return Unreachable(f"{place} answered {answer.status}")
    code = _object(answer).get("error")
    # The code is one of a list; the description beside it is anybody's text and stays out of logs.
    named = code if isinstance(code, str) and code in _HINTS else ""
    hint = _HINTS.get(named, "Is token_url right, and does it take client credentials?")
    return Rejected(f"{place} answered {answer.status}{named and f' ({named})'}. {hint}")


def _object(answer: Answer) -> Mapping[str, Any]:
    """Read JSON; anything else is as good as nothing."""
    try:
        parsed = json.loads(answer.content)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
