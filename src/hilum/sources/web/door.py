"""A door of HTTP: from a request to what answers it, and from any fault to a status.

An ASGI application without a framework. That of DICOMweb is one dispatch over the values of
`dicomweb.resource`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import ClassVar, Final

from starlette.types import Receive, Scope, Send

from hilum.dicomweb.base_url import BaseUrl, base_url, behind_proxy
from hilum.dicomweb.refusal import RequestRefused
from hilum.dicomweb.request_path import resource_of
from hilum.dicomweb.resource import Allowed, Resource
from hilum.dicomweb.search_warning import warning_headers
from hilum.kernel.faults import place_of
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.sources.web.answering import Answering
from hilum.sources.web.arriving_body import NO_HURRY, ClientGone
from hilum.sources.web.caller import CALLER_STATE, EVERYTHING, HttpCaller
from hilum.sources.web.compression import compressed
from hilum.sources.web.events import RequestAnswered, RequestFailed, kind_of, method_of
from hilum.sources.web.exchange import (
    SEND_FILE_STATE,
    SEND_SCATTERED_STATE,
    WHEN_GONE_STATE,
    Exchange,
    Reply,
    joined_headers,
    refused,
)
from hilum.sources.web.faults import refusal_of
from hilum.sources.web.live import Live
from hilum.sources.web.pace import Pace
from hilum.sources.web.proxies import IsProxy
from hilum.sources.web.visit import End, Visit, WhenGone

Handler = Callable[[Exchange, Resource], Awaitable[Reply]]
Answerer = Callable[[Exchange], Awaitable[Reply]]
# Everything under it is DICOMweb; the default entity's.
ROOT: Final = "/dicom-web"
# A key of a request's `state`: what closes its connection, for an answer that cannot be finished.
CUT_OFF_STATE: Final = "hilum.cut_off"
_GONE: Final = 499  # of our log and metrics only: nobody is there to read a status


@dataclass(frozen=True, slots=True)
class Face:
    """One root of services: its path, and the AE title of the entity that it is a face of.

    `pseudonym`: what the entity goes by among gateways (`query.via`); "": it asks nobody.
    `closed`: by class of resource, why the entity does not let it be used at all. `refused`: how
    its clients are told of what goes wrong.
    """

    path: str
    entity: str
    pseudonym: str = ""
    closed: Mapping[type[Resource], str] = field(default_factory=dict)
    refused: Callable[[RequestRefused, Exchange], Reply] = lambda refusal, _: refused(refusal)


class Door:
    """Answers under one root by an `answerer`, which raises what it cannot.

    When its client goes away, what is done for a request is cancelled; not that of `changing`
    methods, which may be half done then.
    """

    changing: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        face: Face,
        answerer: Answerer,
        telemetry: Telemetry,
        *,
        is_proxy: IsProxy = lambda _: False,
        pace: Pace = NO_HURRY,
        live: Live | None = None,
    ) -> None:
        self._face = face
        self._answerer = answerer
        self._telemetry = telemetry
        self._is_proxy = is_proxy
        self._pace = pace
        self._live = live or Live()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        began = perf_counter()
        state = scope.get("state", {})
        exchange = Exchange(
            scope,
            receive,
            caller=_caller_of(scope),
            root=self._root(scope),
            entity=self._face.entity,
            pace=self._pace,
        )
        exchange.pseudonym = self._face.pseudonym
        exchange.ends_when_gone = exchange.method not in self.changing
        answering = Answering(send, state.get(SEND_FILE_STATE), state.get(SEND_SCATTERED_STATE))
        visit = Visit(exchange, answering, began)
        number = self._live.enter(visit)
        try:
            await self._visited(visit, state.get(WHEN_GONE_STATE))
        finally:
            self._live.leave(number)
            await exchange.let_go()
        if visit.is_cut_off:
            _cut_off(scope)
        self._telemetry.emit(
            RequestAnswered(
                method_of(exchange.method),
                exchange.kind,
                str(visit.status),
                perf_counter() - began,
                exchange.arriving.bytes,
                visit.answering.bytes,
            )
        )

    async def _visited(self, visit: Visit, when_gone: WhenGone | None) -> None:
        """Serve a request until it is answered, or ended."""
        visit.begin(when_gone)
        try:
            await self._serve(visit)
        except ClientGone:
            visit.status = _GONE
        except asyncio.CancelledError:
            if not visit.take_back():
                raise
            await self._end(visit)
        except Exception as error:  # noqa: BLE001 - a fault of ours is one request's, not the door's
            await self._break_off(visit, error)
        finally:
            visit.finish()

    async def _serve(self, visit: Visit) -> None:
        exchange = visit.exchange
        try:
            reply = await self._answerer(exchange)
            if exchange.warnings:
                reply = _warned(reply, exchange)
            reply = await compressed(reply, exchange.headers.get("accept-encoding", ""))
        except (RequestRefused, AnswererFailed) as error:
            # That an archive does not answer is told by who asked it.
            reply = self._face.refused(refusal_of(error), exchange)
        visit.status = reply.status
        await visit.answering.send(reply, exchange)

    async def _end(self, visit: Visit) -> None:
        """Tell of a request that was ended before its time."""
        if visit.end is End.GONE:
            visit.status = _GONE
        else:
            await self._refuse(visit, RequestRefused(503, "the request was ended by an operator"))

    async def _break_off(self, visit: Visit, error: Exception) -> None:
        """Tell of a fault: by a status, or by cutting off an answer that was begun."""
        refusal = refusal_of(error)
        self._telemetry.emit(RequestFailed(refusal.status, type(error).__name__, place_of(error)))
        await self._refuse(visit, refusal)

    async def _refuse(self, visit: Visit, refusal: RequestRefused) -> None:
        visit.status = refusal.status
        if visit.answering.has_begun:
            visit.is_cut_off = True
            return
        try:
            reply = self._face.refused(refusal, visit.exchange)
            await visit.answering.send(reply, visit.exchange)
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


class WebDoor(Door):
    """Answers DICOMweb under one root.

    `handlers`: by class of `dicomweb.resource`, what answers it. A resource without one is 501.
    """

    changing: ClassVar[frozenset[str]] = frozenset(("DELETE", "POST"))

    def __init__(
        self,
        face: Face,
        handlers: Mapping[type[Resource], Handler],
        telemetry: Telemetry,
        *,
        is_proxy: IsProxy = lambda _: False,
        pace: Pace = NO_HURRY,
        live: Live | None = None,
    ) -> None:
        super().__init__(face, self._answer, telemetry, is_proxy=is_proxy, pace=pace, live=live)
        self._handlers = handlers
        self._closed = face.closed

    async def _answer(self, exchange: Exchange) -> Reply:
        path = exchange.raw_path[len(self._face.path) :]
        resource = resource_of(exchange.method, path)
        exchange.kind = kind_of(resource)
        if isinstance(resource, Allowed):
            return Reply(204, headers=self._allow(path, resource))
        if type(resource) in self._closed:
            allowed = resource_of("OPTIONS", path)
            headers = self._allow(path, allowed) if isinstance(allowed, Allowed) else {}
            raise RequestRefused(405, self._closed[type(resource)], headers)
        if exchange.method in self.changing:
            _check_unconditional(exchange)
        return await self._handlers.get(type(resource), _not_offered)(exchange, resource)

    def _allow(self, path: bytes, allowed: Allowed) -> dict[str, str]:
        """Name the methods of a path, without those that are closed."""
        methods = [
            one
            for one in allowed.methods
            if one == "OPTIONS" or type(resource_of(one, path)) not in self._closed
        ]
        return {"Allow": ", ".join(methods)}


def _check_unconditional(exchange: Exchange) -> None:
    """Change nothing under a condition: nobody here can tell if it holds (RFC 9110 §13).

    Raises:
        RequestRefused: 412.
    """
    for name in ("If-Match", "If-None-Match"):
        if name.lower() in exchange.headers:
            raise RequestRefused(
                412, f"{name}: storing and deleting have no conditions here; leave the header out"
            )


def _warned(reply: Reply, exchange: Exchange) -> Reply:
    """Say with an answer why it may not be all there is."""
    told = [reply.headers["Warning"]] if "Warning" in reply.headers else []
    told += warning_headers(str(exchange.root), exchange.warnings)
    return replace(reply, headers={**reply.headers, "Warning": ", ".join(told)})


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
