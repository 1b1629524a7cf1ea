"""Cuts an array of JSON objects into its objects while it arrives: a list is never in memory.

Nothing is read of an object but where it ends; whoever reads it finds what is wrong inside.
"""

import re
from collections.abc import Iterator
from typing import Final

from hilum.kernel.errors import RemoteProtocolError

# One match of a search has some kilobytes; metadata of an instance with a long sequence, some MiB.
OBJECT_BYTES_MAX: Final = 16 << 20

_BLANK: Final = b" \t\r\n"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_QUOTE, _BACKSLASH, _OPENS = b'"\\{'
# All that neither begins nor ends an object, texts without a backslash among it: braces in them
# mean nothing. A thousand at a time, since the engine keeps a note of each. (Possessive repetitions
# would do without; those of Python 3.11.2, which Debian has, take what they must not.)
_OUTSIDE: Final = re.compile(rb'(?:[^{}"]+|"[^"\\]*"){0,1000}')
_IN_TEXT: Final = re.compile(rb'(?:[^"\\]+|\\.){0,1000}', re.DOTALL)


class ObjectStream:
    """One body. `feed` it until it ends, then `finish`.

    Tolerated: one object without its array (seen: dcm4chee 2, Conquest), nothing at all, a byte
    order mark. `started`: whether there was anything.
    """

    def __init__(self) -> None:
        self.started = False
        self._held = bytearray()
        self._at = 0  # up to here, what is held was looked at
        self._depth = 0
        self._is_in_text = False
        self._begin = 0
        self._place = _Place()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give each object that is complete now.

        Raises:
            RemoteProtocolError: it is not an array of objects, or one of them is too long.
        """
        self._held += data
        while (one := self._next()) is not None:
            yield one
        if len(self._held) > OBJECT_BYTES_MAX:
            raise RemoteProtocolError(f"an object of JSON has more than {OBJECT_BYTES_MAX} bytes")

    def finish(self) -> None:
        """Say that no more comes.

        Raises:
            RemoteProtocolError: the body was cut.
        """
        if self._depth or self._held.strip(_BLANK) or not self._place.may_end:
            raise RemoteProtocolError("the JSON ended in the middle")

    def _next(self) -> bytes | None:
        """Cut out the next object; None: it is not complete, or there is none."""
        held = self._held
        if not self._depth and not self._reach_object():
            return None
        while self._depth:
            at = self._at = self._end_of(_IN_TEXT if self._is_in_text else _OUTSIDE)
            byte = held[at] if at < len(held) else _BACKSLASH
            if byte == _BACKSLASH and at + 1 >= len(held):  # nothing, or half an escape, is left
                return None
            self._at += self._step(byte)
        one = bytes(held[self._begin : self._at])
        del held[: self._at]
        self._at = self._begin = 0
        return one

    def _end_of(self, run: re.Pattern[bytes]) -> int:
        found = run.match(self._held, self._at)
        return found.end() if found else self._at

    def _step(self, byte: int) -> int:
        """Take the byte that ended a run; say whether it was one that means something."""
        if byte == _QUOTE:
            self._is_in_text = not self._is_in_text
        elif self._is_in_text or byte not in b"{}":
            return 0
        else:
            self._depth += 1 if byte == _OPENS else -1
        return 1

    def _reach_object(self) -> bool:
        """Go to where the next object begins; False: it is not here yet."""
        held = self._held
        if not self.started and _BYTE_ORDER_MARK.startswith(bytes(held[:3])):
            if len(held) < 3:
                return False
            del held[:3]
        at = 0
        while at < len(held):
            byte = held[at]
            if byte not in _BLANK:
                self.started = True
                self._place.step(byte)
                if byte == 0x7B:
                    break
            at += 1
        del held[:at]
        self._at = self._begin = 0
        if not held:
            return False
        self._depth, self._at = 1, 1
        return True


class _Place:
    """What may come between objects: an array's signs in their order."""

    def __init__(self) -> None:
        self._next: frozenset[int] = frozenset(b"[{")
        self._is_array = False
        self.may_end = True

    def step(self, byte: int) -> None:
        """Take a sign that is not blank. Raises RemoteProtocolError."""
        if byte not in self._next:
            raise RemoteProtocolError("the body is not an array of JSON objects (PS3.18 §F.2.1)")
        sign = chr(byte)
        if sign == "[":
            self._is_array, self._next, self.may_end = True, frozenset(b"{]"), False
        elif sign == "{":
            self._next = frozenset(b",]") if self._is_array else frozenset()
            self.may_end = not self._is_array
        elif sign == ",":
            self._next = frozenset(b"{")
        else:
            self._next, self.may_end = frozenset(), True
