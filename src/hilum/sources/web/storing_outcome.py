"""What became of each part of a store, and the answer that says so (PS3.18 §10.5.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from hilum.dicom.json_reader import read_json
from hilum.dicom.native_xml_writer import to_xml
from hilum.dicomweb import reasons
from hilum.dicomweb.addresses import url_of
from hilum.dicomweb.base_url import BaseUrl
from hilum.dicomweb.choice import Choice
from hilum.dicomweb.media_types import DICOM_JSON
from hilum.dicomweb.resource import Place
from hilum.dicomweb.store_result import (
    FailedInstance,
    StoredInstance,
    StoreResult,
    store_result_json,
)
from hilum.kernel.names import UID, is_uid
from hilum.pipeline.answerers.statuses import HttpEnding
from hilum.pipeline.answerers.store_statuses import store_status, stow_ending, warning_reason
from hilum.pipeline.answers import (
    Answer,
    DuplicateRefused,
    Kept,
    Mismatched,
    Misplaced,
    NoRoom,
    NotPassed,
    NotUnderstood,
    Passed,
    TooLong,
)
from hilum.sources.web.exchange import Reply

RETRY_SECONDS: Final = 5
NOTHING_STORED: Final = HttpEnding(409, "")
NO_ROOM: Final = HttpEnding(503, "", RETRY_SECONDS)
TOO_LONG: Final = HttpEnding(413, "")
# Whoever sends all of it again may succeed.
_TRANSIENT: Final = frozenset((502, 503))
_DUPLICATE: Final = 0x0111
_UNTOLD: Final = UID("")
_JSON_TYPES: Final = frozenset((DICOM_JSON, "application/json"))


@dataclass(frozen=True, slots=True)
class Stored:
    """An instance that has its receipt, here or elsewhere. `warning`: what was done to it there."""

    sop_class_uid: UID
    place: Place
    warning: int | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A part that was not kept. `sop_instance_uid` is "" when it names no instance.

    `ending`: how a request ends of which this is all there was.
    """

    reason: int
    sop_class_uid: UID = _UNTOLD
    sop_instance_uid: UID = _UNTOLD
    ending: HttpEnding = NOTHING_STORED


Outcome = Stored | Failed


def failed_ending(answer: Answer) -> HttpEnding:
    """Say how a request ends whose instances all had this answer, which is a failure."""
    match answer:
        case NotPassed(outcome):
            return stow_ending([outcome])
        case NoRoom():
            return NO_ROOM
        case TooLong():
            return TOO_LONG
        case _:
            return NOTHING_STORED


def failure_reason(answer: Answer) -> int | None:  # noqa: PLR0911 - one for each kind
    """Give the failure reason for what the taker says, as a C-STORE would; None: it is kept."""
    match answer:
        case Kept() | Passed():
            return None
        case NotPassed(outcome, _, profile):
            return store_status(outcome, profile)
        case NoRoom():
            return reasons.OUT_OF_RESOURCES
        case Mismatched():
            return reasons.DATA_SET_MISMATCH
        case Misplaced():
            return reasons.STUDY_MISMATCH
        case NotUnderstood() | TooLong():
            return reasons.CANNOT_UNDERSTAND
        case DuplicateRefused():
            return _DUPLICATE
        case _:
            assert_never(answer)


def stored(answer: Answer, sop_class_uid: UID, place: Place) -> Stored:
    """Give the outcome of an instance whose answer is a success."""
    warning = warning_reason(answer.outcome) if isinstance(answer, Passed) else None
    return Stored(sop_class_uid, place, warning)


def reply_of(outcomes: Sequence[Outcome], choice: Choice, root: BaseUrl) -> Reply:
    """Answer with what became of each part; there is at least one."""
    ending = _ending(outcomes)
    content = store_result_json(_result(outcomes, root))
    if choice.essence not in _JSON_TYPES:
        content = to_xml(read_json(content)[0])
    wait = ending.retry_after
    headers = {"Retry-After": str(wait)} if ending.code == 503 and wait is not None else {}
    return Reply(ending.code, choice.content_type, content, headers)


def _ending(outcomes: Sequence[Outcome]) -> HttpEnding:
    """Give the status code (PS3.18 Table 10.5.3-1)."""
    failed = [one.ending for one in outcomes if isinstance(one, Failed)]
    if len(failed) < len(outcomes):
        is_told = failed or any(isinstance(one, Stored) and one.warning for one in outcomes)
        return HttpEnding(202 if is_told else 200, "")
    codes = {ending.code for ending in failed}
    if codes <= _TRANSIENT and len(codes) > 1:
        codes = {503}
    if len(codes) > 1:
        return NOTHING_STORED
    waits = [ending.retry_after for ending in failed if ending.retry_after is not None]
    return HttpEnding(codes.pop(), "", max(waits, default=RETRY_SECONDS))


def _result(outcomes: Sequence[Outcome], root: BaseUrl) -> StoreResult:
    stored: dict[UID, StoredInstance] = {}
    failed: dict[UID, FailedInstance] = {}
    others: list[int] = []
    studies: set[str] = set()
    for one in outcomes:
        if isinstance(one, Stored):
            studies.add(one.place.study)
            stored[UID(one.place.instance)] = StoredInstance(
                one.sop_class_uid, one.warning, _url(root, one.place)
            )
        elif one.sop_instance_uid:
            failed[one.sop_instance_uid] = FailedInstance(one.sop_class_uid, one.reason)
        else:
            others.append(one.reason)
    study = studies.pop() if len(studies) == 1 else ""
    study_url = url_of(root, Place(study)) if is_uid(study) else ""
    return StoreResult(stored, failed, tuple(others), study_url)


def _url(root: BaseUrl, place: Place) -> str:
    """Give the address of an instance; one whose data set names no study has none."""
    return url_of(root, place) if is_uid(place.study) and is_uid(place.series) else ""
