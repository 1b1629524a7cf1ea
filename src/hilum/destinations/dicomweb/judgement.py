"""What the answer to a store means for each instance of the request: a pure function.

A status code alone never delivers: what the server does not confirm by name is tried again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from hilum.destinations.dicomweb.batching import Batch, by_transfer_syntax, halves
from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.destinations.http.client import Answer
from hilum.dicomweb.http_status import StatusKind, describe_status, kind_of_status, retry_after
from hilum.dicomweb.media_types import MediaType, media_type
from hilum.dicomweb.reasons import ReasonKind, describe, kind_of_failure
from hilum.dicomweb.store_result import NO_REASON, StoreResult, read_store_result
from hilum.kernel.errors import RemoteProtocolError
from hilum.kernel.outcome import Deferred, Delivered, Failing, Outcome, Refused
from hilum.pipeline.ports import Parcel

_MISPLACED: Final = {
    404: "is the path right?",
    405: "is the path right? POST is not for this one",
    410: "is the path right? It says that there was something once",
    411: "it wants a Content-Length: chunked = false",
    501: "it does not store",
}


@dataclass(slots=True)
class Verdict:
    """What is decided now, what is to be sent again in other pieces, and whether to go on.

    `over` says why nothing more shall be sent now; empty: go on. `has_failed`: the server broke on
    this request, which may be the request's fault or the server's.
    """

    outcomes: list[tuple[Parcel, Outcome]] = field(default_factory=list)
    again: Sequence[Batch] = ()
    over: str = ""
    has_failed: bool = False


def judge(
    batch: Batch, answer: Answer, settings: DicomWebDestinationSettings, now: datetime
) -> Verdict:
    """Decide about `batch`. Redirects, 401 and 406 were dealt with as far as we can."""
    words = f"the server answered {describe_status(answer.status)}"
    match kind_of_status(answer.status):
        case StatusKind.ANSWERED:
            return _by_instance(batch, answer, settings)
        case StatusKind.BAD_REQUEST:
            return _bad_request(batch, answer, settings)
        case StatusKind.TOO_LARGE:
            return _too_large(batch, words, answer.status)
        case StatusKind.UNSUPPORTED | StatusKind.NOT_ACCEPTABLE:
            return _unsupported(batch, words, answer.status)
        case StatusKind.BUSY | StatusKind.FAILED as kind:
            wait = retry_after(answer.header("retry-after"), now=now)
            return _not_now(batch, answer.status, kind, wait)
        case kind:
            return _turned_away(batch, answer.status, kind, settings)


def _not_now(batch: Batch, status: int, kind: StatusKind, wait: timedelta | None) -> Verdict:
    words = f"the server answered {describe_status(status)}"
    outcome = Deferred(words, wait, Failing.BUSY, http_status=status)
    if kind is StatusKind.BUSY:
        return _defer(batch, outcome, over=words)
    verdict = _defer(batch, outcome)
    verdict.has_failed = True
    return verdict


def _turned_away(
    batch: Batch, status: int, kind: StatusKind, settings: DicomWebDestinationSettings
) -> Verdict:
    """Decide when it is not about these instances: a person must change something."""
    words = f"the server answered {describe_status(status)}"
    failing = Failing.UNWELCOME
    if kind in {StatusKind.UNAUTHORIZED, StatusKind.FORBIDDEN}:
        words += ": is auth right, and may we store there?"
    elif kind is StatusKind.MISPLACED:
        words += f": {_MISPLACED.get(status, 'is url right?')}; tried {settings.url}"
    else:
        words += ", which is no answer to a store; is url right?"
        failing = Failing.CONFUSED
    return _defer(batch, Deferred(words, failing=failing, http_status=status), over=words)


def _too_large(batch: Batch, words: str, status: int) -> Verdict:
    if len(batch) > 1:
        return Verdict(again=halves(batch))
    hint = "the instance is larger than it, or a proxy before it, takes"
    return _refuse(batch, f"{words}: {hint}", status)


def _by_instance(batch: Batch, answer: Answer, settings: DicomWebDestinationSettings) -> Verdict:
    """Read the body of 200, 202 or 409 and decide instance by instance."""
    result, fault = _read(answer)
    if result.is_empty:
        return _without_names(batch, answer, fault, settings)
    return _by_result(batch, answer, result, settings)


def _by_result(
    batch: Batch, answer: Answer, result: StoreResult, settings: DicomWebDestinationSettings
) -> Verdict:
    verdict = Verdict()
    unnamed: list[Parcel] = []
    for parcel in batch:
        outcome = _named(parcel, result, answer.status, settings)
        if outcome is None:
            unnamed.append(parcel)
        else:
            verdict.outcomes.append((parcel, outcome))
    if unnamed:
        _add_unnamed(verdict, tuple(unnamed), answer, result)
    return verdict


def _named(
    parcel: Parcel, result: StoreResult, status: int, settings: DicomWebDestinationSettings
) -> Outcome | None:
    """Give the outcome of an instance that the answer names; None: it does not."""
    uid = parcel.sop_instance_uid
    failed = result.failed.get(uid)
    if failed is not None:
        return _of_reason(parcel, failed.reason, status, settings)
    stored = result.stored.get(uid)
    if stored is None:
        return None
    if stored.warning is None:
        return Delivered()
    return Delivered(stored.warning, describe(stored.warning))


def _of_reason(
    parcel: Parcel, reason: int, status: int, settings: DicomWebDestinationSettings
) -> Outcome:
    if reason == NO_REASON:
        words = f"the server did not store it and gave no reason ({describe_status(status)})"
        return Refused(words, http_status=status)
    words = f"the server did not store it: {describe(reason)}"
    match kind_of_failure(reason):
        case ReasonKind.LATER:
            return Deferred(words, failing=Failing.BUSY, status=reason, http_status=status)
        case ReasonKind.ALREADY_THERE if _counts_as_delivered(parcel, settings):
            return Delivered(reason, describe(reason))
        case ReasonKind.ALREADY_THERE:
            return Refused(f"{words}. already_there says what this means", reason, status)
        case ReasonKind.REFUSED:
            return Refused(words, reason, status)


def _counts_as_delivered(parcel: Parcel, settings: DicomWebDestinationSettings) -> bool:
    if settings.already_there == "retried":
        # An answer that was lost: it was we who brought what is there.
        return parcel.attempts > 0
    return settings.already_there == "accept"


def _add_unnamed(verdict: Verdict, unnamed: Batch, answer: Answer, result: StoreResult) -> None:
    """Decide about those that an answer does not name though it names others, or failures."""
    lone = result.other_failures[0] if result.other_failures else NO_REASON
    if len(unnamed) == 1 and not verdict.outcomes and lone != NO_REASON:
        words = f"the server did not store it: {describe(lone)}"
        later = kind_of_failure(lone) is ReasonKind.LATER
        outcome: Outcome = (
            Deferred(words, status=lone, http_status=answer.status)
            if later
            else Refused(words, lone, answer.status)
        )
        verdict.outcomes.append((unnamed[0], outcome))
    elif len(unnamed) > 1 and result.other_failures:
        verdict.again = [(parcel,) for parcel in unnamed]  # alone, a nameless failure has a name
    elif answer.status == 409 and verdict.outcomes:
        # Nothing of the request was stored (PS3.18 Table 10.5.3-1), whatever was wrong with others.
        verdict.again = [unnamed]
    else:
        words = f"the server answered {describe_status(answer.status)} and did not name it"
        untold = Deferred(words, failing=Failing.CONFUSED, http_status=answer.status)
        verdict.outcomes += [(parcel, untold) for parcel in unnamed]


def _without_names(
    batch: Batch, answer: Answer, fault: str, settings: DicomWebDestinationSettings
) -> Verdict:
    """Decide when the body says nothing of any instance."""
    words = f"the server answered {describe_status(answer.status)}"
    if answer.status == 409:
        if len(batch) > 1:
            return Verdict(again=halves(batch))
        return _refuse(batch, f"{words} and gave no reason{fault and f' ({fault})'}", 409)
    if settings.trust_status and answer.status in {200, 201, 204} and not answer.content:
        if answer.fault:
            return _defer(batch, _untold(f"{words}, but {answer.fault}", answer))
        remark = f"{words} and named no instance; trust_status is on"
        return Verdict([(parcel, Delivered(remark=remark)) for parcel in batch])
    if answer.fault:
        words += f", but {answer.fault}"
        return _defer(batch, _untold(words, answer), over=words)
    words += f", but {fault or 'names no instance'}, so nobody knows what it kept"
    if not answer.content:
        words += ". If it never names any, trust_status = true believes it"
    outcome = Deferred(words, failing=Failing.CONFUSED, http_status=answer.status)
    return _defer(batch, outcome)


def _untold(words: str, answer: Answer) -> Deferred:
    return Deferred(words, failing=Failing.UNREACHABLE, http_status=answer.status)


def _bad_request(batch: Batch, answer: Answer, settings: DicomWebDestinationSettings) -> Verdict:
    result, _ = _read(answer)
    if any(parcel.sop_instance_uid in result.failed for parcel in batch):
        verdict = _by_result(batch, answer, result, settings)
        rest = tuple(p for p, outcome in verdict.outcomes if _is_untold(outcome))
        if rest:  # nothing of a bad request is stored
            verdict.outcomes = [one for one in verdict.outcomes if one[0] not in rest]
            verdict.again = [*verdict.again, rest]
        return verdict
    if len(batch) > 1:
        return Verdict(again=halves(batch))
    words = f"the server answered {describe_status(answer.status)} to this instance alone"
    return _refuse(batch, words, answer.status)


def _is_untold(outcome: Outcome) -> bool:
    return isinstance(outcome, Deferred) and outcome.failing is Failing.CONFUSED


def _unsupported(batch: Batch, words: str, status: int) -> Verdict:
    kinds = by_transfer_syntax(batch)
    if len(kinds) > 1:
        return Verdict(again=kinds)
    syntax = batch[0].transfer_syntax_uid
    words += f": it does not take transfer syntax {syntax}, or no multipart/related at this URL"
    return _refuse(batch, words, status)


def _read(answer: Answer) -> tuple[StoreResult, str]:
    """Read the body; when that is impossible, say why."""
    if answer.fault or not answer.content:
        return StoreResult(), answer.fault
    try:
        return read_store_result(answer.content, _type_of(answer).essence), ""
    except RemoteProtocolError as error:
        return StoreResult(), str(error)


def _type_of(answer: Answer) -> MediaType:
    try:
        return media_type(answer.header("content-type"))
    except RemoteProtocolError:
        return MediaType("")


def _refuse(batch: Batch, words: str, status: int) -> Verdict:
    return Verdict([(parcel, Refused(words, http_status=status)) for parcel in batch])


def _defer(batch: Batch, outcome: Deferred, *, over: str = "") -> Verdict:
    return Verdict([(parcel, outcome) for parcel in batch], over=over)
