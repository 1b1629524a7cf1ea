"""What `hilum get` and `hilum move` have in common: what is wanted, and how far it is."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hilum.cli.querying.asking import about
from hilum.cli.querying.contents import Survey
from hilum.cli.querying.interruption import Interruption
from hilum.cli.querying.keeping import Folder
from hilum.cli.querying.question import Question
from hilum.cli.querying.targets import Target, found_targets, named_targets
from hilum.cli.sending.progress import Display, Speed
from hilum.cli.sending.words import count_of, size_of
from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.inquiry import inquiry_for
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.refusals import OperationFailed
from hilum.destinations.dimse.requestor import Requestor
from hilum.destinations.dimse.retrieving import Retrieve
from hilum.dimse.service.query_negotiation import FindOptions
from hilum.dimse.service.suboperations import Counts
from hilum.dimse.status import Category
from hilum.kernel.clock import Clock
from hilum.kernel.errors import HilumError, Rejected
from hilum.kernel.names import UID

# A terminal is for reading; `--json` lists everything.
_LISTED_MAX: Final = 20
_NOTHING: Final = Counts(0)


@dataclass(frozen=True, slots=True)
class Wish:
    """From whom, and what."""

    address: Address
    options: RequestorOptions
    question: Question
    is_verbose: bool = False


@dataclass(slots=True)
class Tally:
    """What the peer has said about a retrieval, over all targets."""

    expected: int = 0  # as the survey counted; 0: nobody knows
    targets: int = 0
    done: int = 0  # targets
    completed: int = 0
    failed: int = 0
    warned: int = 0
    now: Counts = _NOTHING  # of the target that is under way
    endings: Counter[str] = field(default_factory=Counter)  # what it said at the end, in words
    statuses: set[int] = field(default_factory=set)  # of those endings
    failed_uids: list[UID] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def end(self, retrieve: Retrieve) -> None:
        """A target has come to its end, or its association has."""
        ending = retrieve.ending
        counts = self.now if ending is None else ending.counts
        if ending is not None and ending.category is not Category.SUCCESS:
            self.endings[ending.words] += 1
            self.statuses.add(ending.status)
        if ending is not None and ending.category is Category.SUCCESS:
            # Seen: DCMTK and others leave the counters of a success out.
            counts = max(counts, self.now, key=lambda one: one.completed)
        self.completed += counts.completed
        self.failed += counts.failed
        self.warned += counts.warned
        self.failed_uids += retrieve.failed
        self.now = _NOTHING
        self.done += 1

    @property
    def ended(self) -> int:
        """Tell how many instances have come to an end."""
        settled = self.completed + self.failed + self.warned
        return settled + self.now.completed + self.now.failed + self.now.warned

    @property
    def is_all_well(self) -> bool:
        """Tell whether the peer sent everything."""
        return not self.failed and not self.endings


async def prepare(
    wish: Wish, tally: Tally, interruption: Interruption, *, looks_inside: bool
) -> tuple[Sequence[Target], Survey | None]:
    """Find out what to retrieve, and what is in it; on an association of its own.

    A peer that does not answer queries can be asked for what has UIDs.

    Raises:
        HilumError: there was no answer, or nobody knows what to retrieve.
    """
    named = named_targets(wish.question)
    if named is not None and not looks_inside:
        return named, None
    inquiry = inquiry_for(
        wish.question.find_class, FindOptions(relational=wish.question.relational)
    )
    try:
        requestor = await inquiry.associate(wish.address, wish.options)
    except Rejected:
        if named is None:
            raise
        return named, None
    try:
        return await _look(requestor, wish, named, tally, interruption, looks_inside=looks_inside)
    finally:
        await requestor.release()


async def _look(
    requestor: Requestor,
    wish: Wish,
    named: Sequence[Target] | None,
    tally: Tally,
    interruption: Interruption,
    *,
    looks_inside: bool,
) -> tuple[Sequence[Target], Survey | None]:
    if wish.is_verbose:
        tally.notes.append(about(requestor))
    with interruption.gently(requestor.abort):
        targets = named if named is not None else await found_targets(requestor, wish.question)
        if not looks_inside:
            return targets, None
        survey = Survey(requestor, wish.question.find_class)
        try:
            for target in targets:
                await survey.look_at(target)
        except HilumError as error:
            survey.contents.is_complete = survey.contents.is_counted = False
            tally.notes.append(f"what is in it could not be asked: {error}")
        return targets, survey


async def follow(retrieve: Retrieve, tally: Tally, interruption: Interruption) -> None:
    """Carry one retrieval out, and note how far it is.

    Raises:
        Unreachable, RemoteProtocolError: the association is over.
        Rejected: the peer does not offer this.
    """
    try:
        with interruption.gently(retrieve.cancel):
            async with contextlib.aclosing(retrieve.progress()) as progress:
                async for counts in progress:
                    tally.now = counts
    except OperationFailed:
        pass  # it is among the endings
    finally:
        tally.end(retrieve)


@contextlib.asynccontextmanager
async def watched(
    tally: Tally, folder: Folder | None, display: Display, clock: Clock
) -> AsyncGenerator[None, None]:
    """Show progress while the block runs."""
    try:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(_watch(tally, folder, display, clock))
            try:
                yield
            finally:
                watching.cancel()
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None  # that of the block: watching has none


async def _watch(tally: Tally, folder: Folder | None, display: Display, clock: Clock) -> None:
    speed, pace = Speed(), Speed()
    speed.sample(clock.monotonic(), 0)
    pace.sample(clock.monotonic(), 0)
    while True:
        await asyncio.sleep(display.interval_seconds)
        now = clock.monotonic()
        ended = max(tally.ended, folder.kept.instances if folder else 0)
        total = max(tally.expected, tally.ended + tally.now.remaining, ended)
        parts = [f"{ended:,}/{total:,}" if total > ended else f"{ended:,}"]
        parts.append(f"{pace.sample(now, ended):,.0f}/s")
        if folder is not None:
            parts.append(f"{size_of(speed.sample(now, folder.kept.bytes_seen))}/s")
        if failed := tally.failed + tally.now.failed:
            parts.append(f"{failed:,} failed")
        if tally.targets > 1:
            parts.append(f"{tally.done:,} of {tally.targets:,} done")
        display.show("  ".join(parts), done=ended, total=total if total > ended else 0)


def endings_in_words(tally: Tally, wish: Wish) -> Iterator[str]:
    """Say how the peer ended what it did not end with success, and which instances failed."""
    for words, count in tally.endings.most_common():
        times = f" ({count:,} times)" if count > 1 else ""
        yield f"{wish.address} answered{times}: {words}"
    if tally.failed:
        yield f"{count_of(tally.failed, 'instance')} failed at the peer"
        if not tally.completed:
            return  # it is everything
        yield from (f"    {uid}" for uid in tally.failed_uids[:_LISTED_MAX])
        if len(tally.failed_uids) > _LISTED_MAX:
            more = len(tally.failed_uids) - _LISTED_MAX
            yield f"    … and {more:,} more (--json lists all)"
    if tally.warned:
        yield f"{count_of(tally.warned, 'instance')} with warnings"


def tally_as_json(tally: Tally, wish: Wish) -> dict[str, Any]:  # Any: JSON
    """Give for programs what the peer said."""
    address = wish.address
    return {
        "peer": {"host": address.host, "port": address.port, "called": address.called},
        "calling": address.calling,
        "targets": tally.targets,
        "completed": tally.completed,
        "failed": tally.failed,
        "warnings": tally.warned,
        "endings": dict(tally.endings),
        "failed_sop_instance_uids": list(tally.failed_uids),
    }
