"""One `hilum move`, from its wish to its tally; with a receiver of our own if that is wanted."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hilum.cli.querying.getting import kept_as_json, kept_in_words
from hilum.cli.querying.interruption import Interruption
from hilum.cli.querying.keeping import Folder
from hilum.cli.querying.retrieval import (
    Tally,
    Wish,
    endings_in_words,
    follow,
    prepare,
    tally_as_json,
    watched,
)
from hilum.cli.sending.progress import Display
from hilum.cli.sending.words import count_of, duration_of, size_of
from hilum.destinations.dimse.inquiry import inquiry_for
from hilum.destinations.dimse.retrieving import move
from hilum.dimse.service.ending import DESTINATION_UNKNOWN
from hilum.dimse.service.query_negotiation import RetrieveOptions
from hilum.kernel.clock import Clock
from hilum.kernel.names import UID, AETitle
from hilum.sources.dimse.receiver import Receiver


@dataclass(frozen=True, slots=True)
class Moving:
    """Has the peer send to `destination`; to ourselves if there is a `receiver`."""

    wish: Wish
    destination: AETitle
    display: Display
    clock: Clock
    receiver: Receiver | None = None
    folder: Folder | None = None

    async def execute(self, tally: Tally, interruption: Interruption) -> float:
        """Do it, note everything in `tally`, and give the seconds it took.

        Raises:
            HilumError: it came to no end.
        """
        async with contextlib.AsyncExitStack() as stack:
            if self.receiver is not None:
                await stack.enter_async_context(self.receiver.listening())
            targets, _ = await prepare(self.wish, tally, interruption, looks_inside=False)
            tally.targets = len(targets)
            if not targets:
                return 0.0
            started = time.monotonic()
            sop_class = UID(self.wish.question.model.move_uid)
            options = RetrieveOptions(relational=self.wish.question.relational)
            inquiry = inquiry_for(sop_class, options)
            requestor = await inquiry.associate(self.wish.address, self.wish.options)
            stack.push_async_callback(requestor.release)
            async with watched(tally, self.folder, self.display, self.clock):
                for target in targets:
                    if interruption.is_wanted or (self.folder and self.folder.broken):
                        break
                    retrieve = move(requestor, sop_class, target.identifier(), self.destination)
                    if self.folder is not None:
                        self.folder.when_broken = retrieve.cancel
                    await follow(retrieve, tally, interruption)
                    if DESTINATION_UNKNOWN in tally.statuses:
                        break  # the others would hear the same
            return time.monotonic() - started


def in_words(tally: Tally, moving: Moving, *, seconds: float) -> Iterator[str]:
    """Give the lines of the summary."""
    wish, folder = moving.wish, moving.folder
    if not tally.ended and not tally.endings and not (folder and folder.kept.instances):
        yield f"nothing at {wish.address} matches"
        return
    if folder is None:
        yield (
            f"{count_of(tally.completed + tally.warned, 'instance')} moved from {wish.address} to "
            f"{moving.destination} in {duration_of(seconds)}"
        )
    else:
        kept = folder.kept
        yield (
            f"{count_of(kept.instances, 'instance')} from {wish.address} in {folder.root}: "
            f"{size_of(kept.bytes_kept)} in {duration_of(seconds)}"
        )
        yield from kept_in_words(folder)
    yield from endings_in_words(tally, wish)
    yield from _advice(tally, moving)
    if tally.targets > tally.done:
        yield f"{tally.targets - tally.done:,} of {tally.targets:,} were not begun"


def _advice(tally: Tally, moving: Moving) -> Iterator[str]:
    """Say what to change, and where."""
    title, address = moving.destination, moving.wish.address
    where = "its host and port"
    if moving.receiver is not None:
        where = f"this host and port {moving.receiver.port}"
    if DESTINATION_UNKNOWN in tally.statuses:
        yield (
            f"  {address.called} does not know the AE title {title!r}: add it there as a "
            f"destination, with {where} (PS3.4 §C.4.2)"
        )
    elif not tally.completed and (tally.failed or tally.endings):
        yield (
            f"  Does {address.called} know {title!r} as a destination, with {where}, can it reach "
            f"it there, and does {title!r} let it store?"
        )


def as_json(tally: Tally, moving: Moving, *, seconds: float) -> dict[str, Any]:  # Any: JSON
    """Give the summary for programs."""
    said = {**tally_as_json(tally, moving.wish), "destination": moving.destination}
    said["seconds"] = round(seconds, 3)
    if moving.folder is not None:
        said |= {"folder": str(moving.folder.root), **kept_as_json(moving.folder)}
    return said
