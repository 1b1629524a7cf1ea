"""How a C-FIND, C-MOVE or C-GET ends: the status of its last response, and what explains it."""

from dataclasses import dataclass
from typing import Final

from hilum.dimse.command import ERROR_COMMENT_LENGTH_MAX, Command, CommandField, InvalidMessage
from hilum.dimse.service.storage import Refusal
from hilum.dimse.status import (
    CANCELLED,
    CANNOT_UNDERSTAND,
    DATA_SET_MISMATCH,
    OUT_OF_RESOURCES,
    SOP_CLASS_NOT_SUPPORTED,
    SUCCESS,
)
from hilum.dimse.upper.negotiation import Context

CANNOT_COUNT_MATCHES: Final = 0xA701
CANNOT_PERFORM: Final = 0xA702
DESTINATION_UNKNOWN: Final = 0xA801
LIMIT_REACHED: Final = 0xB001
SUBOPERATIONS_FAILED: Final = 0xB000
_RESPONSE_BIT: Final = 0x8000


@dataclass(frozen=True, slots=True)
class Ending:
    """The status of a last response, with the attributes and the comment of PS3.7 Annex C.

    `comment` is for the peer's operator; of more than 64 characters the rest is cut off. Never
    patient data.
    """

    status: int
    comment: str = ""
    offending_elements: tuple[int, ...] = ()


COMPLETE: Final = Ending(SUCCESS)
CANCELED: Final = Ending(CANCELLED)


def out_of_resources(comment: str) -> Ending:
    """End a C-FIND for which there is no room now."""
    return Ending(OUT_OF_RESOURCES, comment)


def cannot_count(comment: str) -> Ending:
    """End a C-MOVE or C-GET whose matches could not be found for want of resources."""
    return Ending(CANNOT_COUNT_MATCHES, comment)


def limit_reached(comment: str) -> Ending:
    """End a C-FIND that has more matches than are answered; those that were sent are valid."""
    return Ending(LIMIT_REACHED, comment)


def unknown_destination(comment: str = "the move destination is not a peer of ours") -> Ending:
    """End a C-MOVE to somebody we do not know."""
    return Ending(DESTINATION_UNKNOWN, comment)


def does_not_match(tag: int, comment: str, status: int = DATA_SET_MISMATCH) -> Ending:
    """End an operation whose identifier is none of its SOP class; `tag` is what is wrong."""
    return Ending(status, comment, (tag,))


def unable(comment: str, offset: int = 0) -> Ending:
    """End an operation that failed on our side: Cxxx, `offset` tells our failures apart."""
    return Ending(CANNOT_UNDERSTAND | offset & 0xFFF, comment)


def responding(command: Command, status: int) -> Command:
    """Begin a response to `command`, without a data set yet."""
    return Command(
        command.command_field | _RESPONSE_BIT,
        message_id_being_responded_to=command.message_id,
        affected_sop_class_uid=command.affected_sop_class_uid,
        status=status,
    )


def ended(command: Command, ending: Ending) -> Command:
    """Begin the last response to `command`."""
    response = responding(command, ending.status)
    # A backslash would make two values of it (PS3.5 §6.2, VR LO).
    response.error_comment = ending.comment[:ERROR_COMMENT_LENGTH_MAX].replace("\\", "/")
    response.offending_elements = ending.offending_elements
    return response


def query_retrieve_refusal(context: Context, command: Command) -> Refusal | None:
    """Find what keeps a request from being carried out, before its identifier is read.

    The identifier, if announced, comes all the same and must be read to its end.
    """
    if not context.we_are_scp:
        return Refusal(SOP_CLASS_NOT_SUPPORTED, "we are not SCP on this context")
    if command.affected_sop_class_uid != context.abstract_syntax:
        return Refusal(SOP_CLASS_NOT_SUPPORTED, "SOP class is not that of the context")
    if not command.has_data_set:
        return Refusal(DATA_SET_MISMATCH, "the request announces no identifier")
    return None


def check_response(command: Command, request: CommandField, message_id: int) -> int:
    """Give the status of a response to our own request.

    Raises:
        InvalidMessage: it answers something else, or has no status.
    """
    if command.command_field != request | _RESPONSE_BIT:
        raise InvalidMessage(f"command 0x{command.command_field:04X} does not answer {request!r}")
    if command.message_id_being_responded_to != message_id:
        raise InvalidMessage(
            f"a response to message {command.message_id_being_responded_to}; "
            f"message {message_id} is outstanding"
        )
    if command.status is None:
        raise InvalidMessage("a response without Status (PS3.7 §9.3)")
    return command.status
