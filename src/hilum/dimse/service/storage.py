"""Storage, C-STORE (PS3.4 Annex B, PS3.7 §9.1.1): the command sets, and what is wrong with one."""

from dataclasses import dataclass

from hilum.dimse.command import (
    Command,
    Priority,
    encode_response,
    encode_store_request,
)
from hilum.dimse.status import (
    CANNOT_UNDERSTAND,
    INVALID_OBJECT_INSTANCE,
    SOP_CLASS_NOT_SUPPORTED,
)
from hilum.dimse.upper.negotiation import Context
from hilum.kernel.names import UID, is_uid


@dataclass(frozen=True, slots=True)
class MoveOriginator:
    """The C-MOVE that a store is a sub-operation of (PS3.7 §9.1.1.1)."""

    ae_title: str
    message_id: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """The status and comment to answer a request with that cannot be carried out."""

    status: int
    comment: str


def store_request(
    message_id: int,
    *,
    sop_class_uid: UID,
    sop_instance_uid: UID,
    priority: int = Priority.MEDIUM,
    originator: MoveOriginator | None = None,
) -> bytes:
    """Give a C-STORE-RQ; its data set must follow on the same context."""
    return encode_store_request(
        message_id,
        sop_class_uid=sop_class_uid,
        sop_instance_uid=sop_instance_uid,
        priority=priority,
        originator_ae_title=originator.ae_title if originator else "",
        originator_message_id=originator.message_id if originator else None,
    )


def store_response(command: Command, status: int, comment: str = "") -> bytes:
    """Give the C-STORE-RSP to `command`; both affected UIDs are echoed.

    `comment` has at most 64 characters and never patient data.
    """
    return encode_response(command, status, comment)


def store_refusal(context: Context, command: Command) -> Refusal | None:
    """Find what keeps a C-STORE-RQ from being taken, before its data set is read.

    The data set, if announced, comes all the same and must be read to its end.
    """
    if not context.we_are_scp:
        return Refusal(SOP_CLASS_NOT_SUPPORTED, "we are not SCP on this context")
    if command.affected_sop_class_uid != context.abstract_syntax:
        return Refusal(SOP_CLASS_NOT_SUPPORTED, "SOP class is not that of the context")
    if not is_uid(command.affected_sop_instance_uid):
        return Refusal(INVALID_OBJECT_INSTANCE, "SOP instance UID is not a UID")
    if not command.has_data_set:
        return Refusal(CANNOT_UNDERSTAND, "C-STORE-RQ announces no data set")
    return None
