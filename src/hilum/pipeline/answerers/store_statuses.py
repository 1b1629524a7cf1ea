"""What becomes of a store that goes through: the outcome of its delivery as the sender's answer.

Success is only for what the archive has, a warning only for what it has and changed. Who must try
again is told so by A7xx, which senders take for "later" (PS3.4 Table B.2-1).
"""

from collections.abc import Mapping, Sequence
from typing import Final, assert_never

from hilum.dicomweb.http_status import describe_status
from hilum.dicomweb.reasons import ReasonKind, kind_of_failure
from hilum.dimse.command import ERROR_COMMENT_LENGTH_MAX
from hilum.dimse.status import (
    DUPLICATE_SOP_INSTANCE,
    NOT_AUTHORIZED,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    SUCCESS,
)
from hilum.kernel.outcome import Deferred, Delivered, Failing, Outcome, Refused
from hilum.pipeline.answerers.ailments import HttpAnswer
from hilum.pipeline.answerers.statuses import (
    RETRY_SECONDS,
    HttpEnding,
    store_failure_of_dimse,
    store_status_of_ailment,
)
from hilum.pipeline.entities import StatusProfile

# The warnings of a C-STORE; an archive's others become the first (PS3.4 Table B.2-1).
_WARNINGS: Final = (0xB000, 0xB006, 0xB007)

# Microsoft's 0xB00E and 0xB00F would be warnings among those of a C-STORE.
_MADE_UP: Final = 0xB

_OF_FAILING: Final[Mapping[Failing, int]] = {
    Failing.BUSY: OUT_OF_RESOURCES,
    Failing.UNREACHABLE: OUT_OF_RESOURCES,
    Failing.UNTRIED: OUT_OF_RESOURCES,
    Failing.UNWELCOME: PROCESSING_FAILURE,  # a person must change something: our title, the address
    Failing.CONFUSED: PROCESSING_FAILURE,
}
# When nothing at all was stored.
_CODE_OF_FAILING: Final[Mapping[Failing, int]] = {
    Failing.BUSY: 503,
    Failing.UNREACHABLE: 502,
    Failing.UNTRIED: 503,
    Failing.UNWELCOME: 502,
    Failing.CONFUSED: 502,
}


def store_status(outcome: Outcome, profile: StatusProfile = "standard") -> int:
    """Answer a C-STORE with what became of its instance at the destination."""
    match outcome:
        case Delivered(warning=warning):
            return SUCCESS if warning is None else _warning(warning)
        case Deferred(status=int(status)) | Refused(status=int(status)):
            return _failure(status)
        case Deferred(http_status=int(code)) | Refused(http_status=int(code)) if _is_failure(code):
            return store_status_of_ailment(HttpAnswer(code), profile)
        case Deferred(failing=failing):
            return _OF_FAILING[failing]
        case Refused():
            return PROCESSING_FAILURE
        case _:
            assert_never(outcome)


def store_comment(outcome: Outcome, destination: str) -> str:
    """Say for an Error Comment what is wrong; "" of a success. The reasons of outcomes are longer.

    Only numbers of the destination are told: its words may be anything.
    """
    match outcome:
        case Delivered():
            return ""
        case Deferred(status=int(status)) | Refused(status=int(status)):
            words = f"answered 0x{status:04X}"
        case Deferred(http_status=int(code)) | Refused(http_status=int(code)) if _is_failure(code):
            words = f"answered {describe_status(code)}"
        case Deferred(failing=failing):
            words = _WORDS_OF_FAILING[failing]
        case Refused():
            words = "does not take such an instance"
        case _:
            assert_never(outcome)
    room = ERROR_COMMENT_LENGTH_MAX - len(words) - len(": ")
    return f"{destination[:room]}: {words}"


_WORDS_OF_FAILING: Final[Mapping[Failing, str]] = {
    Failing.BUSY: "is busy",
    Failing.UNREACHABLE: "cannot be reached",
    Failing.UNTRIED: "could not be tried",
    Failing.UNWELCOME: "turns us away",
    Failing.CONFUSED: "answered what cannot be understood",
}


def failure_reason(outcome: Outcome, profile: StatusProfile = "standard") -> int | None:
    """Give the Failure Reason (0008,1197) of a STOW answer; None: it is stored."""
    return None if isinstance(outcome, Delivered) else store_status(outcome, profile)


def warning_reason(outcome: Outcome) -> int | None:
    """Give the Warning Reason (0008,1196) of a STOW answer; None: there is none."""
    if isinstance(outcome, Delivered) and outcome.warning is not None:
        return _warning(outcome.warning) or None
    return None


def stow_ending(outcomes: Sequence[Outcome]) -> HttpEnding:
    """Give the status code of a STOW request (PS3.18 Table 10.5.3-1) with these outcomes."""
    stored = [one for one in outcomes if isinstance(one, Delivered)]
    if len(stored) == len(outcomes):
        changed = any(warning_reason(one) is not None for one in outcomes)
        return HttpEnding(202 if changed else 200, "")
    if stored:
        return HttpEnding(202, "some instances are not stored")
    codes = {_code_of_failure(one) for one in outcomes}
    mixed = 503 if codes <= _TRANSIENT else 409
    code = mixed if len(codes) > 1 else codes.pop()
    wait = _retry_after(outcomes) if code == 503 else None
    return HttpEnding(code, "no instance is stored", wait)


# Whoever sends all of it again may succeed.
_TRANSIENT: Final = frozenset((502, 503))
_TOO_LARGE: Final = 413


def _code_of_failure(outcome: Outcome) -> int:
    status = store_status(outcome)
    if status == NOT_AUTHORIZED:
        return 403
    if not isinstance(outcome, Deferred):
        is_too_large = isinstance(outcome, Refused) and outcome.http_status == _TOO_LARGE
        return _TOO_LARGE if is_too_large else 409
    if outcome.status is None and not _is_failure(outcome.http_status or 0):
        return _CODE_OF_FAILING[outcome.failing]
    return 503 if status >> 8 == OUT_OF_RESOURCES >> 8 else 502


def _retry_after(outcomes: Sequence[Outcome]) -> int:
    """Give what the destination asked for last."""
    asked = [
        one.retry_after.total_seconds()
        for one in outcomes
        if isinstance(one, Deferred) and one.retry_after is not None
    ]
    return max(1, int(max(asked, default=RETRY_SECONDS)))


def _warning(warning: int) -> int:
    """Give a warning that a C-STORE may answer; what was there already is success."""
    if warning == SUCCESS or kind_of_failure(warning) is ReasonKind.ALREADY_THERE:
        return SUCCESS
    return warning if warning in _WARNINGS else _WARNINGS[0]


def _failure(status: int) -> int:
    """Give a failure that a C-STORE may answer; makers of servers have numbers of their own."""
    match kind_of_failure(status):
        case ReasonKind.ALREADY_THERE:
            return DUPLICATE_SOP_INSTANCE
        case ReasonKind.LATER if status >> 12 == _MADE_UP:
            return OUT_OF_RESOURCES
        case _:
            return store_failure_of_dimse(status)


def _is_failure(code: int) -> bool:
    """Tell whether a code of HTTP says that nothing was done; a good one by itself says nothing."""
    return code >= 300
