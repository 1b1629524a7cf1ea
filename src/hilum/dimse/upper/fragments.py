"""Cuts messages into P-DATA-TF PDUs of the size the peer takes, without copying (PS3.8 §9.3.5)."""

from collections.abc import Iterator, Sequence
from typing import Final

from hilum.dimse.upper.association import Association

Bytes = bytes | bytearray | memoryview

# To a peer without a maximum: large enough that headers cost nothing, small enough for its buffers.
_UNLIMITED_PDU_BYTES: Final = 128 * 1024
_PDV_HEADER_BYTES: Final = 6  # length, context id, flags: they count against the maximum


class Fragments:
    """Makes the buffers to write for one association: headers and, between them, slices of data."""

    def __init__(self, association: Association, *, pdu_bytes_max: int) -> None:
        """Begin with an established association; we send no PDU above `pdu_bytes_max`."""
        self._association = association
        self._odd = b""  # the byte that would make the fragment before it odd
        announced = association.peer_maximum_length or _UNLIMITED_PDU_BYTES
        wanted = (min(announced, pdu_bytes_max) - _PDV_HEADER_BYTES) & ~1  # even (PS3.8 §E.1)
        self.bytes_max = min(wanted, association.fragment_length_max)

    def command(self, context_id: int, command: bytes) -> list[Bytes]:
        """Cut a whole command set; a message begins with it."""
        self._odd = b""
        return self._cut(context_id, command, is_command=True, is_last=True)

    def data(self, context_id: int, chunk: Bytes, *, is_last: bool) -> list[Bytes]:
        """Cut a piece of a data set; the last piece of all may be empty.

        Every fragment must have an even length (PS3.8 §E.1), or peers abort (Seen: DCMTK, "Odd
        Fragment Length"). An odd byte waits for the next chunk. At the very end it gets a NUL, as
        a deflated data set must have it (PS3.5 §A.5) and every reader we know lets pass.
        """
        if self._odd:
            chunk = b"".join((self._odd, chunk))
            self._odd = b""
        if len(chunk) & 1:
            if is_last:
                chunk = b"".join((chunk, b"\0"))
            else:
                self._odd = bytes(chunk[-1:])
                chunk = memoryview(chunk)[:-1]
        return self._cut(context_id, chunk, is_command=False, is_last=is_last)

    def headers(self, context_id: int, size: int) -> Iterator[tuple[bytes, int]]:
        """Cut a whole data set that lies elsewhere: the header of each fragment, and its length.

        `size` is even and not 0; see `data` for those that are odd.
        """
        left = size
        while left:
            length = min(left, self.bytes_max)
            left -= length
            header = self._association.data_header
            yield header(context_id, length, is_command=False, is_last=not left), length

    def whole(self, context_id: int, pieces: Sequence[Bytes]) -> list[Bytes]:
        """Cut a whole data set that lies in pieces: a fragment takes from as many as it needs.

        One of odd length gets a NUL at its end; see `data`.
        """
        left = sum(map(len, pieces))
        if left & 1:
            pieces, left = [*pieces, b"\0"], left + 1
        parts, room = list[Bytes](), 0
        for piece in pieces or (b"",):
            at, size = 0, len(piece)
            while at < size or not parts:
                if not room:
                    room = min(left, self.bytes_max)
                    left -= room
                    parts.append(
                        self._association.data_header(
                            context_id, room, is_command=False, is_last=not left
                        )
                    )
                step = min(room, size - at)
                whole = step == size
                parts.append(piece if whole else memoryview(piece)[at : at + step])
                at += step
                room -= step
        return parts

    def _cut(self, context_id: int, data: Bytes, *, is_command: bool, is_last: bool) -> list[Bytes]:
        header, size, end = self._association.data_header, self.bytes_max, len(data)
        if end <= size:
            if not end and not is_last:
                return []
            return [header(context_id, end, is_command=is_command, is_last=is_last), data]
        view = memoryview(data)
        full = header(context_id, size, is_command=is_command, is_last=False)
        # The last piece is what is left over after the last full one that something follows.
        final = (end - 1) // size * size
        parts: list[Bytes] = []
        for start in range(0, final, size):
            parts.append(full)
            parts.append(view[start : start + size])
        rest = view[final:]
        parts.append(header(context_id, len(rest), is_command=is_command, is_last=is_last))
        parts.append(rest)
        return parts
