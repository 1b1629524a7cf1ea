"""Storage commitment, push model (PS3.4 Annex J): what is asked for and what is reported."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.encode import encode_data_set
from hilum.dicom.parser import read_data_set
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dimse.command import Command, CommandField, encode_command
from hilum.kernel.errors import CorruptPayload, RemoteProtocolError
from hilum.kernel.names import UID

STORAGE_COMMITMENT: Final = UID("1.2.840.10008.1.20.1")
COMMITMENT_INSTANCE: Final = UID("1.2.840.10008.1.20.1.1")
REQUEST_ACTION: Final = 1  # PS3.4 Table J.3.2-1
ALL_COMMITTED: Final = 1  # event types of PS3.4 §J.3.3.1
SOME_FAILED: Final = 2
# Ten thousand instances with the longest UIDs are a quarter of it.
REPORT_BYTES_MAX: Final = 8 * 1024 * 1024

_TRANSACTION: Final = 0x00081195
_REFERENCED: Final = 0x00081199
_FAILED: Final = 0x00081198
_CLASS: Final = 0x00081150
_INSTANCE: Final = 0x00081155
_REASON: Final = 0x00081197

# PS3.4 §J.3.3.1.3.
FAILURE_REASONS: Final[Mapping[int, str]] = {
    0x0110: "processing failure",
    0x0112: "it has no such instance",
    0x0119: "class and instance conflict",
    0x0122: "the SOP class is not supported",
    0x0131: "the transaction UID is in use already",
    0x0213: "out of resources",
}


@dataclass(frozen=True, slots=True)
class CommitmentReport:
    """What an archive vouches for and what it does not; `failed` gives its reasons."""

    transaction_uid: UID
    committed: frozenset[UID]
    failed: Mapping[UID, int]


def failure_words(reason: int) -> str:
    """Say a Failure Reason (0008,1197)."""
    return f"{FAILURE_REASONS.get(reason, 'a reason that is not listed')} (0x{reason:04X})"


def commitment_request(message_id: int) -> bytes:
    """Give the N-ACTION-RQ; its data set must follow."""
    return encode_command(
        Command(
            CommandField.N_ACTION_RQ,
            has_data_set=True,
            message_id=message_id,
            requested_sop_class_uid=STORAGE_COMMITMENT,
            requested_sop_instance_uid=COMMITMENT_INSTANCE,
            action_type_id=REQUEST_ACTION,
        )
    )


def commitment_data_set(
    transaction: UID, instances: Iterable[tuple[UID, UID]], syntax: UID
) -> bytes:
    """Give the action information: classes and instances, each instance once (§J.3.2.1.1)."""
    builder = DataSetBuilder("").texts(_TRANSACTION, transaction)
    items = [
        builder.item().texts(_CLASS, sop_class).texts(_INSTANCE, sop_instance).data_set
        for sop_class, sop_instance in dict.fromkeys(instances)
    ]
    builder.items(_REFERENCED, *items)
    return encode_data_set(builder.data_set, transfer_syntax(syntax))


def report_request(message_id: int, event_type: int) -> bytes:
    """Give the N-EVENT-REPORT-RQ of an archive; its data set must follow."""
    return encode_command(
        Command(
            CommandField.N_EVENT_REPORT_RQ,
            has_data_set=True,
            message_id=message_id,
            affected_sop_class_uid=STORAGE_COMMITMENT,
            affected_sop_instance_uid=COMMITMENT_INSTANCE,
            event_type_id=event_type,
        )
    )


def read_report(data: bytes, syntax: UID) -> CommitmentReport:
    """Read the event information of a report.

    Raises:
        RemoteProtocolError: it is no data set, or names no transaction.
    """
    try:
        report = read_data_set(data, transfer_syntax(syntax))
    except CorruptPayload as error:
        raise RemoteProtocolError(f"a storage commitment report that is none: {error}") from error
    transaction = report.uid(_TRANSACTION)
    if not transaction:
        raise RemoteProtocolError("a storage commitment report without Transaction UID")
    failed = {item.uid(_INSTANCE): item.integer(_REASON) or 0 for item in report.items(_FAILED)}
    named = {item.uid(_INSTANCE) for item in report.items(_REFERENCED)}
    return CommitmentReport(transaction, frozenset(named - failed.keys()), failed)
