"""The DICOMweb door: from a request to the handler that answers it, and from any fault to a status.

An ASGI application without a framework: one dispatch over the values of `dicomweb.resource`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from hilum.dicomweb.base_url import BaseUrl, base_url, behind_proxy
from hilum.dicomweb.refusal import RequestRefused
from hilum.dicomweb.request_path import resource_of
from hilum.dicomweb.resource import Allowed, Resource
from hilum.kernel.errors import CorruptPayload, Full, HilumError
from hilum.kernel.faults import place_of
from hilum.kernel.telemetry import Telemetry
from hilum.sources.web.caller import CALLER_STATE, EVERYTHING, HttpCaller
from hilum.sources.web.events import RequestFailed
from hilum.sources.web.exchange import ClientGone, Exchange, Reply, answer, refused

Handler = Callable[[Exchange, Resource], Awaitable[Reply]]
# Everything under it is DICOMweb; the default entity's.
ROOT: Final = "/dicom-web"


@dataclass(frozen=True, slots=True)
class Face:
    """One DICOMweb root: its path, and the entity that it is a face of."""

    path: str
    entity: str


class WebDoor:
    """Answers DICOMweb under one root.

    `handlers`: by class of `dicomweb.resource`, what answers it. A resource without one is 501.
    """

    def __init__(
        self,
        face: Face,
        handlers: Mapping[type[Resource], Handler],
        telemetry: Telemetry,
        *,
        is_proxy: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._face = face
        self._handlers = handlers
        self._telemetry = telemetry
        self._is_proxy = is_proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        is_head = scope["method"] == "HEAD"
        exchange = Exchange(
            scope,
            receive,
            caller=_caller_of(scope),
            root=self._root(scope),
            entity=self._face.entity,
        )
        sent = _Sent(send)
        try:
            await answer(await self._reply(exchange), sent, is_head=is_head)
        except ClientGone:
            return
        except (HilumError, OSError) as error:
            await self._break_off(sent, error)
        except asyncio.CancelledError:
            raise
        except Exception as fault:  # noqa: BLE001 - a fault of ours is one request's, not the door's
            await self._break_off(sent, fault)

    async def _reply(self, exchange: Exchange) -> Reply:
        try:
            path = exchange.raw_path[len(self._face.path) :]
            resource = resource_of(exchange.method, path)
            if isinstance(resource, Allowed):
                return Reply(204, headers={"Allow": ", ".join(resource.methods)})
            return await self._handlers.get(type(resource), _not_offered)(exchange, resource)
        except RequestRefused as refusal:
            return refused(refusal)

    async def _break_off(self, sent: "_Sent", error: Exception) -> None:
        """Tell of a fault: by a status, or by cutting off an answer that was begun."""
        status, reason = _told(error)
        self._telemetry.emit(RequestFailed(status, type(error).__name__, place_of(error)))
        if sent.has_begun:
            # Without the last chunk the client knows that it has not all: the server closes.
            raise _CutOff from None
        await answer(refused(RequestRefused(status, reason, _headers(status))), sent)

    def _root(self, scope: Scope) -> BaseUrl:
        headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        host = next((value for name, value in headers if name == "host"), "")
        server = scope.get("server") or ("localhost", 80)
        found = base_url(
            scope["scheme"], host, self._face.path, otherwise=f"{server[0]}:{server[1]}"
        )
        client = scope.get("client")
        return behind_proxy(found, headers) if client and self._is_proxy(client[0]) else found


async def _not_offered(_exchange: Exchange, _resource: Resource) -> Reply:
    raise RequestRefused(501, "this gateway does not offer that resource")


class _CutOff(Exception):
    """An answer that was begun cannot be finished."""


class _Sent:
    """Sends, and remembers whether an answer was begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        self.has_begun = True
        await self._send(message)


def _caller_of(scope: Scope) -> HttpCaller:
    found = scope.get("state", {}).get(CALLER_STATE)
    if isinstance(found, HttpCaller):
        return found
    client = scope.get("client") or ("", 0)
    # Reached only where no access rules stand before us: in tests.
    return HttpCaller("", client[0], EVERYTHING)


def _told(error: Exception) -> tuple[int, str]:
    match error:
        case Full():
            return 507, str(error)
        case CorruptPayload():
            return 500, "what is held is damaged; the log says more"
        case HilumError():
            return 503, str(error)
        case OSError():
            return 503, "what is held cannot be read now; the log says more"
    return 500, "internal error; the log says more"


def _headers(status: int) -> Mapping[str, str]:
    return {"Retry-After": "5"} if status in {503, 507} else {}
