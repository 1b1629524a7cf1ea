"""The stores of a C-GET: instances that go back on the association they were asked for on.

One at a time; while the peer thinks about it, the beginning of the next one is read.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import cycle
from typing import TYPE_CHECKING, Final, Protocol

from hilum.dicom.sop_classes import sop_class_name
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dimse.command import Command, CommandField
from hilum.dimse.service.retrieve import store_contexts, way_of
from hilum.dimse.service.storage import store_request
from hilum.dimse.upper.association import Context
from hilum.dimse.upper.fragments import Bytes
from hilum.kernel.errors import Full, HilumError, Unreachable
from hilum.kernel.names import UID
from hilum.pipeline.outgoing import Converted, Outgoing, Shelf, reencoder
from hilum.pipeline.ports import Parcel
from hilum.pipeline.shortcomings import Spoiled

if TYPE_CHECKING:
    from hilum.sources.dimse.library import Library
    from hilum.sources.dimse.operation import Asker

_MESSAGE_IDS: Final = 0xFFFF  # message ids are 16 bit; 0 is left out, some peers dislike it


class CannotSend(HilumError):
    """This instance cannot be sent, others can; nothing of it was."""


class _Pieces(Protocol):
    async def piece(self) -> tuple[Bytes, bool]:
        """Give the next piece and whether it is the last one."""
        ...


class Returning:
    """Stores on the association of a C-GET. Used by one task."""

    def __init__(self, asker: "Asker", library: "Library", priority: int) -> None:
        self._asker = asker
        self._priority = priority
        self._shelf = Shelf(library.payloads, library.reading)
        self._by_class = store_contexts(asker.contexts)
        self._ways: dict[tuple[UID, UID], Context | None] = {}
        self._ids = cycle(range(1, _MESSAGE_IDS + 1))
        self._message_id = 0
        self._answer: asyncio.Future[int] | None = None

    @property
    def awaits_answer(self) -> bool:
        """Tell whether the peer has an instance and has not answered yet."""
        return self._answer is not None

    def take_response(self, command: Command) -> bool:
        """Take the answer to the store that is going on; False: it is something else."""
        answer, status = self._answer, command.status
        if answer is None or answer.done() or status is None or command.has_data_set:
            return False
        is_ours = command.command_field == CommandField.C_STORE_RSP
        if not is_ours or command.message_id_being_responded_to != self._message_id:
            return False
        answer.set_result(status)
        return True

    async def store(self, parcel: Parcel, following: Parcel | None) -> int:
        """Store an instance and give the status that the peer answers.

        Raises:
            CannotSend: it is not sent, for a reason of its own.
            Unreachable: the association is over.
        """
        way = self._way(parcel)
        try:
            outgoing = await self._shelf.take(parcel)
            try:
                await self._send(parcel, way, outgoing)
            finally:
                outgoing.close()
        except (Spoiled, Full) as error:
            raise CannotSend(str(error)) from error
        return await self._answered(following)

    def close(self) -> None:
        """Close what was opened ahead."""
        self._shelf.put_back()

    async def _send(self, parcel: Parcel, way: Context, outgoing: Outgoing) -> None:
        """Send the command and all pieces; the command leaves with the first of them."""
        if way.transfer_syntax != parcel.transfer_syntax_uid:
            conversion = reencoder(parcel.transfer_syntax_uid, way.transfer_syntax)
            await self._send_pieces(parcel, way, Converted(outgoing, conversion))
        elif (whole := outgoing.whole()) is not None:
            parts = self._beginning(parcel, way) + self._asker.fragments.whole(way.id, whole)
            self._expect_answer()
            with self._asker.outbox.message():
                await self._asker.outbox.send_parts(parts)
        else:
            await self._send_pieces(parcel, way, outgoing)

    async def _send_pieces(self, parcel: Parcel, way: Context, pieces: _Pieces) -> None:
        piece, is_last = await pieces.piece()
        outbox, fragments = self._asker.outbox, self._asker.fragments
        parts = self._beginning(parcel, way)
        with outbox.message():
            parts += fragments.data(way.id, piece, is_last=is_last)
            if is_last:
                self._expect_answer()
            await outbox.send_parts(parts)
            async with self._whole():
                while not is_last:
                    piece, is_last = await pieces.piece()
                    if is_last:
                        self._expect_answer()
                    await outbox.send_parts(fragments.data(way.id, piece, is_last=is_last))

    def _beginning(self, parcel: Parcel, way: Context) -> list[Bytes]:
        self._message_id = next(self._ids)
        return self._asker.fragments.command(way.id, self._request(parcel))

    def _expect_answer(self) -> None:
        """Wait for it from now on: it may come before we hear that the last byte was taken."""
        self._answer = asyncio.get_running_loop().create_future()

    def _request(self, parcel: Parcel) -> bytes:
        return store_request(
            self._message_id,
            sop_class_uid=parcel.sop_class_uid,
            sop_instance_uid=parcel.sop_instance_uid,
            priority=self._priority,
        )

    @contextlib.asynccontextmanager
    async def _whole(self) -> AsyncIterator[None]:
        """Abort when an instance of which a part was sent cannot be sent to its end.

        The peer must not take the part for the whole, and nothing else can be said in between.
        """
        try:
            yield
        except (Spoiled, Full) as error:
            self._asker.abort("spoiled", f"Only a part of an instance could be sent: {error}.")
            raise Unreachable("we aborted the association") from error

    async def _answered(self, following: Parcel | None) -> int:
        assert self._answer is not None  # noqa: S101 - it was made with the last piece
        try:
            if following is not None and self._has_way(following):
                await self._shelf.look_ahead(following)
            return await self._answer
        finally:
            self._answer = None

    def _way(self, parcel: Parcel) -> Context:
        if not self._has_way(parcel):
            name = sop_class_name(parcel.sop_class_uid)
            syntax = transfer_syntax(parcel.transfer_syntax_uid).name
            raise CannotSend(f"no context takes {name} in {syntax}")
        way = self._ways[_kind_of(parcel)]
        assert way is not None  # noqa: S101 - that was looked at
        return way

    def _has_way(self, parcel: Parcel) -> bool:
        kind = _kind_of(parcel)
        if kind not in self._ways:
            self._ways[kind] = way_of(self._by_class.get(kind[0], ()), kind[1])
        return self._ways[kind] is not None


def _kind_of(parcel: Parcel) -> tuple[UID, UID]:
    return parcel.sop_class_uid, parcel.transfer_syntax_uid
