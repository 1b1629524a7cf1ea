"""Cuts one association's byte stream into fragments and PDUs. Judges no state, keeps no payload.

The hot path: a fragment is a slice of what came in, and only a header cut in two or the body of a
control PDU is ever copied, the latter after the association agreed to its length.
"""

from dataclasses import dataclass
from enum import Enum
from struct import Struct
from typing import Final

from hilum.dimse.upper.events import Event, Fragment
from hilum.dimse.upper.reasons import InvalidPdu

_DATA: Final = 4  # P-DATA-TF
_PDU_HEADER: Final = Struct(">BxI")
_PDV_HEADER: Final = Struct(">IBB")
_BOTH_HEADERS: Final = Struct(">BxIIBB")
_HEADER_LENGTH: Final = 6  # both headers have it
_PDV_LENGTH_FIELD: Final = 4
_PDV_LENGTH_MIN: Final = 2  # context id and message control header (PS3.8 §9.3.5.1)
_NOTHING: Final = memoryview(b"")
# Bits of the message control header: 1 is command, 2 is last; the others are reserved and not
# tested (PS3.8 Annex E.2).

DATA_REFUSED: Final = -1


@dataclass(frozen=True, slots=True)
class PduHeader:
    """A header the association must judge: answer with `keep`, `skip` or `stop`."""

    kind: int
    length: int


@dataclass(frozen=True, slots=True)
class WholePdu:
    """A control PDU whose body was kept."""

    kind: int
    body: bytes


class _Mode(Enum):
    PDU_HEADER = 1
    PDV_HEADER = 2
    PAYLOAD = 3
    KEEP = 4
    SKIP = 5
    STOPPED = 6


