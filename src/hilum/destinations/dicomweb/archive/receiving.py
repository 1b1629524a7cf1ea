"""Carries one errand out: asks, takes the answer apart, and lands what is in it, as it comes."""

from collections.abc import Iterator

from hilum.destinations.dicomweb.archive import ailing
from hilum.destinations.dicomweb.archive.accepting import (
    CANNOT_CONVERT,
    REFUSED,
    asks_for_another,
    forms_of,
    kind_of,
)
from hilum.destinations.dicomweb.archive.arrival import Arrival
from hilum.destinations.dicomweb.archive.asking import Asking
from hilum.destinations.dicomweb.archive.composing import Composing
from hilum.destinations.dicomweb.archive.errand import Errand
from hilum.destinations.dicomweb.archive.manner import NOT_THERE, Manner
from hilum.destinations.dicomweb.archive.reply import Piece, Reply
from hilum.dicom.metas import Metas
from hilum.dicomweb.boundary import boundary_of
from hilum.dicomweb.media_types import DICOM, MediaType, media_type
from hilum.dicomweb.multipart_reader import Event, MultipartReader, PartBegan, PartBytes, PartEnded
from hilum.kernel.errors import RemoteProtocolError
from hilum.kernel.filled import Filled
from hilum.kernel.names import UID
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.pipeline.answerers.fitting import fits
from hilum.pipeline.landing import Incoming, Landing, Sink


class _Misfit(Exception):
    """What is stored is nothing that who asks could take."""


class _Fitting:
    """A sink for what somebody can take. The first instance that is not so ends the request."""

    def __init__(self, sink: Sink, syntaxes: tuple[UID, ...]) -> None:
        self._sink = sink
        self._syntaxes = syntaxes

    async def land(self, incoming: Incoming) -> Landing:
        """Begin with an instance. Raises as a sink does, and _Misfit."""
        if not fits(incoming.transfer_syntax_uid, self._syntaxes):
            raise _Misfit
        return await self._sink.land(incoming)


def _fed(reader: MultipartReader, piece: Piece) -> Iterator[Event]:
    if isinstance(piece, Filled):
        return reader.feed(piece.memory, start=piece.start, end=piece.start + len(piece))
    return reader.feed(piece)


def _view_of(piece: Piece) -> memoryview:
    return piece.view if isinstance(piece, Filled) else memoryview(piece)


