"""Looks at the lengths of fragments in a stream of PDUs: for tests only.

The engine gives out pieces as they come: where a read ends in the middle of a fragment, their
lengths say nothing about its own.
"""

from typing import Final

_P_DATA: Final = 4
_PDU_HEADER_BYTES: Final = 6
_PDV_LENGTH_BYTES: Final = 4


class FragmentLengths:
    """Counts fragments of odd length, which the standard forbids (PS3.8 §E.1)."""

    def __init__(self) -> None:
        self.odd = 0
        self._header = bytearray()
        self._wanted = _PDU_HEADER_BYTES
        self._pdu_left = 0  # of a P-DATA-TF
        self._skipped = 0  # of what stands before the next header

    def feed(self, data: bytes) -> None:
        """Take the next bytes, wherever they were cut."""
        at = 0
        while at < len(data):
            if self._skipped:
                step = min(self._skipped, len(data) - at)
                self._skipped -= step
                at += step
                continue
            step = self._wanted - len(self._header)
            self._header += data[at : at + step]
            at = min(at + step, len(data))
            if len(self._header) == self._wanted:
                self._pass(bytes(self._header))
                self._header.clear()

    def _pass(self, header: bytes) -> None:
        """Learn from a header what follows it."""
        length = int.from_bytes(header[-4:], "big")
        self._skipped = length
        if len(header) == _PDU_HEADER_BYTES:
            is_data = header[0] == _P_DATA
            self._pdu_left = length if is_data else 0
            self._skipped = 0 if is_data else length
        else:
            self.odd += length & 1
            self._pdu_left -= _PDV_LENGTH_BYTES + length
        self._wanted = _PDV_LENGTH_BYTES if self._pdu_left > 0 else _PDU_HEADER_BYTES
