"""One part of an answer on its way into the sink: its file meta is read, its data set passed on.

Whatever ends it early drops what was begun: nothing is kept that is not whole, or not wanted.
"""

from typing import Final

from hilum.destinations.dicomweb.archive.errand import Errand
from hilum.dicom.metas import Metas
from hilum.dicom.opening import FileOpener, Opened
from hilum.kernel.errors import CorruptPayload, HilumError
from hilum.pipeline.landing import Incoming, Landing, Sink

# A sink looks at what it takes; large pieces would make other work of the loop wait.
_PIECE_BYTES: Final = 512 << 10


class Arrival:
    """One part. `take` its bytes, then `finish` or `abandon`; the errand keeps account."""

    def __init__(
        self,
        errand: Errand,
        sink: Sink,
        sender: str,
        syntax: str = "",
        metas: Metas | None = None,
    ) -> None:
        self._errand = errand
        self._sink = sink
        self._sender = sender
        self._opener: FileOpener | None = FileOpener(syntax, metas)
        self._landing: Landing | None = None
        self._uid = ""

    async def take(self, piece: memoryview) -> None:
        """Take the next bytes, which stay as they are; of what is not wanted, drop them."""
        if self._opener is not None:
            try:
                opened = self._opener.feed(piece)
            except CorruptPayload as error:
                self._cannot_open(error)
                return
            if opened is not None:
                await self._begin(opened)
        elif self._landing is not None:
            await self._pass_on(piece)

    async def finish(self) -> None:
        """Keep it: the last byte was taken."""
        if self._opener is not None:
            try:
                opened = self._opener.finish()
            except CorruptPayload as error:
                self._cannot_open(error)
                return
            await self._begin(opened)
        if self._landing is None:
            return
        try:
            await self._landing.keep()
        except HilumError as error:
            await self._refuse(error)
        else:
            self._landing = None
            self._errand.landed(self._uid)

    async def abandon(self) -> None:
        """The rest will not come. After `finish` this does nothing."""
        self._opener = None
        landing, self._landing = self._landing, None
        if landing is not None:
            await landing.drop()

    async def _begin(self, opened: Opened) -> None:
        self._opener = None
        uid = self._uid = opened.sop_instance_uid
        if not self._errand.takes(uid):
            return
        incoming = Incoming(opened.sop_class_uid, uid, opened.transfer_syntax_uid, self._sender)
        try:
            self._landing = await self._sink.land(incoming)
        except HilumError as error:
            self._errand.refused(uid, error)
            return
        for piece in opened.pieces:
            await self._pass_on(piece)

    async def _pass_on(self, content: memoryview) -> None:
        for at in range(0, len(content), _PIECE_BYTES):
            if self._landing is not None:
                try:
                    await self._landing.take(content[at : at + _PIECE_BYTES])
                except HilumError as error:
                    await self._refuse(error)

    async def _refuse(self, error: HilumError) -> None:
        await self.abandon()
        self._errand.refused(self._uid, error)

    def _cannot_open(self, error: CorruptPayload) -> None:
        self._opener = None
        self._errand.note(f"a part is no instance: {error}")
