"""What a caller shows of itself in the head of its request."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Credential:
    """A key or token. `is_basic`: it was the password of a user, for clients that know no other."""

    text: str
    is_basic: bool = False


class Unreadable(ValueError):
    """The header is there and cannot be understood; the message says why, never its content."""


def credential_of(headers: Mapping[str, str]) -> Credential | None:
    """Read `Authorization` or else `X-API-Key`; None when there is neither.

    Raises:
        Unreadable: it is there and says nothing.
    """
    header = headers.get("authorization", "").strip()
    if not header:
        key = headers.get("x-api-key", "").strip()
        return Credential(key) if key else None
    scheme, _, value = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return Credential(_said(value))
        case "basic":
            return Credential(_password(value), is_basic=True)
    raise Unreadable("Authorization is neither Bearer nor Basic")


def _said(value: str) -> str:
    if not value.strip():
        raise Unreadable("Authorization has nothing after its scheme")
    return value.strip()


def _password(value: str) -> str:
    try:
        decoded = base64.b64decode(_said(value), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unreadable("Authorization: Basic is not base64 of user:password") from error
    _, colon, password = decoded.partition(":")
    if not colon or not password:
        raise Unreadable("Authorization: Basic has no password; it must be the key")
    return password
