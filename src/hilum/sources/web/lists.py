"""Many data sets as one body: an array of JSON, or a part of XML for each (PS3.18 §8.7.3.2).

Pieces that go out have some size: one for each data set would cost more than writing it.
"""

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

from hilum.dicomweb.choice import Choice, Framing
from hilum.dicomweb.media_types import DICOM_XML
from hilum.dicomweb.multipart_writer import MultipartWriter

PIECE_BYTES: Final = 64 << 10


class Form(Protocol):
    """How data sets are put together."""

    content_type: str

    def before(self, *, is_first: bool) -> bytes:
        """Give what stands before a data set."""
        ...

    def end(self, *, is_empty: bool) -> bytes:
        """Give what stands behind the last one."""
        ...


class _JsonArray:
    def __init__(self, content_type: str) -> None:
        self.content_type = content_type

    def before(self, *, is_first: bool) -> bytes:
        return b"[" if is_first else b",\n"

    def end(self, *, is_empty: bool) -> bytes:
        return b"[]" if is_empty else b"]"


class _Parts:
    def __init__(self) -> None:
        self._writer = MultipartWriter(uuid.uuid4().hex, DICOM_XML)
        self.content_type = self._writer.content_type

    def before(self, *, is_first: bool) -> bytes:
        return self._writer.head({"Content-Type": DICOM_XML}, is_first=is_first)

    def end(self, *, is_empty: bool) -> bytes:
        # A body without parts is none by RFC 2046 §5.1; this is what readers take for one.
        return self._writer.closing[2:] if is_empty else self._writer.closing


class _Alone:
    content_type = DICOM_XML

    def before(self, *, is_first: bool) -> bytes:
        del is_first
        return b""

    def end(self, *, is_empty: bool) -> bytes:
        del is_empty
        return b""


def form_of(choice: Choice) -> Form:
    """Give the form of a body that was chosen."""
    if choice.essence != DICOM_XML:
        return _JsonArray(choice.essence)
    return _Parts() if choice.framing is Framing.MULTIPART else _Alone()


def whole(form: Form, data_sets: Sequence[bytes]) -> bytes:
    """Put data sets into one body."""
    first, other = form.before(is_first=True), form.before(is_first=False)
    end = form.end(is_empty=not data_sets)
    return b"".join((first, other.join(data_sets), end)) if data_sets else end


async def streamed(form: Form, data_sets: AsyncIterator[bytes | None]) -> AsyncIterator[bytes]:
    """Put data sets into a body that goes out while they come; closes what they come from.

    None among them: what is next has to be waited for, so what is here goes out.
    """
    held: list[bytes] = []
    size, is_first = 0, True
    try:
        async for data_set in data_sets:
            if data_set is not None:
                held += (form.before(is_first=is_first), data_set)
                size += len(data_set)
                is_first = False
            if held and (data_set is None or size >= PIECE_BYTES):
                yield b"".join(held)
                held.clear()
                size = 0
        held.append(form.end(is_empty=is_first))
        yield b"".join(held)
    finally:
        await close(data_sets)


async def close(source: AsyncIterator[object]) -> None:
    """Let go of what an iterator holds, if it can be told to."""
    aclose = getattr(source, "aclose", None)
    if aclose is not None:
        await aclose()
