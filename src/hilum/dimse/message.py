"""Messages of PS3.7 from the fragments of one association: commands whole, data sets as they come.

Holds one unfinished command set and nothing else; a data set is never assembled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hilum.dimse.command import (
    Command,
    CommandField,
    InvalidMessage,
    Priority,
    decode_command,
    encode_command,
    encode_response,
)
from hilum.dimse.upper.events import Fragment
from hilum.dimse.upper.negotiation import Context

__all__ = [
    "Command",
    "CommandField",
    "CommandReceived",
    "DataReceived",
    "InvalidMessage",
    "Messages",
    "Priority",
    "decode_command",
    "encode_command",
    "encode_response",
]

# The longest real command set, a C-MOVE response with every field, is under 1 KB. One that never
# ends brought a peer to 1 GB.
COMMAND_SET_LENGTH_MAX: Final = 1 << 16
_NO_CONTEXT: Final = -1


@dataclass(slots=True)
class CommandReceived:
    """A whole command; its data set follows as `DataReceived` if `command.has_data_set`."""

    context: Context
    command: Command


@dataclass(slots=True)
class DataReceived:
    """A piece of the data set that the last command announced; valid as long as its fragment."""

    context_id: int
    data: memoryview
    is_last: bool


Message = CommandReceived | DataReceived


class Messages:
    """Puts fragments together and refuses what PS3.7 §6.3 and PS3.8 Annex E do not allow.

    A message is a command set and, if that announces one, a data set, all on one context; the next
    message may only begin when it is complete. After `InvalidMessage` the association must be
    aborted.
    """

    __slots__ = ("_command", "_command_context", "_contexts", "_data_context")

    def __init__(self, contexts: Mapping[int, Context]) -> None:
        """Begin with the contexts of an established association."""
        self._contexts = contexts
        self._command = bytearray()
        self._command_context = _NO_CONTEXT
        self._data_context = _NO_CONTEXT

    @property
    def kept_length(self) -> int:
        """Tell how many bytes of an unfinished command set are held."""
        return len(self._command)

    def receive(self, fragment: Fragment) -> Message | None:
        """Take the next fragment; None while a command set is not complete.

        Raises:
            InvalidMessage: the fragment belongs to no message that could be going on.
        """
        if fragment.is_command:
            return self._receive_command(fragment)
        if fragment.context_id != self._data_context:
            raise self._unannounced(fragment.context_id)
        if fragment.is_last:
            self._data_context = _NO_CONTEXT
        return DataReceived(fragment.context_id, fragment.data, fragment.is_last)

    def _receive_command(self, fragment: Fragment) -> CommandReceived | None:
        context = self._contexts.get(fragment.context_id)
        if context is None:
            raise InvalidMessage(f"context {fragment.context_id} was not accepted (PS3.8 §9.3.5.1)")
        self._check_turn(fragment.context_id)
        length = len(self._command) + len(fragment.data)
        if length > COMMAND_SET_LENGTH_MAX:
            raise InvalidMessage(f"a command set of more than {COMMAND_SET_LENGTH_MAX} bytes")
        self._command += fragment.data
        if not fragment.is_last:
            self._command_context = fragment.context_id
            return None
        command = decode_command(self._command)
        self._command.clear()
        self._command_context = _NO_CONTEXT
        if command.has_data_set:
            self._data_context = fragment.context_id
        return CommandReceived(context, command)

    def _check_turn(self, context_id: int) -> None:
        if self._data_context != _NO_CONTEXT:
            raise InvalidMessage(
                f"a command on context {context_id} before the data set on context "
                f"{self._data_context} was complete (PS3.8 §E.1)"
            )
        if self._command_context not in (_NO_CONTEXT, context_id):
            raise InvalidMessage(
                f"a command on context {context_id} inside the command on context "
                f"{self._command_context} (PS3.8 §E.1)"
            )

    def _unannounced(self, context_id: int) -> InvalidMessage:
        return InvalidMessage(
            f"a data set on context {context_id}, where no command announced one (PS3.7 §6.3)"
        )
