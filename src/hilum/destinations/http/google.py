"""Tokens for a Google service account: an assertion signed with its key (RFC 7523 §2.1)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from hilum.destinations.http.oauth2 import Grant
from hilum.destinations.http.web_address import web_address
from hilum.kernel.clock import Clock
from hilum.kernel.errors import Misconfigured

DEFAULT_SCOPE: Final = "https://www.googleapis.com/auth/cloud-healthcare"
_GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION_SECONDS: Final = 3600  # the longest that Google takes


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """What the key file of an account says."""

    email: str
    key_id: str
    key: RSAKey
    token_url: str

    @classmethod
    def read(cls, text: str) -> "ServiceAccount":
        """Read a key file. Raises Misconfigured; the message never has the key in it."""
        try:
            parsed: Any = json.loads(text)  # Any: JSON
            return cls(
                str(parsed["client_email"]),
                str(parsed["private_key_id"]),
                RSAKey.import_key(str(parsed["private_key"])),
                web_address(str(parsed["token_uri"])),
            )
        except (ValueError, TypeError, KeyError, JoseError, RecursionError):
            raise Misconfigured(
                "auth.service_account is not the key file of a service account: expected JSON "
                "with client_email, private_key_id, private_key (RSA, PEM) and token_uri"
            ) from None


def assertion_grant(account: ServiceAccount, scope: str, clock: Clock) -> Grant:
    """Make the grant that signs a new assertion each time."""

    def grant() -> tuple[Mapping[str, str], Mapping[str, str]]:
        now = int(clock.now().timestamp())
        claims = {
            "iss": account.email,
            "scope": scope,
            "aud": account.token_url,
            "iat": now,
            "exp": now + _ASSERTION_SECONDS,
        }
        header = {"alg": "RS256", "kid": account.key_id}
        assertion = jwt.encode(header, claims, account.key, algorithms=["RS256"])
        return {"grant_type": _GRANT_TYPE, "assertion": assertion}, {}

    return grant
