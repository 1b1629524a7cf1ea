"""Says what is wrong with an archive: errors of a request as `AnswererFailed`."""

from datetime import datetime

import aiohttp

from hilum.destinations.http.failures import failure_of
from hilum.dicomweb.http_status import StatusKind, describe_status, kind_of_status, retry_after
from hilum.kernel.errors import HilumError, Rejected, RemoteProtocolError, Unreachable
from hilum.pipeline.answerers.ailments import AnswererFailed, HttpAnswer, Lost

_HINTS = {
    StatusKind.UNAUTHORIZED: "; is auth right?",
    StatusKind.FORBIDDEN: "; may we read there?",
    StatusKind.REDIRECTED: "; is url right, and is it http or https?",
}


def of_error(answerer: str, place: str, error: Exception) -> AnswererFailed:
    """Make it of what aiohttp or the system raised before there was an answer."""
    failure = failure_of(place, error)
    return AnswererFailed(str(failure), answerer=answerer, ailment=_lost(failure, error))


def _lost(failure: HilumError, error: Exception) -> Lost:
    if isinstance(failure, Rejected):
        return Lost.REJECTED
    if isinstance(failure, RemoteProtocolError):
        return Lost.BROKEN
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Lost.UNREACHABLE
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return Lost.UNREACHABLE
    return Lost.ABORTED


def of_credentials(answerer: str, error: HilumError) -> AnswererFailed:
    """Make it of credentials that cannot be had."""
    ailment = Lost.UNREACHABLE if isinstance(error, Unreachable) else Lost.REJECTED
    return AnswererFailed(str(error), answerer=answerer, ailment=ailment)


def of_status(
    answerer: str, place: str, code: int, *, retry: str = "", now: datetime
) -> AnswererFailed:
    """Make it of a status code that is no success; `retry`: its Retry-After."""
    wait = retry_after(retry, now=now)
    words = f"{place} answered {describe_status(code)}{_HINTS.get(kind_of_status(code), '')}"
    seconds = None if wait is None else wait.total_seconds()
    return AnswererFailed(words, answerer=answerer, ailment=HttpAnswer(code, seconds))


def broken(answerer: str, place: str, reason: str) -> AnswererFailed:
    """Make it of an answer that cannot be understood."""
    return AnswererFailed(f"{place}: {reason}", answerer=answerer, ailment=Lost.BROKEN)


def not_http(answerer: str, error: RemoteProtocolError) -> AnswererFailed:
    """Make it of what is no answer at all; `error` says whose."""
    return AnswererFailed(str(error), answerer=answerer, ailment=Lost.BROKEN)


def late(answerer: str, place: str, reason: str) -> AnswererFailed:
    """Make it of a deadline that passed."""
    return AnswererFailed(f"{place}: {reason}", answerer=answerer, ailment=Lost.LATE)


def code_of(failure: AnswererFailed) -> int:
    """Give the status code it was; 0: it was none."""
    return failure.ailment.code if isinstance(failure.ailment, HttpAnswer) else 0
