"""What an answerer's ailment becomes in the language of who asked: tables, and nothing else.

One row for every code that is treated in a way of its own, and a default for all others. Nothing
here is ever a success or a warning, but for "not found" where a search answers that with nothing.
Comments name the answerer and what it said, never a patient.

`harmony` is the table that a vendor published and some sites rely on: 400 A900, 404 0000 for C-FIND
and C000 otherwise, 413 A700, 5xx C000. It wants B000, a warning, for 409; that row is not followed,
since 409 says that nothing was done (PS3.18 Table 10.5.3-1): C000. What it does not list, lost
connections among it, is as in `standard`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from hilum.dicomweb.http_status import describe_status
from hilum.dimse.command import ERROR_COMMENT_LENGTH_MAX
from hilum.dimse.service.ending import CANNOT_PERFORM, Ending
from hilum.dimse.status import (
    CANNOT_UNDERSTAND,
    DATA_SET_MISMATCH,
    NOT_AUTHORIZED,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    SOP_CLASS_NOT_SUPPORTED,
    SUCCESS,
)
from hilum.pipeline.answerers.ailments import (
    Ailment,
    AnswererFailed,
    DimseAnswer,
    HttpAnswer,
    Lost,
)
from hilum.pipeline.entities import StatusProfile

# C001: we were unable, as others are for reasons that neither the identifier nor room explains.
UNABLE: Final = CANNOT_UNDERSTAND | 1
# Who has no reason to say when gets this.
RETRY_SECONDS: Final = 10

# HTTP → C-FIND. By code, then by class.
_FIND_OF_HTTP: Final[Mapping[int, int]] = {
    400: DATA_SET_MISMATCH,
    401: NOT_AUTHORIZED,
    403: NOT_AUTHORIZED,
    404: SUCCESS,
    406: UNABLE,
    407: NOT_AUTHORIZED,
    408: OUT_OF_RESOURCES,
    410: SUCCESS,
    411: OUT_OF_RESOURCES,
    413: OUT_OF_RESOURCES,
    415: UNABLE,
    423: OUT_OF_RESOURCES,
    425: OUT_OF_RESOURCES,
    429: OUT_OF_RESOURCES,
    500: UNABLE,
    501: SOP_CLASS_NOT_SUPPORTED,
    502: OUT_OF_RESOURCES,
    503: OUT_OF_RESOURCES,
    504: OUT_OF_RESOURCES,
    507: OUT_OF_RESOURCES,
}
# HTTP → C-MOVE, C-GET, when nothing at all can be sent.
_RETRIEVE_OF_HTTP: Final[Mapping[int, int]] = {
    400: CANNOT_UNDERSTAND,
    401: NOT_AUTHORIZED,
    403: NOT_AUTHORIZED,
    407: NOT_AUTHORIZED,
    404: CANNOT_PERFORM,
    406: CANNOT_PERFORM,
    408: CANNOT_PERFORM,
    410: CANNOT_PERFORM,
    411: CANNOT_PERFORM,
    413: CANNOT_PERFORM,
    415: CANNOT_PERFORM,
    423: CANNOT_PERFORM,
    425: CANNOT_PERFORM,
    429: CANNOT_PERFORM,
}
# HTTP → C-STORE, for an instance that was to go through and about which nothing more is known.
_STORE_OF_HTTP: Final[Mapping[int, int]] = {
    400: CANNOT_UNDERSTAND,
    401: NOT_AUTHORIZED,
    403: NOT_AUTHORIZED,
    407: NOT_AUTHORIZED,
    408: OUT_OF_RESOURCES,
    411: OUT_OF_RESOURCES,
    413: OUT_OF_RESOURCES,
    423: OUT_OF_RESOURCES,
    425: OUT_OF_RESOURCES,
    429: OUT_OF_RESOURCES,
    501: SOP_CLASS_NOT_SUPPORTED,
    502: OUT_OF_RESOURCES,
    503: OUT_OF_RESOURCES,
    504: OUT_OF_RESOURCES,
    507: OUT_OF_RESOURCES,
}
# The published table, as far as it differs between services: 404 is nothing found.
_HARMONY_OF_HTTP: Final[Mapping[int, int]] = {
    400: DATA_SET_MISMATCH,
    404: CANNOT_UNDERSTAND,
    409: CANNOT_UNDERSTAND,  # published: B000
    413: OUT_OF_RESOURCES,
}

_FIND_OF_LOST: Final[Mapping[Lost, int]] = {
    Lost.UNREACHABLE: OUT_OF_RESOURCES,
    Lost.LATE: OUT_OF_RESOURCES,
    Lost.BUSY: OUT_OF_RESOURCES,
    Lost.ABORTED: OUT_OF_RESOURCES,
    Lost.REJECTED: UNABLE,
    Lost.NOT_OFFERED: SOP_CLASS_NOT_SUPPORTED,
    Lost.BROKEN: UNABLE,
}
_RETRIEVE_OF_LOST: Final[Mapping[Lost, int]] = {
    Lost.UNREACHABLE: CANNOT_PERFORM,
    Lost.LATE: CANNOT_PERFORM,
    Lost.BUSY: CANNOT_PERFORM,
    Lost.ABORTED: CANNOT_PERFORM,
    Lost.REJECTED: CANNOT_PERFORM,
    Lost.NOT_OFFERED: SOP_CLASS_NOT_SUPPORTED,
    Lost.BROKEN: UNABLE,
}
_STORE_OF_LOST: Final[Mapping[Lost, int]] = {
    Lost.UNREACHABLE: OUT_OF_RESOURCES,
    Lost.LATE: OUT_OF_RESOURCES,
    Lost.BUSY: OUT_OF_RESOURCES,
    Lost.ABORTED: OUT_OF_RESOURCES,
    Lost.REJECTED: PROCESSING_FAILURE,
    Lost.NOT_OFFERED: SOP_CLASS_NOT_SUPPORTED,
    Lost.BROKEN: PROCESSING_FAILURE,
}
_HTTP_OF_LOST: Final[Mapping[Lost, int]] = {
    Lost.UNREACHABLE: 502,
    Lost.LATE: 504,
    Lost.BUSY: 503,
    Lost.ABORTED: 502,
    Lost.REJECTED: 502,
    Lost.NOT_OFFERED: 501,
    Lost.BROKEN: 502,
}
# Codes that tell who asked us something of use; the others speak of us, or of our configuration.
_HTTP_OF_HTTP: Final[Mapping[int, int]] = {
    400: 400,
    403: 403,
    404: 404,
    406: 406,
    408: 504,
    410: 404,
    413: 413,
    423: 503,
    425: 503,
    429: 503,
    501: 501,
    503: 503,
    504: 504,
    507: 503,
}


@dataclass(frozen=True, slots=True)
class HttpEnding:
    """How a request over HTTP ends. `retry_after` is for the header, in seconds; None: without."""

    code: int
    words: str
    retry_after: int | None = None


def find_ending(failure: AnswererFailed, profile: StatusProfile = "standard") -> Ending:
    """End a C-FIND whose answerer failed."""
    match failure.ailment:
        case HttpAnswer(code=404) | HttpAnswer(code=410):
            return Ending(SUCCESS)
        case HttpAnswer(code=code):
            status = _of_http(code, profile, _FIND_OF_HTTP, UNABLE)
        case DimseAnswer(status=answered):
            status = _find_of_dimse(answered)
        case Lost() as lost:
            status = _FIND_OF_LOST[lost]
        case other:
            assert_never(other)
    return Ending(status, comment_of(failure))


def retrieve_ending(failure: AnswererFailed, profile: StatusProfile = "standard") -> Ending:
    """End a C-MOVE or C-GET of which nothing could be sent because the answerer failed."""
    match failure.ailment:
        case HttpAnswer(code=code):
            default = CANNOT_PERFORM if code // 100 == 5 else UNABLE
            status = _of_http(code, profile, _RETRIEVE_OF_HTTP, default)
        case DimseAnswer(status=answered):
            status = _retrieve_of_dimse(answered)
        case Lost() as lost:
            status = _RETRIEVE_OF_LOST[lost]
        case other:
            assert_never(other)
    return Ending(status, comment_of(failure))


def store_status_of_ailment(ailment: Ailment, profile: StatusProfile = "standard") -> int:
    """Answer a C-STORE whose instance could not go through. Never success, never a warning."""
    match ailment:
        case HttpAnswer(code=code):
            return _of_http(code, profile, _STORE_OF_HTTP, PROCESSING_FAILURE)
        case DimseAnswer(status=answered):
            return store_failure_of_dimse(answered)
        case Lost():
            return _STORE_OF_LOST[ailment]
        case _:
            assert_never(ailment)


def http_ending(failure: AnswererFailed) -> HttpEnding:
    """End a QIDO-RS or WADO-RS request of which nothing was sent because the answerer failed."""
    ailment = failure.ailment
    seconds: float | None = None
    match ailment:
        case HttpAnswer(code=answered, retry_seconds=retry_seconds):
            code, seconds = _HTTP_OF_HTTP.get(answered, 502), retry_seconds
        case DimseAnswer(status=status):
            code = http_of_dimse(status)
        case Lost():
            code = _HTTP_OF_LOST[ailment]
        case _:
            assert_never(ailment)
    retry_after = max(1, int(-(-(seconds or RETRY_SECONDS) // 1))) if code == 503 else None
    return HttpEnding(code, comment_of(failure), retry_after)


def comment_of(failure: AnswererFailed) -> str:
    """Say in 64 characters who failed and how, for an Error Comment or a Warning header."""
    words = words_of(failure.ailment)
    room = ERROR_COMMENT_LENGTH_MAX - len(words) - len(": ")
    return f"{failure.answerer[:room]}: {words}" if failure.answerer and room > 0 else words


def words_of(ailment: Ailment) -> str:
    """Say what is wrong, in at most 48 characters of ASCII."""
    match ailment:
        case HttpAnswer(code=code):
            return f"answered {describe_status(code)}"
        case DimseAnswer(status=status, service=service):
            return f"answered 0x{status:04X} to {service.value}"
        case Lost():
            return _WORDS_OF_LOST[ailment]
        case _:
            assert_never(ailment)


_WORDS_OF_LOST: Final[Mapping[Lost, str]] = {
    Lost.UNREACHABLE: "cannot be reached",
    Lost.LATE: "did not answer in time",
    Lost.BUSY: "is busy",
    Lost.REJECTED: "turns us away",
    Lost.ABORTED: "ended the connection",
    Lost.NOT_OFFERED: "does not offer this service",
    Lost.BROKEN: "answered what cannot be understood",
}


def _of_http(code: int, profile: StatusProfile, table: Mapping[int, int], default: int) -> int:
    if profile == "harmony":
        if code // 100 == 5:
            return CANNOT_UNDERSTAND
        if code in _HARMONY_OF_HTTP:
            return _HARMONY_OF_HTTP[code]
    return table.get(code, default)


# 0xA710 is of the same range and means something else: an invalid prior record key.
_OUT_OF_RESOURCES: Final = frozenset((*range(0xA700, 0xA710), RESOURCE_LIMITATION))


def _find_of_dimse(status: int) -> int:
    """Pass on what a C-FIND may answer (PS3.4 Table C.4-1); of the rest the nearest."""
    if _is_unable(status) or status in {SOP_CLASS_NOT_SUPPORTED, NOT_AUTHORIZED}:
        return status
    if status in _OUT_OF_RESOURCES:
        return OUT_OF_RESOURCES
    return DATA_SET_MISMATCH if status >> 8 == DATA_SET_MISMATCH >> 8 else UNABLE


def _retrieve_of_dimse(status: int) -> int:
    """Pass on what a retrieval may answer; never that our own title is unknown there (A801)."""
    passed = {0xA701, CANNOT_PERFORM, SOP_CLASS_NOT_SUPPORTED, NOT_AUTHORIZED}
    if _is_unable(status) or status in passed:
        return status
    if status >> 8 == DATA_SET_MISMATCH >> 8:
        return DATA_SET_MISMATCH
    return UNABLE if status >> 8 == 0xAA else CANNOT_PERFORM


def store_failure_of_dimse(status: int) -> int:
    """Pass on a failure that a C-STORE may answer (PS3.4 Table B.2-1); of the rest the nearest.

    What is no failure at all is one here: who asks knows that the instance is not stored.
    """
    if _is_unable(status) or status >> 8 in _STORE_RANGES or status in _STORE_CODES:
        return status
    return OUT_OF_RESOURCES if status == RESOURCE_LIMITATION else PROCESSING_FAILURE


_STORE_RANGES: Final = frozenset((OUT_OF_RESOURCES >> 8, DATA_SET_MISMATCH >> 8))
# General failures that PS3.7 §9.1.1.1.9 gives a C-STORE.
_STORE_CODES: Final = frozenset(
    (
        PROCESSING_FAILURE,
        0x0111,  # duplicate SOP instance
        0x0115,  # invalid argument
        0x0117,  # invalid object instance
        SOP_CLASS_NOT_SUPPORTED,
        NOT_AUTHORIZED,
        0x0210,  # duplicate invocation
        0x0211,  # unrecognised operation
        0x0212,  # mistyped argument
    )
)


def http_of_dimse(status: int) -> int:
    """Give the code of a search or retrieval for the status of a C-FIND, C-MOVE or C-GET."""
    if status >> 8 == OUT_OF_RESOURCES >> 8 or status == RESOURCE_LIMITATION:
        return 503
    if status >> 8 == DATA_SET_MISMATCH >> 8:
        return 400
    return {SOP_CLASS_NOT_SUPPORTED: 501, NOT_AUTHORIZED: 403}.get(status, 502)


def _is_unable(status: int) -> bool:
    return status >> 12 == CANNOT_UNDERSTAND >> 12
