"""Stands before everything that is served over HTTP, and lets in who may.

What is refused is counted; each try that is not one of a flood is told in the log and audited.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from hilum.dicomweb.refusal import PROBLEM_TYPE, RequestRefused
from hilum.kernel.errors import Full, HilumError
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.entry import AuditRecord, Origin
from hilum.sources.web.access.certificate import CERTIFICATE_STATE
from hilum.sources.web.access.events import CallerRefused, RefusalRepeated, RefusalUnaudited
from hilum.sources.web.access.judge import Judge
from hilum.sources.web.access.refusal import AccessRefused
from hilum.sources.web.access.rules import Asked
from hilum.sources.web.caller import CALLER_STATE
from hilum.sources.web.fhir_refusal import fhir_refused, is_fhir, spoken_by

EVENT: Final = "request refused"


class AccessGate:
    """The application behind it is only reached by callers that may. `audit` blocks."""

    def __init__(
        self,
        application: ASGIApp,
        judge: Callable[[], Judge],
        *,
        telemetry: Telemetry,
        audit: Callable[[AuditRecord], None],
    ) -> None:
        self._application = application
        self._judge = judge
        self._telemetry = telemetry
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        judge, asked = self._judge(), _asked(scope)
        try:
            caller = await judge.caller(asked)
        except AccessRefused as refused:
            await self._tell(refused, judge, judge.address_of(asked))
            await _refuse(scope, send, refused.status, refused.said, refused.headers())
            return
        except HilumError as error:
            status = 507 if isinstance(error, Full) else 503
            said = "It cannot be said now who may."
            await _refuse(scope, send, status, said, [("retry-after", "5")])
            return
        scope.setdefault("state", {})[CALLER_STATE] = caller
        await self._application(scope, receive, send)

    async def _tell(self, refused: AccessRefused, judge: Judge, address: str) -> None:
        if not judge.is_worth_telling(refused, address):
            self._telemetry.emit(RefusalRepeated(refused.cause, refused.status, address))
            return
        who = refused.caller or "an unknown caller"
        self._telemetry.emit(
            CallerRefused(
                refused.cause, refused.status, who, address, refused.reason, refused.remedy
            )
        )
        record = AuditRecord(
            EVENT,
            "refused",
            Origin("", "", refused.caller, address, "", ""),
            detail=f"HTTP {refused.status}: {refused.reason}",
        )
        try:
            await asyncio.to_thread(self._audit, record)
        except HilumError as error:
            self._telemetry.emit(RefusalUnaudited(str(error)))


def _asked(scope: Scope) -> Asked:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        # RFC 9110 §5.3. Two of what must be one are then one that is not right.
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    client = scope.get("client") or ("", 0)
    return Asked(
        scope["method"],
        scope["raw_path"],
        headers,
        client[0],
        scope.get("state", {}).get(CERTIFICATE_STATE, frozenset()),
    )


async def _refuse(
    scope: Scope, send: Send, status: int, said: str, headers: Iterable[tuple[str, str]]
) -> None:
    """Answer in the form that whoever is behind us answers in."""
    content_type, body = _told(scope, RequestRefused(status, said))
    fields = [
        ("content-type", content_type),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        *headers,
    ]
    encoded = [(name.encode(), value.encode()) for name, value in fields]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def _told(scope: Scope, refusal: RequestRefused) -> tuple[str, bytes]:
    if not is_fhir(scope["raw_path"]):
        return PROBLEM_TYPE, refusal.body
    release = spoken_by(_asked(scope).headers.get("accept", ""), scope.get("query_string", b""))
    reply = fhir_refused(refusal, release)
    assert isinstance(reply.body, bytes)  # noqa: S101 - an outcome is short
    return reply.content_type, reply.body
