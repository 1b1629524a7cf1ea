"""A door of HTTP: from a request to what answers it, and from any fault to a status.

An ASGI application without a framework. That of DICOMweb is one dispatch over the values of
`dicomweb.resource`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from starlette.types import Receive, Scope, Send

from hilum.dicomweb.base_url import BaseUrl, base_url, behind_proxy
from hilum.dicomweb.refusal import RequestRefused
from hilum.dicomweb.request_path import resource_of
from hilum.dicomweb.resource import Allowed, Resource
from hilum.kernel.errors import CorruptPayload, Full, HilumError
from hilum.kernel.faults import place_of
from hilum.kernel.telemetry import Telemetry
from hilum.sources.web.answering import Answering
from hilum.sources.web.arriving_body import NO_HURRY, ClientGone
from hilum.sources.web.caller import CALLER_STATE, EVERYTHING, HttpCaller
from hilum.sources.web.compression import compressed
from hilum.sources.web.events import RequestAnswered, RequestFailed, kind_of, method_of
from hilum.sources.web.exchange import SEND_FILE_STATE, Exchange, Reply, joined_headers, refused
from hilum.sources.web.pace import Pace
from hilum.sources.web.proxies import IsProxy

Handler = Callable[[Exchange, Resource], Awaitable[Reply]]
Answerer = Callable[[Exchange], Awaitable[Reply]]
# Everything under it is DICOMweb; the default entity's.
ROOT: Final = "/dicom-web"
# A key of a request's `state`: what closes its connection, for an answer that cannot be finished.
CUT_OFF_STATE: Final = "hilum.cut_off"
_GONE: Final = 499  # of our log and metrics only: nobody is there to read a status


@dataclass(frozen=True, slots=True)
class Face:
    """One root of services: its path, and the entity that it is a face of."""

    path: str
    entity: str


class Door:
    """Answers under one root by an `answerer`, which raises what it cannot."""

    def __init__(
        self,
        face: Face,
        answerer: Answerer,
        telemetry: Telemetry,
        *,
        is_proxy: IsProxy = lambda _: False,
        pace: Pace = NO_HURRY,
        monotonic: Callable[[], float] = perf_counter,
    ) -> None:
        self._face = face
        self._answerer = answerer
        self._telemetry = telemetry
        self._is_proxy = is_proxy
        self._pace = pace
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        began = self._monotonic()
        send_file = scope.get("state", {}).get(SEND_FILE_STATE)
        exchange = Exchange(
            scope,
            receive,
            caller=_caller_of(scope),
            root=self._root(scope),
            entity=self._face.entity,
            pace=self._pace,
        )
        visit = _Visit(Answering(send, send_file))
        try:
            await self._serve(exchange, visit)
        except ClientGone:
            visit.status = _GONE
        except Exception as error:  # noqa: BLE001 - a fault of ours is one request's, not the door's
            await self._break_off(exchange, visit, error)
        if visit.is_cut_off:
            _cut_off(scope)
        self._telemetry.emit(
            RequestAnswered(
                method_of(exchange.method),
                exchange.kind,
                str(visit.status),
                self._monotonic() - began,
                exchange.arriving.bytes,
                visit.answering.bytes,
            )
        )

    async def _serve(self, exchange: Exchange, visit: "_Visit") -> None:
        try:
            reply = await self._answerer(exchange)
            reply = await compressed(reply, exchange.headers.get("accept-encoding", ""))
        except RequestRefused as refusal:
            reply = refused(refusal)
        visit.status = reply.status
        await visit.answering.send(reply, exchange)

    async def _break_off(self, exchange: Exchange, visit: "_Visit", error: Exception) -> None:
        """Tell of a fault: by a status, or by cutting off an answer that was begun."""
        visit.status, reason = _told(error)
        self._telemetry.emit(RequestFailed(visit.status, type(error).__name__, place_of(error)))
        if visit.answering.has_begun:
            visit.is_cut_off = True
            return
        refusal = RequestRefused(visit.status, reason, _headers(visit.status))
        try:
            await visit.answering.send(refused(refusal), exchange)
        except ClientGone:
            visit.status = _GONE

    def _root(self, scope: Scope) -> BaseUrl:
        """Give the address of the service as the client knows it."""
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        server = scope.get("server") or ("localhost", 80)
        found = base_url(
            scope["scheme"],
            _with_port(host.decode("latin-1"), server),
            self._face.path,
            otherwise=f"{server[0]}:{server[1]}",
        )
        client = scope.get("client")
        if client and self._is_proxy(client[0]):
            return behind_proxy(found, joined_headers(scope["headers"]).items())
        return found


@dataclass(slots=True)
class _Visit:
    """One request, as it is told of afterwards."""

    answering: Answering
    status: int = 0
    is_cut_off: bool = False


class WebDoor(Door):
    """Answers DICOMweb under one root.

    `handlers`: by class of `dicomweb.resource`, what answers it. A resource without one is 501.
    """

    def __init__(
        self,
        face: Face,
        handlers: Mapping[type[Resource], Handler],
        telemetry: Telemetry,
        *,
        is_proxy: IsProxy = lambda _: False,
        pace: Pace = NO_HURRY,
    ) -> None:
        super().__init__(face, self._answer, telemetry, is_proxy=is_proxy, pace=pace)
        self._handlers = handlers

    async def _answer(self, exchange: Exchange) -> Reply:
        resource = resource_of(exchange.method, exchange.raw_path[len(self._face.path) :])
        exchange.kind = kind_of(resource)
        if isinstance(resource, Allowed):
            return Reply(204, headers={"Allow": ", ".join(resource.methods)})
        return await self._handlers.get(type(resource), _not_offered)(exchange, resource)


def _with_port(host: str, server: tuple[str, int]) -> str:
    """Complete a Host header that names our own address without its port.

    Seen: dicomweb-client 0.61 (Python) leaves it out, so that no address of ours would be found.
    Of other names we cannot know: behind a port that is forwarded, none may be right.
    """
    is_ours = host == server[0] or (host == "localhost" and server[0] == "127.0.0.1")
    return f"{host}:{server[1]}" if is_ours else host


async def _not_offered(_exchange: Exchange, _resource: Resource) -> Reply:
    raise RequestRefused(501, "this gateway does not offer that resource")


def _cut_off(scope: Scope) -> None:
    """Close the connection: without the last chunk the client knows that it has not all."""
    close = scope.get("state", {}).get(CUT_OFF_STATE)
    if close is not None:
        close()


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
