"""Storage commitment as an archive sees it (PS3.4 Annex J): requests that come, reports that go.

What it asks and hears itself is in `commitment`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.encode import encode_data_set
from hilum.dicom.limits import ReaderLimits
from hilum.dicom.parser import read_data_set
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dimse.command import Command
from hilum.dimse.service.commitment import (
    ALL_COMMITTED,
    COMMITMENT_INSTANCE,
    REQUEST_ACTION,
    SOME_FAILED,
    STORAGE_COMMITMENT,
    report_request,
)
from hilum.dimse.service.storage import Refusal
from hilum.dimse.status import (
    CLASS_INSTANCE_CONFLICT,
    INVALID_ARGUMENT,
    NO_SUCH_ACTION,
    NO_SUCH_SOP_INSTANCE,
    SOP_CLASS_NOT_SUPPORTED,
)
from hilum.dimse.upper.negotiation import Context
from hilum.kernel.errors import CorruptPayload, RemoteProtocolError
from hilum.kernel.names import UID, is_uid

# Fifty thousand instances with usual UIDs. The report adds ten bytes or so to each at most, and
# stays below what our own side takes (`REPORT_BYTES_MAX`).
REQUEST_BYTES_MAX: Final = 6 * 1024 * 1024
# Each reference is an item with two elements.
_LIMITS: Final = ReaderLimits(
    depth_max=8,
    elements_max=400_000,
    malformed_max=100,
    value_bytes_max=REQUEST_BYTES_MAX,
    inflated_bytes_max=2 * REQUEST_BYTES_MAX,
)

_TRANSACTION: Final = 0x00081195
_REFERENCED: Final = 0x00081199
_FAILED: Final = 0x00081198
_CLASS: Final = 0x00081150
_INSTANCE: Final = 0x00081155
_REASON: Final = 0x00081197

Reference = tuple[UID, UID]  # SOP class and instance


@dataclass(frozen=True, slots=True)
class CommitmentRequest:
    """What somebody wants us to vouch for: classes and instances, each instance once."""

    transaction_uid: UID
    references: Sequence[Reference]


@dataclass(frozen=True, slots=True)
class Vouched:
    """What we report: what we hold for good, and why we do not hold the others."""

    transaction_uid: UID
    committed: Sequence[Reference]
    failed: Mapping[Reference, int]

    @property
    def event_type(self) -> int:
        """Give the event type (PS3.4 §J.3.3.1)."""
        return SOME_FAILED if self.failed else ALL_COMMITTED


def request_refusal(context: Context, command: Command) -> Refusal | None:
    """Find what keeps a request from being taken, before its data set is read."""
    if context.abstract_syntax != STORAGE_COMMITMENT or not context.we_are_scp:
        return Refusal(SOP_CLASS_NOT_SUPPORTED, "we are not SCP on this context")
    if command.requested_sop_class_uid != STORAGE_COMMITMENT:
        return Refusal(CLASS_INSTANCE_CONFLICT, "SOP class is not that of the context")
    if command.requested_sop_instance_uid != COMMITMENT_INSTANCE:
        return Refusal(NO_SUCH_SOP_INSTANCE, "not the well-known instance (PS3.4 J.3.5)")
    if command.action_type_id != REQUEST_ACTION:
        return Refusal(NO_SUCH_ACTION, "only action type 1 is known")
    if not command.has_data_set:
        return Refusal(INVALID_ARGUMENT, "the request has no data set")
    return None


def read_request(data: bytes, syntax: UID) -> CommitmentRequest:
    """Read the action information of a request (PS3.4 Table J.3.2-1).

    Raises:
        RemoteProtocolError: it is no data set, has no transaction UID, or names nothing or what is
            no instance; the message is short enough for an error comment.
    """
    try:
        asked = read_data_set(data, transfer_syntax(syntax), limits=_LIMITS)
    except CorruptPayload as error:
        raise RemoteProtocolError("the request cannot be read") from error
    transaction = asked.uid(_TRANSACTION)
    if not is_uid(transaction):
        raise RemoteProtocolError("Transaction UID (0008,1195) is not a UID")
    named: dict[UID, UID] = {}
    for item in asked.items(_REFERENCED):
        sop_class, uid = item.uid(_CLASS), item.uid(_INSTANCE)
        if not is_uid(sop_class) or not is_uid(uid):
            raise RemoteProtocolError("an item of (0008,1199) has no class or instance")
        if named.setdefault(uid, sop_class) != sop_class:
            raise RemoteProtocolError("an instance is named with two classes")
    if not named:
        raise RemoteProtocolError("Referenced SOP Sequence (0008,1199) has no items")
    return CommitmentRequest(transaction, [(sop_class, uid) for uid, sop_class in named.items()])


def vouched_request(message_id: int, vouched: Vouched) -> bytes:
    """Give the N-EVENT-REPORT-RQ of a report; its data set must follow."""
    return report_request(message_id, vouched.event_type)


def vouched_data_set(vouched: Vouched, syntax: UID) -> bytes:
    """Give the event information of a report (PS3.4 Table J.3.3-1)."""
    builder = DataSetBuilder("").texts(_TRANSACTION, vouched.transaction_uid)
    committed = [_item(builder, one).data_set for one in vouched.committed]
    failed = [
        _item(builder, one).numbers(_REASON, reason).data_set
        for one, reason in vouched.failed.items()
    ]
    # Type 1C: there when it has items.
    if failed:
        builder.items(_FAILED, *failed)
    if committed:
        builder.items(_REFERENCED, *committed)
    return encode_data_set(builder.data_set, transfer_syntax(syntax))


def _item(builder: DataSetBuilder, reference: Reference) -> DataSetBuilder:
    return builder.item().texts(_CLASS, reference[0]).texts(_INSTANCE, reference[1])
