"""Who may use the API: whoever has the token; without a token only programs on this machine.

A browser on this machine must not be talked into it by a page from elsewhere: what changes
something needs a JSON body, which no foreign page may send, and the Host must be this machine.
"""

import hmac
from ipaddress import ip_address
from typing import Final

from starlette.requests import Request

_BEARER: Final = "bearer "
_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def refusal(request: Request, token: str | None) -> tuple[int, str] | None:
    """Give the HTTP status and what to change when the caller may not; None: it may."""
    if request.method in _CHANGING and not _is_json(request):
        return 415, "Send a JSON body with Content-Type: application/json."
    if token is not None:
        return _by_token(request, token)
    if not _is_local(request.client.host if request.client else ""):
        return 403, (
            "From other machines the API needs a token: set sources.web.token_file and send it as "
            "Authorization: Bearer …"
        )
    if not _is_local(request.url.hostname or ""):
        return 403, "The Host header must name this machine (localhost or a loopback address)."
    return None


def _by_token(request: Request, token: str) -> tuple[int, str] | None:
    given = request.headers.get("authorization", "")
    if not given.lower().startswith(_BEARER):
        return 401, "Send the token of sources.web.token as Authorization: Bearer …"
    if not hmac.compare_digest(given[len(_BEARER) :].strip().encode(), token.encode()):
        return 401, "The token is not the one of sources.web.token."
    return None


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json"


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
