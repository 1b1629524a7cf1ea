"""C-FIND and C-CANCEL (PS3.7 §9.1.2, §9.3.2; PS3.4 §C.4.1): the command sets of both roles.

A match is a pending response, followed by its identifier on the same context. What is asked is read
by `hilum.query` from the identifier; who may ask is decided elsewhere.
"""

from dataclasses import dataclass
from typing import Final

from hilum.dimse.command import Command, CommandField, InvalidMessage, Priority, encode_command
from hilum.dimse.service.ending import Ending, check_response, ended, responding
from hilum.dimse.status import PENDING, PENDING_WITH_WARNING, Category, Service, category, describe
from hilum.kernel.names import UID


def find_request(message_id: int, sop_class_uid: UID, *, priority: int = Priority.MEDIUM) -> bytes:
    """Give a C-FIND-RQ; its identifier must follow."""
    return encode_command(
        Command(
            CommandField.C_FIND_RQ,
            has_data_set=True,
            message_id=message_id,
            affected_sop_class_uid=sop_class_uid,
            priority=priority,
        )
    )


def find_match(command: Command) -> bytes:
    """Give the pending response for one match; its identifier must follow.

    It is the same for every match of a request.
    """
    return _pending(command, PENDING)


def find_match_with_warning(command: Command) -> bytes:
    """Give the pending response where optional keys of the request are not supported (FF01)."""
    return _pending(command, PENDING_WITH_WARNING)


def find_ended(command: Command, ending: Ending) -> bytes:
    """Give the last response; nothing follows it."""
    return encode_command(ended(command, ending))


def _pending(command: Command, status: int) -> bytes:
    response = responding(command, status)
    response.has_data_set = True
    return encode_command(response)


def cancel_request(message_id: int) -> bytes:
    """Give the C-CANCEL-RQ for the request `message_id`; it has no response of its own."""
    return encode_command(
        Command(CommandField.C_CANCEL_RQ, message_id_being_responded_to=message_id)
    )


def cancels(command: Command, request: Command) -> bool:
    """Tell whether `command` asks to stop `request`.

    One that names another message crossed with its last response and is to be ignored.
    """
    return (
        command.command_field == CommandField.C_CANCEL_RQ
        and command.message_id_being_responded_to == request.message_id
    )


@dataclass(frozen=True, slots=True)
class MatchFollows:
    """One match; its identifier follows. `all_keys_supported`: FF00, not FF01."""

    all_keys_supported: bool


@dataclass(frozen=True, slots=True)
class FindEnded:
    """The last response to our C-FIND; `words` say what its status means, and the comment."""

    status: int
    category: Category
    words: str
    offending_elements: tuple[int, ...] = ()


FindAnswer = MatchFollows | FindEnded
_OURS: Final = CommandField.C_FIND_RQ


def read_find_response(command: Command, message_id: int) -> FindAnswer:
    """Read a response to our C-FIND-RQ `message_id`.

    Raises:
        InvalidMessage: it answers something else, or a match has no identifier.
    """
    status = check_response(command, _OURS, message_id)
    kind = category(status, Service.FIND)
    if kind is Category.PENDING:
        if not command.has_data_set:
            raise InvalidMessage("a C-FIND match without identifier (PS3.7 §9.1.2.1)")
        return MatchFollows(status == PENDING)
    return FindEnded(status, kind, words_of(command, Service.FIND), command.offending_elements)


def words_of(command: Command, service: Service) -> str:
    """Say what the status of a response means, with what the peer adds."""
    words = describe(command.status or 0, service)
    return f"{words}: {command.error_comment}" if command.error_comment else words
