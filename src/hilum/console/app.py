"""The HTTP face of the gateway itself: /livez, /readyz, /healthz, /metrics, the API and pages.

Who may call is decided before it is reached, by `sources.web.access`.
Pages have no data in them: they ask for it as any client does.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from hilum.console.board import Board
from hilum.console.flight import Closed, SingleFlight
from hilum.console.health import Status, health_document, is_ready, readiness_document, worst
from hilum.dicomweb.refusal import PROBLEM_TYPE, problem

# Readings come from the disk and the ledger: one that hangs must not keep the scraper waiting.
# Prometheus gives a scrape ten seconds by default (scrape_timeout).
METRICS_SECONDS_MAX: Final = 5.0

EXPOSITION_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

# Machines read this; no browser should do anything with it but show it (OWASP secure headers).
HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

API_PATH: Final = "/api/v1"
PATHS: Final = ("/livez", "/readyz", "/healthz", "/metrics")


class Console:
    """The application, and what it holds while it is served."""

    def __init__(
        self,
        board: Board,
        exposition: Callable[[], bytes],
        api: ASGIApp,
        pages: Mapping[str, ASGIApp] | None = None,
    ) -> None:
        """Answer from `board`; `exposition` gives all metrics, in a thread of its own."""
        self._board = board
        self._exposition = SingleFlight(exposition, name="metrics")
        self.application = Starlette(
            routes=[
                Route("/livez", self._livez),
                Route("/readyz", self._readyz),
                Route("/healthz", self._healthz),
                Route("/metrics", self._metrics),
                Mount(API_PATH, api),
                *_pages(pages or {}),
            ],
            exception_handlers={HTTPException: _refused, Exception: _failed},
        )
        # A path with a slash too many is another path; a redirect would only confuse a probe.
        self.application.router.redirect_slashes = False

    async def _livez(self, _request: Request) -> Response:
        """Say that the process lives: that this is answered shows that the event loop turns."""
        return _json({"status": "alive"})

    async def _readyz(self, _request: Request) -> Response:
        findings = await self._board.findings()
        return _json(readiness_document(findings), 200 if is_ready(findings) else 503)

    async def _healthz(self, _request: Request) -> Response:
        findings = await self._board.findings()
        return _json(health_document(findings), 503 if worst(findings) is Status.FAILING else 200)

    async def _metrics(self, _request: Request) -> Response:
        try:
            text = await self._exposition.result(timeout_seconds=METRICS_SECONDS_MAX)
        except TimeoutError:
            error = "The metrics could not be read in time. /healthz says what hangs."
            return _problem(503, error)
        except Closed:
            return _problem(503, "The gateway has stopped.")
        return Response(text, headers=HEADERS, media_type=EXPOSITION_TYPE)

    def close(self) -> None:
        """Let go of the thread the metrics are read in."""
        self._exposition.close()


def _pages(pages: Mapping[str, ASGIApp]) -> Iterator[Route | Mount]:
    """Give pages their places; a browser that comes without the slash is sent on to it.

    Addresses are relative: a proxy may have put all of us under a path of its own.
    """
    for path, page in pages.items():
        yield Route(path, _sent_on(f"{path[1:]}/"))
        yield Mount(path, page)
    if pages:
        yield Route("/", _sent_on(f"{next(iter(pages))[1:]}/"))


def _sent_on(address: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        return RedirectResponse(address, 307, HEADERS)

    return answer


def _json(document: Mapping[str, object], status: int = 200) -> JSONResponse:
    return JSONResponse(document, status, HEADERS)


def _problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, **members: object
) -> Response:
    body = problem(status, detail, **members)
    return Response(body, status, {**HEADERS, **(headers or {})}, PROBLEM_TYPE)


async def _refused(request: Request, error: Exception) -> Response:
    """Answer 404 and 405, and say what there is instead."""
    if not isinstance(error, HTTPException):
        return await _failed(request, error)
    there = {"paths": PATHS, "api": f"{API_PATH}/openapi.json"}
    return _problem(error.status_code, error.detail, error.headers, **there)


async def _failed(_request: Request, _error: Exception) -> Response:
    """Answer 500 without a word of the error: it goes to the log."""
    return _problem(500, "Internal error; the log says more.")
