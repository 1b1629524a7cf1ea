"""The application under /api/v1: what is described, how errors are said."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from hilum import __version__
from hilum.console.api.models import Refusal
from hilum.dicomweb.refusal import PROBLEM_TYPE, problem
from hilum.kernel.errors import Full, HilumError

_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
ROOT: Final = "/api/v1"  # where it is mounted
_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_FAULTS_MAX: Final = 10
_NOT_ALLOWED: Final = 405
_JSON: Final = "application/json"
# The largest request is a selection of 1,000 numbers.
BODY_BYTES_MAX: Final = 64 * 1024


# Those that stand before the API refuse in the same shape.
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Refusal, "description": description}
    for status, description in (
        (400, "A body that cannot be read."),
        (401, "Nothing shows who calls."),
        (403, "Who calls may not do this, or not from there."),
        (404, "There is no such thing."),
        (411, "A body without a length."),
        (413, "A body that is too large."),
        (415, "A body that is not JSON, of what changes something."),
        (422, "What was sent cannot be meant: the error names it."),
        (429, "Too many requests; Retry-After says when to come again."),
        (503, "Not now."),
        (507, "The disk is full."),
    )
}


class _Described(FastAPI):
    """Describes refusals by the media type that they have; the framework knows one for all."""

    def openapi(self) -> dict[str, Any]:
        """Give the description; it is made once."""
        if self.openapi_schema is None:
            for operations in super().openapi()["paths"].values():
                for operation in operations.values():
                    for status, response in operation["responses"].items():
                        if int(status) in _REFUSALS:
                            response["content"] = {PROBLEM_TYPE: response["content"][_JSON]}
        return super().openapi()


def build(routers: Sequence[APIRouter]) -> FastAPI:
    """Make the application. Who may call it is decided before it is reached."""
    api = _Described(
        title="Hilum",
        version=__version__,
        description="The gateway's queue, destinations and decisions.",
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
        responses=_REFUSALS,
        dependencies=[Depends(_only_json)],
    )
    for router in routers:
        api.include_router(router)

    @api.middleware("http")
    async def guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        refused = _too_large(request)
        if refused is not None:
            return _error(*refused)
        response = await go_on(request)
        response.headers.update(_HEADERS)
        return response

    api.add_exception_handler(HTTPException, _said)
    api.add_exception_handler(RequestValidationError, _misread)
    api.add_exception_handler(HilumError, _hindered)
    api.add_exception_handler(Exception, _failed)
    return api


async def _only_json(request: Request) -> None:
    """Refuse what changes something and is not JSON: no foreign page may make a browser send it."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method in _CHANGING and kind != _JSON and not _is_bare(request):
        raise HTTPException(415, "Send a JSON body with Content-Type: application/json.")


def _is_bare(request: Request) -> bool:
    """Tell whether it is a DELETE without a body, which no page can make a browser send unasked."""
    headers = request.headers
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return request.method == "DELETE" and not has_body


def _too_large(request: Request) -> tuple[int, str] | None:
    """Refuse bodies without a length or with one that no request of ours has.

    A request that says nothing of either has no body (RFC 9112 §6.3).
    """
    if request.method in ("GET", "HEAD", "OPTIONS") or _is_bare(request):
        return None
    length = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers or not length.isdecimal():
        return 411, "Say how long the body is (Content-Length)."
    if int(length[:20]) > BODY_BYTES_MAX:
        return 413, f"A request has at most {BODY_BYTES_MAX} bytes."
    return None


async def _said(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    headers = error.headers
    if error.status_code == _NOT_ALLOWED:
        headers = {**(headers or {}), "Allow": ", ".join(_allowed(request))}
    return _error(error.status_code, str(error.detail), headers)


def _allowed(request: Request) -> list[str]:
    """Give all methods of this path; the framework names those of its first route only."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    described: dict[str, dict[str, object]] = request.app.openapi()["paths"]
    for template, methods in described.items():
        if compile_path(template)[0].match(path):
            return sorted(method.upper() for method in methods)
    return ["GET"]  # of what is not described: the description


async def _misread(_request: Request, error: Exception) -> Response:
    """Name each parameter that is wrong; its value may be a patient's and is not repeated."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
    return _error(422, "; ".join([_in_words(fault) for fault in error.errors()[:_FAULTS_MAX]]))


def _in_words(fault: dict[str, Any]) -> str:
    """Say what is wrong with a request in words of the request, not of what checks it."""
    *_, last = place = fault["loc"]
    if fault["type"] == "json_invalid":
        return f"the body is no JSON: {fault['ctx']['error']}, at character {last}"
    return f"{'.'.join(map(str, place))}: {fault['msg'].removeprefix('Value error, ')}"


async def _hindered(_request: Request, error: Exception) -> Response:
    return _error(507 if isinstance(error, Full) else 503, str(error))


async def _failed(_request: Request, _fault: Exception) -> Response:
    return _error(500, "Internal error; the log says more.")


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(problem(status, message), status, {**(headers or {}), **_HEADERS}, PROBLEM_TYPE)
