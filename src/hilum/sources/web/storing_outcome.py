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
from hilum.pipeline.answers import (
    Answer,
    DuplicateRefused,
    Kept,
    Mismatched,
    Misplaced,
    NoRoom,
    NotUnderstood,
    TooLong,
)
from hilum.sources.web.exchange import Reply

RETRY_SECONDS: Final = 5
_DUPLICATE: Final = 0x0111
_UNTOLD: Final = UID("")
_JSON_TYPES: Final = frozenset((DICOM_JSON, "application/json"))


@dataclass(frozen=True, slots=True)
class Stored:
    """An instance that has its receipt."""

    sop_class_uid: UID
    place: Place


@dataclass(frozen=True, slots=True)
class Failed:
    """A part that was not kept. `sop_instance_uid` is "" when it names no instance."""

    reason: int
    sop_class_uid: UID = _UNTOLD
    sop_instance_uid: UID = _UNTOLD
    is_too_long: bool = False


Outcome = Stored | Failed


def failure_reason(answer: Answer) -> int | None:
    """Give the failure reason for what intake says, as a C-STORE would; None: it is kept."""
    match answer:
        case Kept():
            return None
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


def reply_of(outcomes: Sequence[Outcome], choice: Choice, root: BaseUrl) -> Reply:
    """Answer with what became of each part; there is at least one."""
    status = _status(outcomes)
    content = store_result_json(_result(outcomes, root))
    if choice.essence not in _JSON_TYPES:
        content = to_xml(read_json(content)[0])
    headers = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else {}
    return Reply(status, choice.content_type, content, headers)


def _status(outcomes: Sequence[Outcome]) -> int:
    failed = [one for one in outcomes if isinstance(one, Failed)]
    if len(failed) < len(outcomes):
        return 202 if failed else 200
    if all(one.reason == reasons.OUT_OF_RESOURCES for one in failed):
        return 503
    return 413 if all(one.is_too_long for one in failed) else 409


def _result(outcomes: Sequence[Outcome], root: BaseUrl) -> StoreResult:
    stored: dict[UID, StoredInstance] = {}
    failed: dict[UID, FailedInstance] = {}
    others: list[int] = []
    studies: set[str] = set()
    for one in outcomes:
        if isinstance(one, Stored):
            studies.add(one.place.study)
            stored[UID(one.place.instance)] = StoredInstance(
                one.sop_class_uid, retrieve_url=_url(root, one.place)
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