class Receiving:
    """Fetches from one server. Raises AnswererFailed; what landed before stays, and is noted."""

    def __init__(self, asking: Asking, root: str, manner: Manner) -> None:
        self._asking = asking
        self._root = root
        self._manner = manner
        self._composing = Composing(asking, root)
        self._metas = Metas()

    async def run(self, errand: Errand, syntaxes: tuple[UID, ...], sink: Sink) -> None:
        """Ask for files, or for what can be made one where a server gives none out."""
        refusal: AnswererFailed | None = None
        if not self._manner.composes:
            try:
                await self._in_a_form(errand, syntaxes, sink)
                return  # noqa: TRY300 -- what follows is not for this case
            except AnswererFailed as error:
                if not errand.is_single or ailing.code_of(error) not in REFUSED:
                    raise
                refusal = error
        if errand.is_single:  # others come instance by instance, afterwards
            await self._compose(errand, sink, refusal)

    async def _compose(self, errand: Errand, sink: Sink, refusal: AnswererFailed | None) -> None:
        """Make it of its metadata; where there is none, what was said before counts."""
        try:
            await self._composing.run(errand, sink)
        except AnswererFailed as error:
            if refusal is not None and ailing.code_of(error) in NOT_THERE:
                raise refusal from error
            raise
        # One that cannot be had in a form says nothing of others, where a form has worked.
        self._manner.composes = not self._manner.forms

    async def _in_a_form(self, errand: Errand, syntaxes: tuple[UID, ...], sink: Sink) -> None:
        """Ask for what is stored, as it is; for something else where nobody could take that."""
        if syntaxes:
            try:
                await self._tried(errand, (), _Fitting(sink, syntaxes))
                return  # noqa: TRY300 -- what follows is not for this case
            except _Misfit:
                pass
        await self._tried(errand, syntaxes, sink)

    async def _tried(self, errand: Errand, syntaxes: tuple[UID, ...], sink: Sink) -> None:
        """Ask in the form that worked last, or in others, until there is an answer."""
        forms = forms_of(syntaxes, is_single=errand.is_single)
        kind = kind_of(syntaxes, is_single=errand.is_single)
        first = self._manner.forms.get(kind, 0)
        # Those before the one that worked come last: the server may have changed.
        order = [*range(first, len(forms)), *range(first)]
        refusal: AnswererFailed | None = None
        for number in order:
            try:
                await self._ask(errand, forms[number], sink)
            except AnswererFailed as error:
                code = ailing.code_of(error)
                cannot = code in CANNOT_CONVERT and asks_for_another(forms[number])
                if code not in REFUSED and not cannot:
                    raise
                refusal = refusal or error
            else:
                self._manner.forms[kind] = number
                return
        assert refusal is not None  # noqa: S101 -- there are forms
        raise refusal

    async def _ask(self, errand: Errand, accept: str, sink: Sink) -> None:
        url = f"{self._root}{errand.path}"
        if errand.is_single:
            asked = self._asking.get(url, accept, what="retrieve an instance", via=errand.via)
        else:
            asked = self._asking.download(
                url, accept, what="retrieve a study or series", via=errand.via
            )
        async with asked as reply:
            if reply.status == 204:
                errand.note("it answered 204 No Content")
                return
            try:
                await self._take_apart(reply, errand, sink)
            except RemoteProtocolError as error:
                raise self._asking.failed(str(error)) from error
            if reply.status == 206:
                errand.note("it answered 206 Partial Content")

    async def _take_apart(self, reply: Reply, errand: Errand, sink: Sink) -> None:
        """Land what comes. Raises RemoteProtocolError: the answer is broken, or something else."""
        kind = media_type(reply.media_type)
        if kind.essence == "multipart/related":
            await self._many(reply, kind, errand, sink)
        elif kind.essence == DICOM:
            arrival = self._arrival(errand, sink, kind)
            try:
                async for piece in reply.as_it_lies():
                    await arrival.take(_view_of(piece))
                await arrival.finish()
            finally:
                await arrival.abandon()
        else:
            raise RemoteProtocolError(f"it answered with {kind.essence}, and not with instances")

    async def _many(self, reply: Reply, kind: MediaType, errand: Errand, sink: Sink) -> None:
        """Land each part as soon as it is whole."""
        reader = MultipartReader(boundary_of(kind))
        whole = MediaType(kind.parameter("type") or DICOM)
        arrival: Arrival | None = None
        try:
            async for piece in reply.as_it_lies():
                for event in _fed(reader, piece):
                    match event:
                        case PartBytes(content):
                            if arrival is not None:
                                await arrival.take(content)
                        case PartBegan(headers):
                            arrival = self._part(
                                headers.get("content-type", ""), whole, errand, sink
                            )
                        case PartEnded():
                            if arrival is not None:
                                await arrival.finish()
                            arrival = None
                if errand.is_full or reader.is_complete:
                    return  # what stands behind the end is of no use to anybody
            reader.finish()
        finally:
            if arrival is not None:
                await arrival.abandon()

    def _part(self, said: str, whole: MediaType, errand: Errand, sink: Sink) -> Arrival | None:
        """Begin with a part; None: it is no instance."""
        kind = media_type(said) if said else whole
        if kind.essence != DICOM:
            errand.note(f"a part is {kind.essence}")
            return None
        return self._arrival(errand, sink, kind)

    def _arrival(self, errand: Errand, sink: Sink, kind: MediaType) -> Arrival:
        syntax = kind.parameter("transfer-syntax")
        return Arrival(errand, sink, self._asking.answerer[:16], syntax, self._metas)
