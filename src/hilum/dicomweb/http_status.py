"""HTTP status codes as a gateway reads them (PS3.18 §8.5)."""

import enum
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

# A server that asks for more is asked again nevertheless.
RETRY_AFTER_MAX: Final = timedelta(days=1)


class StatusKind(enum.Enum):
    """What a status code says about the whole request."""

    ANSWERED = "answered"  # look at the body, instance by instance
    REDIRECTED = "redirected"
    BAD_REQUEST = "bad request"  # something in it is wrong: perhaps one instance
    UNAUTHORIZED = "unauthorised"  # credentials are missing or have expired
    FORBIDDEN = "forbidden"
    MISPLACED = "misplaced"  # this is not the address of a STOW service
    NOT_ACCEPTABLE = "not acceptable"  # it cannot answer in a media type we asked for
    UNSUPPORTED = "unsupported"  # it does not take this media type or transfer syntax
    TOO_LARGE = "too large"
    BUSY = "busy"  # not now
    FAILED = "failed"  # it broke while working on this request
    STRANGE = "strange"


_KINDS: Final = {
    200: StatusKind.ANSWERED,
    201: StatusKind.ANSWERED,
    202: StatusKind.ANSWERED,
    204: StatusKind.ANSWERED,
    207: StatusKind.ANSWERED,
    409: StatusKind.ANSWERED,
    400: StatusKind.BAD_REQUEST,
    401: StatusKind.UNAUTHORIZED,
    403: StatusKind.FORBIDDEN,
    404: StatusKind.MISPLACED,
    405: StatusKind.MISPLACED,
    406: StatusKind.NOT_ACCEPTABLE,
    407: StatusKind.FORBIDDEN,
    408: StatusKind.BUSY,
    410: StatusKind.MISPLACED,
    411: StatusKind.MISPLACED,
    413: StatusKind.TOO_LARGE,
    415: StatusKind.UNSUPPORTED,
    421: StatusKind.MISPLACED,
    423: StatusKind.BUSY,
    425: StatusKind.BUSY,
    429: StatusKind.BUSY,
    500: StatusKind.FAILED,
    501: StatusKind.MISPLACED,
    502: StatusKind.BUSY,
    503: StatusKind.BUSY,
    504: StatusKind.BUSY,
    507: StatusKind.BUSY,
}


_PHRASES: Final = {
    200: "OK",
    202: "Accepted",
    204: "No Content",
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    507: "Insufficient Storage",
}


def kind_of_status(code: int) -> StatusKind:
    """Tell what a status code asks of us; an unlisted one counts as its class (RFC 9110 §15)."""
    by_class = {3: StatusKind.REDIRECTED, 4: StatusKind.BAD_REQUEST, 5: StatusKind.FAILED}
    return _KINDS.get(code) or by_class.get(code // 100, StatusKind.STRANGE)


def describe_status(code: int) -> str:
    """Write a status code with its phrase: `503 Service Unavailable`."""
    return f"{code} {_PHRASES[code]}" if code in _PHRASES else str(code)


def retry_after(text: str, *, now: datetime) -> timedelta | None:
    """Read Retry-After, which is seconds or a date (RFC 9110 §10.2.3); None: it says nothing."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        seconds = int(text[:9])
    else:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        seconds = int((date - now).total_seconds())
    return min(timedelta(seconds=max(seconds, 0)), RETRY_AFTER_MAX)
