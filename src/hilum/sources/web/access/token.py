"""Access tokens (JWT, RFC 7519): verified, and what they say of roles read. No network in it.

The algorithm is one that the configuration names, the key one that the provider published; nothing
that the token itself says of keys (jku, jwk, x5u) is looked at.
"""

import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, TypeGuard, get_args

from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry
from joserfc.registry import Header
from joserfc.util import urlsafe_b64decode

from hilum.sources.web.access.grant import Grant
from hilum.sources.web.access.refusal import AccessRefused
from hilum.sources.web.access.settings import JwtSettings
from hilum.sources.web.access.token_keys import PublicKey
from hilum.sources.web.caller import Role

# Tokens with many groups in them reach some 8 KB; a head of a request has 64 KiB at most.
TOKEN_BYTES_MAX: Final = 16 * 1024
# A viewer shows one token with hundreds of requests; so long its signature is not looked at again.
BELIEVED_SECONDS: Final = 5.0
_BELIEVED_MAX: Final = 1000
_NAME_CHARACTERS_MAX: Final = 64
_CLAIM_DEPTH_MAX: Final = 8
_KEY_TYPES: Final = {"R": "RSA", "P": "RSA", "ES": "EC", "Ed": "OKP"}

Candidates = Callable[[str | None], Awaitable[Sequence[PublicKey]]]


def looks_like_token(text: str) -> bool:
    """Tell whether a text could be a JWT: three parts."""
    return text.count(".") == 2


class Tokens:
    """Reads tokens of one provider; `candidates` gives its keys, by their id."""

    def __init__(
        self, settings: JwtSettings, candidates: Candidates, now: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._candidates = candidates
        self._now = now
        self._registry = _Registry(settings.algorithms)
        self._believed: OrderedDict[bytes, _Believed] = OrderedDict()

    async def grant(self, text: str) -> Grant:
        """Give what a token allows.

        Raises:
            AccessRefused: it allows nothing, or is not to be believed; the reason says why.
        """
        if len(text) > TOKEN_BYTES_MAX:
            raise _bad(f"its token has more than {TOKEN_BYTES_MAX} bytes")
        digest, now = sha256(text.encode("utf-8", "replace")).digest(), self._now().timestamp()
        believed = self._believed.get(digest)
        if believed is not None and believed.since <= now < believed.until:
            return believed.grant
        header = _header(text)
        keys = await self._keys_for(header)
        claims = self._verified(text, keys)
        reason = _objection(claims, self._settings, now)
        if reason:
            raise _bad(f"its token {reason}")
        grant = _grant(claims, self._settings)
        until = min(now + BELIEVED_SECONDS, claims["exp"] + self._settings.leeway_seconds)
        self._believe(digest, _Believed(grant, now, until))
        return grant

    def _believe(self, digest: bytes, believed: "_Believed") -> None:
        self._believed[digest] = believed
        if len(self._believed) > _BELIEVED_MAX:
            self._believed.popitem(last=False)

    async def _keys_for(self, header: Mapping[str, Any]) -> Sequence[PublicKey]:
        """Choose keys by what the header says; none of it is believed yet."""
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in self._settings.algorithms:
            raise _bad("its token is signed in a way that sources.web.jwt.algorithms has not")
        if "crit" in header:
            raise _bad("its token demands an extension that is not known here")  # RFC 7515 §4.1.11
        if key_id is not None and not isinstance(key_id, str):
            raise _bad("its token names its key by what is no text")
        wanted = next(kind for sign, kind in _KEY_TYPES.items() if str(algorithm).startswith(sign))
        found = await self._candidates(key_id)
        keys = [key for key in found if key.key_type == wanted]
        keys = [key for key in keys if key.as_dict().get("alg", algorithm) == algorithm]
        if not keys:
            raise _bad("its token is signed by a key that the provider does not publish")
        return keys

    def _verified(self, text: str, keys: Sequence[PublicKey]) -> Mapping[str, Any]:
        for key in keys:
            try:
                return jwt.decode(text, key, registry=self._registry).claims
            except (JoseError, ValueError, TypeError, RecursionError):
                continue
        raise _bad("the signature of its token is not right")


@dataclass(frozen=True, slots=True)
class _Believed:
    """What a token allowed a moment ago, between two moments."""

    grant: Grant
    since: float
    until: float


class _Registry(JWSRegistry):
    """What is accepted: our algorithms, and headers that have a certificate in them."""

    max_header_length = TOKEN_BYTES_MAX

    def __init__(self, algorithms: Sequence[str]) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)

    def get_alg(self, name: str) -> Any:  # its type is not exported
        """Give an algorithm that is allowed, without a warning about what was configured."""
        if not self.allowed or name not in self.allowed:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


def _bad(reason: str) -> AccessRefused:
    return AccessRefused(
        401, "token", reason, remedy="Compare the token's claims with [sources.web.jwt]"
    )


def _header(text: str) -> Header:
    try:
        header = json.loads(urlsafe_b64decode(text.partition(".")[0].encode("ascii")))
    except (ValueError, RecursionError) as error:
        raise _bad("its token has no header that can be read") from error
    if not isinstance(header, dict):
        raise _bad("the header of its token is no object")
    return header


def _objection(claims: Mapping[str, Any], settings: JwtSettings, now: float) -> str:
    """Say why claims that are rightly signed do not count; "" when they do (RFC 7519 §4.1)."""
    leeway = settings.leeway_seconds
    if claims.get("iss") != settings.issuer:
        return "is of another issuer"
    audience = claims.get("aud")
    meant = [audience] if isinstance(audience, str) else audience
    if not isinstance(meant, list) or not any(one in settings.audience for one in meant):
        return "is for another audience"
    ends, begins = claims.get("exp"), claims.get("nbf", now)
    # Written so that what is no number, NaN included, does not pass.
    if not (_is_number(ends) and ends > now - leeway):
        return "has expired, or does not say when it does"
    if not (_is_number(begins) and begins <= now + leeway):
        return "is not valid yet; are the clocks right?"
    issued = claims.get("iat", now)
    if not (_is_number(issued) and issued <= now + leeway):
        return "was issued in the future; are the clocks right?"
    return ""


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _grant(claims: Mapping[str, Any], settings: JwtSettings) -> Grant:
    entities: frozenset[str] = frozenset()
    if settings.entities_claim is not None:
        entities = frozenset(_words(_claim(claims, settings.entities_claim)))
        if not entities:
            raise AccessRefused(
                403,
                "entity",
                f"its token has no claim {settings.entities_claim}",
                remedy="sources.web.jwt.entities_claim says that it must",
            )
    roles = _roles(_words(_claim(claims, settings.roles_claim)), settings)
    name = _claim(claims, settings.name_claim)
    return Grant(str(name or "token")[:_NAME_CHARACTERS_MAX], roles, entities)


def _roles(words: Sequence[str], settings: JwtSettings) -> frozenset[Role]:
    ours: tuple[Role, ...] = get_args(Role)
    if settings.role_map is None:
        return frozenset(role for role in ours if role in words)
    theirs = settings.role_map.model_dump()
    return frozenset(role for role in ours if not set(theirs[role]).isdisjoint(words))


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """Follow dots into objects; a claim whose own name has dots (a URL, say) comes first."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split(".")[:_CLAIM_DEPTH_MAX]:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _words(value: Any) -> Sequence[str]:
    """Read a list of texts, or one text of words as in `scope` (RFC 8693 §4.2)."""
    if isinstance(value, str):
        return value.split()
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else ()
