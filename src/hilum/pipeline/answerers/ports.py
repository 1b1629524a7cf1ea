"""What is asked of an archive elsewhere, whatever it speaks; destinations fill it.

One object per answerer and process, on the event loop; it keeps its own pool of connections.
Cancelling the task that waits, or closing an iterator, ends the work at the other side within a
second (C-CANCEL or an abort; the connection closed).
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from hilum.kernel.names import UID
from hilum.ledger.entry import Origin
from hilum.pipeline.archive.ports import Batch, Holding, Missing, Named
from hilum.pipeline.landing import Sink
from hilum.query.query import Query
from hilum.query.retrieval import Retrieval


@dataclass(frozen=True, slots=True)
class Expected:
    """An instance that an answerer says it has (`Named`). "" where it does not say."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str


# What a whole fetch lacks if it was cut: the UIDs are not known.
UNNAMED: Final = ""


@dataclass(frozen=True, slots=True)
class Fetch:
    """Instances to bring. `retrieval` names just them, or more that may come and is dropped.

    `wanted`: None is a whole fetch, of all that there is of a study or series; nobody listed it.
    `syntaxes`: transfer syntaxes that whoever asks can take; none: as they are stored there.
    """

    retrieval: Retrieval
    wanted: Sequence[Named] | None
    syntaxes: tuple[UID, ...] = ()


class Answerer(Protocol):
    """An archive elsewhere. Every method raises AnswererFailed, and nothing else that it says."""

    name: str

    def has_asked(self, asker: Origin) -> bool:
        """Tell whether this archive is who asks, or has asked before (`Origin.via`).

        It has what it has itself, and does not want to be asked back.
        """
        ...

    async def meet(self) -> None:
        """Find out what a gateway calls itself, if it is one, for `has_asked`.

        Without any of the connections that questions share: two gateways that wait for each other
        may have all of them in use. Raises nothing.
        """
        ...

    def find(self, query: Query) -> AsyncIterator[Batch]:
        """Give all matches, batch by batch, in an order that stays; offset and limit observed.

        Each match has what was wanted (missing attributes empty) and `answerer` set. The first
        batch comes even if it is empty. Keys that it did not look at are in `ignored`, and matches
        that these would have kept out are not given where that can be told from the match.
        """
        ...

    async def expect(self, retrieval: Retrieval) -> Sequence[Expected]:
        """Give the instances of a retrieval, by series and instance number; none is no error."""
        ...

    async def count(self, retrieval: Retrieval) -> int | None:
        """Tell how many instances a study or series has; None: not without looking at each.

        It is what the archive says, and may be wrong.
        """
        ...

    async def fetch(self, fetch: Fetch, sink: Sink) -> Mapping[str, Missing]:
        """Bring instances into the sink; when this returns, nothing more comes.

        Gives what did not come and why, by SOP Instance UID; what the sink refused is among it. Of
        a whole fetch that may lack something that nobody can name, it has UNNAMED.
        Raises AnswererFailed when nothing could be begun; what was kept before is kept.
        """
        ...

    async def verify(self) -> None:
        """Find out whether it would answer now (C-ECHO, a small search)."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


class Homecomings(Protocol):
    """Stores that come to our own listener because we asked an archive to move something to us."""

    def expect(
        self, sink: Sink, *, answerer: str, ae_title: str
    ) -> AbstractAsyncContextManager["Homecoming"]:
        """Have the stores of one C-MOVE go to `sink` until the context is left.

        `ae_title`: what we call ourselves on the association of the C-MOVE. It is left after the
        last response: leaving it in order waits until all that was stored has landed in `sink`
        (another process of ours may have been called). Entering it raises Full: there are too many.
        """
        ...


class Homecoming(Protocol):
    """One C-MOVE to ourselves that is under way.

    The C-MOVE must be sent with this message ID: stores are recognised by their Move Originator.
    """

    @property
    def message_id(self) -> int:
        """No other one of ours, in any process, has it."""
        ...


class Cache(Protocol):
    """Payloads of others, kept for a while: bounded, and never the only copy of anything."""

    async def held(self, answerer: str, wanted: Collection[Named]) -> Mapping[str, Holding]:
        """Give what is here of `wanted`, by SOP Instance UID; used now, so it stays a while.

        That is long enough to pin it. What has no study UID is not looked for.
        """
        ...

    async def has_any(self, answerer: str, study_instance_uid: str) -> bool:
        """Tell whether something of a study is here, or may be."""
        ...

    def sink(self, answerer: str) -> "CacheSink":
        """Give a place where instances of an answerer land."""
        ...

    def pin(self, holding: Holding) -> None:
        """Keep a holding until it is unpinned as often as it was pinned."""
        ...

    def unpin(self, holding: Holding) -> None:
        """Let it go when its time comes; at once, if nothing is to be kept.

        Whoever has its payload open reads on.
        """
        ...

    def metadata(self, holdings: Sequence[Holding], bulk_root: str) -> AsyncIterator[bytes]:
        """Give the DICOM JSON object of each (see `Archive.metadata`)."""
        ...

    def forget(self, holding: Holding) -> None:
        """Its payload was found damaged, or gone: give it to nobody any more."""
        ...


class CacheSink(Sink, Protocol):
    """A sink that tells what was kept in it.

    `is_passing`: what begins to land from now on need not stay longer than it is pinned, and nobody
    finds it who does not have it. False to begin with.
    """

    is_passing: bool

    def kept(self) -> AsyncIterator[Holding]:
        """Give each holding as soon as it is complete, pinned once, until `end`.

        Whoever closes it early lets go of what it was not given.
        """
        ...

    def end(self) -> None:
        """Nothing more comes."""
        ...
