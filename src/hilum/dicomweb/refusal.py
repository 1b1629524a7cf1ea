"""A request that is not served: its status, why in words, and the body that says so (RFC 9457)."""

import json
from collections.abc import Mapping
from typing import Final

from hilum.dicomweb.http_status import describe_status
from hilum.kernel.errors import HilumError

PROBLEM_TYPE: Final = "application/problem+json"
_REASON_CHARACTERS_MAX: Final = 500


class RequestRefused(HilumError):
    """Answer with `status`, `headers` and `body`.

    The reason names what was wrong, never a value of the request: keys of searches are names and
    numbers of patients.
    """

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason[:_REASON_CHARACTERS_MAX]
        self.headers: Mapping[str, str] = headers or {}

    @property
    def body(self) -> bytes:
        """The answer's body."""
        return problem(self.status, self.reason)


def problem(status: int, reason: str, **members: object) -> bytes:
    """Write a status and its reason as a body of type `PROBLEM_TYPE`.

    `members`: of our own (RFC 9457 §3.2).
    """
    title = describe_status(status).partition(" ")[2] or "Error"
    return json.dumps({"title": title, "status": status, "detail": reason, **members}).encode()


def bad(reason: str) -> RequestRefused:
    """Refuse a request that has no meaning."""
    return RequestRefused(400, reason)


def not_found(reason: str) -> RequestRefused:
    """Refuse a request for what is not there."""
    return RequestRefused(404, reason)
