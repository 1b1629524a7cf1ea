"""The answer to a store, instance by instance (PS3.18 §10.5.3, Table I.1-1): read and written."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from hilum.dicomweb.attributes import Attributes, attributes_of_json, integer_of, items_of, text_of
from hilum.dicomweb.media_types import DICOM_JSON, DICOM_XML
from hilum.dicomweb.native_xml import attributes_of_xml
from hilum.kernel.errors import RemoteProtocolError
from hilum.kernel.names import UID

_REFERENCED: Final = "00081199"
_FAILED: Final = "00081198"
_OTHER_FAILURES: Final = "0008119A"
_SOP_CLASS: Final = "00081150"
_SOP_INSTANCE: Final = "00081155"
_RETRIEVE_URL: Final = "00081190"
_WARNING_REASON: Final = "00081196"
_FAILURE_REASON: Final = "00081197"

_JSON_TYPES: Final = frozenset({DICOM_JSON, "application/json", "text/json"})
_XML_TYPES: Final = frozenset({DICOM_XML, "application/xml", "text/xml"})
_UNTOLD: Final = UID("")
_quoted: Final = json.encoder.encode_basestring_ascii
NO_REASON: Final = 0  # a failed instance without a reason; no failure has this number


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """An instance that the server has. `warning` is None when it has nothing to say about it."""

    sop_class_uid: UID = _UNTOLD
    warning: int | None = None
    retrieve_url: str = ""


@dataclass(frozen=True, slots=True)
class FailedInstance:
    """An instance that the server does not have from this request."""

    sop_class_uid: UID = _UNTOLD
    reason: int = NO_REASON


@dataclass(frozen=True, slots=True)
class StoreResult:
    """What became of each instance. An instance may be in neither table: nobody knows then.

    `other_failures` has one reason for each part whose instance the server could not tell.
    """

    stored: Mapping[UID, StoredInstance] = field(default_factory=dict)
    failed: Mapping[UID, FailedInstance] = field(default_factory=dict)
    other_failures: tuple[int, ...] = ()
    retrieve_url: str = ""

    @property
    def is_empty(self) -> bool:
        """Tell whether it says nothing about any instance."""
        return not (self.stored or self.failed or self.other_failures)


def read_store_result(content: bytes, essence: str) -> StoreResult:
    """Read the body of an answer whose Content-Type is `essence`.

    A wrong or missing type is tolerated when the body is one of the two formats nevertheless.

    Raises:
        RemoteProtocolError: it is neither DICOM JSON nor the Native DICOM Model.
    """
    start = content[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if essence in _JSON_TYPES or (essence not in _XML_TYPES and start in {b"{", b"["}):
        return store_result_of(attributes_of_json(content))
    if essence in _XML_TYPES or (start == b"<" and essence != "text/html"):
        return store_result_of(attributes_of_xml(content))
    raise RemoteProtocolError(
        f"the body is {essence or 'without a type'}; expected {DICOM_JSON} or {DICOM_XML}"
    )


def store_result_of(answer: Attributes) -> StoreResult:
    """Sort the items of an answer. Failure wins where a server puts an instance in both tables."""
    failed = {
        UID(uid): FailedInstance(UID(text_of(item, _SOP_CLASS)), _reason(item))
        for item in items_of(answer, _FAILED)
        if (uid := text_of(item, _SOP_INSTANCE))
    }
    stored = {
        UID(uid): StoredInstance(
            UID(text_of(item, _SOP_CLASS)),
            integer_of(item, _WARNING_REASON) or None,
            text_of(item, _RETRIEVE_URL),
        )
        for item in items_of(answer, _REFERENCED)
        if (uid := text_of(item, _SOP_INSTANCE)) and uid not in failed
    }
    nameless = [item for item in items_of(answer, _FAILED) if not text_of(item, _SOP_INSTANCE)]
    others = (*nameless, *items_of(answer, _OTHER_FAILURES))
    return StoreResult(
        stored, failed, tuple(_reason(item) for item in others), text_of(answer, _RETRIEVE_URL)
    )


def _reason(item: Attributes) -> int:
    reason = integer_of(item, _FAILURE_REASON)
    # US has 16 bits (PS3.5 §6.2).
    return reason if reason is not None and 0 < reason <= 0xFFFF else NO_REASON


def store_result_json(result: StoreResult) -> bytes:
    """Write an answer as DICOM JSON, its tags in ascending order (PS3.18 §F.2.2)."""
    answer: list[str] = []
    if result.retrieve_url:
        answer.append(_text(_RETRIEVE_URL, "UR", result.retrieve_url))
    if result.failed:
        answer.append(_sequence(_FAILED, [_failed(*one) for one in result.failed.items()]))
    if result.stored:
        answer.append(_sequence(_REFERENCED, [_stored(*one) for one in result.stored.items()]))
    if result.other_failures:
        others = [[_number(_FAILURE_REASON, reason)] for reason in result.other_failures]
        answer.append(_sequence(_OTHER_FAILURES, others))
    return f"{{{','.join(answer)}}}".encode("ascii")


def _stored(uid: UID, one: StoredInstance) -> list[str]:
    elements = [_text(_SOP_CLASS, "UI", one.sop_class_uid), _text(_SOP_INSTANCE, "UI", uid)]
    elements.append(_text(_RETRIEVE_URL, "UR", one.retrieve_url))
    elements.append(_number(_WARNING_REASON, one.warning))
    return elements


def _failed(uid: UID, one: FailedInstance) -> list[str]:
    elements = [_text(_SOP_CLASS, "UI", one.sop_class_uid), _text(_SOP_INSTANCE, "UI", uid)]
    elements.append(_number(_FAILURE_REASON, one.reason))
    return elements


def _sequence(tag: str, items: Iterable[Iterable[str]]) -> str:
    """Write items; what an item has no value of is "" among its elements, and left out."""
    written = ",".join([f"{{{','.join(filter(None, elements))}}}" for elements in items])
    return f'"{tag}":{{"vr":"SQ","Value":[{written}]}}'


def _text(tag: str, vr: str, text: str) -> str:
    return f'"{tag}":{{"vr":"{vr}","Value":[{_quoted(text)}]}}' if text else ""


def _number(tag: str, number: int | None) -> str:
    return f'"{tag}":{{"vr":"US","Value":[{number}]}}' if number else ""
