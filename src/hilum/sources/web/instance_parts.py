"""Instances as bytes: their DICOM files, and the multipart body around several."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from secrets import token_hex

from hilum.dicom.part10 import file_meta
from hilum.dicom.reencode import NotReencodable
from hilum.dicomweb.addresses import url_of
from hilum.dicomweb.base_url import BaseUrl
from hilum.dicomweb.choice import Choice
from hilum.dicomweb.media_types import DICOM
from hilum.dicomweb.multipart_writer import MultipartWriter
from hilum.dicomweb.resource import Place
from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.archive.ports import Holding
from hilum.pipeline.archive.recoding import Recoding
from hilum.pipeline.archive.segments import Piece, Run, Segment
from hilum.sources.web.instance_plan import Giving
from hilum.sources.web.shelf import Shelf


def place_of(holding: Holding) -> Place:
    """Give where an instance is, in full."""
    return Place(holding.study_instance_uid, holding.series_instance_uid, holding.sop_instance_uid)


def meta_of(holding: Holding, transfer_syntax_uid: str) -> bytes:
    """Write what stands in front of a data set in a file (PS3.10 §7.1)."""
    return file_meta(
        sop_class_uid=holding.sop_class_uid,
        sop_instance_uid=holding.sop_instance_uid,
        transfer_syntax_uid=transfer_syntax_uid,
    )


def file_of(holding: Holding) -> list[Segment]:
    """Give an instance as a file, its data set as it is stored."""
    meta = meta_of(holding, holding.transfer_syntax_uid)
    return [meta, Run(holding.path, 0, holding.size, payload_size=holding.size)]


def new_writer(part_type: str) -> MultipartWriter:
    """Begin a multipart body. Its boundary is of chance: nobody can have put it into a payload."""
    return MultipartWriter(token_hex(16), part_type)


class InstanceParts:
    """The parts of one multipart answer."""

    def __init__(self, shelf: Shelf, root: BaseUrl, givings: Sequence[Giving] = ()) -> None:
        self._shelf = shelf
        self._root = root
        self._givings = givings
        self._writer = new_writer(DICOM)
        self.content_type = self._writer.content_type
        self.closing = self._writer.closing

    def segments(self) -> list[Segment]:
        """Give the whole body, where all instances go out as they are stored."""
        body: list[Segment] = []
        for giving in self._givings:
            head = self._head(giving.holding, giving.choice, is_first=not body)
            meta, run = file_of(giving.holding)
            # One segment: most of all instances are short.
            body += (head + meta if isinstance(meta, bytes) else head, run)
        return [*body, self.closing]

    async def blocks(self) -> AsyncGenerator[Piece]:
        """Give the body where some instances are re-encoded; one that cannot be is left out.

        Raises:
            CorruptPayload, NotReencodable, OSError: in the middle of a part.
        """
        is_first = True
        for giving in self._givings:
            async with aclosing(self.part(giving, is_first=is_first)) as part:
                async for block in part:
                    is_first = False
                    yield block
        yield self.closing

    async def part(self, giving: Giving, *, is_first: bool) -> AsyncGenerator[Piece]:
        """Give a part; nothing at all if that shows before it began."""
        made = None if giving.is_stored else await begun(self._shelf, giving)
        holding, choice = giving.holding, giving.otherwise
        if giving.is_stored or made is not None:
            choice = giving.choice
        if choice is None:
            return
        head = self._head(holding, choice, is_first=is_first)
        body: AsyncGenerator[Piece]
        if made is not None:
            body = made.blocks(head + meta_of(holding, choice.transfer_syntax))
        else:
            body = self._shelf.streamer.pieces([head, *file_of(holding)], has_files=False)
        async with aclosing(body):
            async for block in body:
                yield block

    def _head(self, holding: Holding, choice: Choice, *, is_first: bool) -> bytes:
        headers = {
            "Content-Type": choice.content_type,
            "Content-Location": url_of(self._root, place_of(holding)),
        }
        return self._writer.head(headers, is_first=is_first)


@dataclass(frozen=True, slots=True)
class Made:
    """A re-encoded data set: its beginning, and what comes behind."""

    first: bytes
    recoding: Recoding

    @property
    def is_whole(self) -> bool:
        """Tell whether the beginning is all."""
        return self.recoding.is_over

    async def blocks(self, head: bytes) -> AsyncGenerator[Piece]:
        """Give it behind a head. Raises CorruptPayload, NotReencodable, OSError."""
        yield head + self.first
        if not self.is_whole:
            async with aclosing(self.recoding.rest()) as rest:
                async for block in rest:
                    yield block


async def begun(shelf: Shelf, giving: Giving) -> Made | None:
    """Begin to re-encode an instance; None: that cannot be, and is written down."""
    holding = giving.holding
    recoding = Recoding(
        shelf.payloads,
        shelf.reading,
        holding.path,
        source=holding.transfer_syntax_uid,
        target=giving.choice.transfer_syntax,
    )
    try:
        return Made(await recoding.begin(), recoding)
    except (NotReencodable, CorruptPayload) as error:
        if giving.otherwise is None:
            shelf.leave_out(holding, error)
        return None