class PduStream:
    """Reads PDUs from any split of the stream.

    `data_length_max` is the longest P-DATA-TF that is read without asking, or `DATA_REFUSED`.
    """

    __slots__ = (
        "_context_id",
        "_flags",
        "_kept",
        "_kind",
        "_mode",
        "_pdu_left",
        "_pdv_left",
        "_position",
        "_view",
        "data_length_max",
    )

    def __init__(self) -> None:
        self.data_length_max = DATA_REFUSED
        self._mode = _Mode.PDU_HEADER
        self._kept = bytearray()  # a cut header (< 6 bytes) or the body of a control PDU
        self._kind = 0
        self._pdu_left = 0  # bytes of the current PDU that are not consumed
        self._pdv_left = 0  # of these, bytes of the current fragment
        self._context_id = 0
        self._flags = 0
        self._view = _NOTHING
        self._position = 0

    @property
    def kept_length(self) -> int:
        """Tell how many bytes are held in memory."""
        return len(self._kept)

    def open(self, view: memoryview) -> None:
        """Take the next bytes of the stream; `next` must be called until it gives None."""
        if self._mode is not _Mode.STOPPED:
            self._view = view

    def next(self, events: list[Event]) -> PduHeader | WholePdu | None:
        """Append fragments to `events` up to something the association must decide.

        Raises:
            InvalidPdu: a PDV breaks its PDU, or the other way round.
        """
        end = len(self._view)
        while self._position < end:
            found = self._advance(events)
            if found is not None:
                return found
        self._forget_view()
        return None

    def keep(self, header: PduHeader) -> None:
        """Collect the body of the PDU whose header was just given."""
        self._kind = header.kind
        self._pdu_left = header.length
        self._mode = _Mode.KEEP

    def skip(self, length: int) -> None:
        """Drop the body of the PDU whose header was just given."""
        self._pdu_left = length
        self._mode = _Mode.SKIP

    def skip_data(self) -> None:
        """Drop what is left of a P-DATA-TF that is being read, and refuse further ones."""
        self.data_length_max = DATA_REFUSED
        if self._mode in (_Mode.PDV_HEADER, _Mode.PAYLOAD):
            self._kept.clear()
            self.skip(self._pdu_left)

    def stop(self) -> None:
        """Drop everything from now on: the stream is over or out of step."""
        self._kept.clear()
        self._mode = _Mode.STOPPED
        self._forget_view()

    def _forget_view(self) -> None:
        """Let go of the caller's buffer, so that it can be resized or reused."""
        self._view = _NOTHING
        self._position = 0

    def _advance(self, events: list[Event]) -> PduHeader | WholePdu | None:
        match self._mode:
            case _Mode.PDU_HEADER:
                if not self._kept:
                    self._whole_fragments(events)
                return self._pdu_header()
            case _Mode.PDV_HEADER:
                self._pdv_header(events)
            case _Mode.PAYLOAD:
                self._payload(events)
            case _Mode.KEEP:
                return self._keep_body()
            case _:
                self._skip_body()
        return None

    def _whole_fragments(self, events: list[Event]) -> None:
        """Take PDUs of one fragment each that are here from end to end: what senders send."""
        view = self._view
        position = self._position
        end = len(view)
        length_max = self.data_length_max
        unpack = _BOTH_HEADERS.unpack_from
        append = events.append
        while end - position >= 2 * _HEADER_LENGTH:
            kind, length, pdv_length, context_id, flags = unpack(view, position)
            after = position + _HEADER_LENGTH + length
            if (
                kind != _DATA
                or length > length_max
                or after > end
                or pdv_length + _PDV_LENGTH_FIELD != length
                or pdv_length < _PDV_LENGTH_MIN
            ):
                break
            data = view[position + 2 * _HEADER_LENGTH : after]
            append(Fragment(context_id, flags & 1 == 1, flags & 2 == 2, data))
            position = after
        self._position = position

    def _header_bytes(self) -> bool:
        """Collect six bytes in `_kept`; tell whether all are there."""
        kept = self._kept
        position = self._position
        taken = self._view[position : position + _HEADER_LENGTH - len(kept)]
        kept += taken
        self._position = position + len(taken)
        return len(kept) == _HEADER_LENGTH

    def _pdu_header(self) -> PduHeader | None:
        if not self._header_bytes():
            return None
        kind, length = _PDU_HEADER.unpack(self._kept)
        self._kept.clear()
        if kind != _DATA or length > self.data_length_max:
            return PduHeader(kind, length)
        if not length:
            raise InvalidPdu("P-DATA-TF without a presentation data value (PS3.8 §9.3.5)")
        self._pdu_left = length
        self._next_pdv()
        return None

    def _next_pdv(self) -> None:
        left = self._pdu_left
        self._mode = _Mode.PDV_HEADER if left else _Mode.PDU_HEADER
        if 0 < left < _HEADER_LENGTH:
            raise InvalidPdu(f"{left} bytes are left in a P-DATA-TF, too few for a PDV header")

    def _pdv_header(self, events: list[Event]) -> None:
        before = self._position
        complete = self._header_bytes()
        self._pdu_left -= self._position - before
        if not complete:
            return
        length, self._context_id, self._flags = _PDV_HEADER.unpack(self._kept)
        self._kept.clear()
        self._pdv_left = length - _PDV_LENGTH_MIN
        if not 0 <= self._pdv_left <= self._pdu_left:
            raise InvalidPdu(
                f"a PDV of {length} bytes, where {_PDV_LENGTH_MIN} to "
                f"{self._pdu_left + _PDV_LENGTH_MIN} fit its P-DATA-TF (PS3.8 §9.3.5.1)"
            )
        self._mode = _Mode.PAYLOAD
        if not self._pdv_left:
            self._payload(events)  # an empty fragment needs no further byte to be there

    def _payload(self, events: list[Event]) -> None:
        view = self._view
        start = self._position
        stop = min(start + self._pdv_left, len(view))
        self._position = stop
        self._pdv_left -= stop - start
        self._pdu_left -= stop - start
        flags = self._flags
        is_last = flags & 2 == 2 and not self._pdv_left
        events.append(Fragment(self._context_id, flags & 1 == 1, is_last, view[start:stop]))
        if not self._pdv_left:
            self._next_pdv()

    def _taken(self) -> memoryview:
        """Consume as much of the current PDU as is here."""
        start = self._position
        stop = min(start + self._pdu_left, len(self._view))
        self._position = stop
        self._pdu_left -= stop - start
        return self._view[start:stop]

    def _keep_body(self) -> WholePdu | None:
        self._kept += self._taken()
        if self._pdu_left:
            return None
        body = bytes(self._kept)
        self._kept.clear()
        self._mode = _Mode.PDU_HEADER
        return WholePdu(self._kind, body)

    def _skip_body(self) -> None:
        self._taken()
        if not self._pdu_left:
            self._mode = _Mode.PDU_HEADER
