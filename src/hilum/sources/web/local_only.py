"""Lets only programs on this machine in: who may call from elsewhere is for access rules to say.

A page that a browser on this machine has from elsewhere is not on this machine: the Host of its
requests tells it (DNS rebinding).
"""

from ipaddress import ip_address
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from hilum.dicomweb.refusal import RequestRefused
from hilum.sources.web.answering import refuse
from hilum.sources.web.caller import CALLER_STATE, EVERYTHING, HttpCaller
from hilum.sources.web.exchange import joined_headers
from hilum.sources.web.proxies import IsProxy, caller_address, is_forwarded

_ELSEWHERE: Final = (
    "DICOMweb answers programs on the gateway's own machine only, for there are no access rules"
)
_BY_PROXY: Final = (
    "this request came through a proxy, which must be one of sources.web.trusted_proxies, and from "
    "a program on its machine"
)
_BY_NAME: Final = "the Host header must name this machine (localhost or a loopback address)"


class LocalOnly:
    """An application behind this rule."""

    def __init__(self, application: ASGIApp, is_proxy: IsProxy) -> None:
        self._application = application
        self._is_proxy = is_proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = joined_headers(scope["headers"])
        client = (scope.get("client") or ("", 0))[0]
        address = caller_address(client, headers, self._is_proxy)
        reason = self._reason(client, address, headers)
        if reason:
            await refuse(scope, receive, send, RequestRefused(403, reason))
            return
        scope.setdefault("state", {})[CALLER_STATE] = HttpCaller("", address, EVERYTHING)
        await self._application(scope, receive, send)

    def _reason(self, client: str, address: str, headers: dict[str, str]) -> str:
        """Say why not; "" when the caller may."""
        is_by_proxy = self._is_proxy(client)
        if not is_loopback(address):
            return _BY_PROXY if is_by_proxy else _ELSEWHERE
        if is_forwarded(headers) and not is_by_proxy:
            return _BY_PROXY
        if not is_by_proxy and not is_loopback(_host_of(headers.get("host", ""))):
            return _BY_NAME
        return ""


def is_loopback(host: str) -> bool:
    """Tell whether an address or name is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host_of(authority: str) -> str:
    """Give the host of a Host header, without its port."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0].lower()
