"""One `hilum get`, from its wish to its tally."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

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
from hilum.destinations.dimse.inquiry import inquiry_for_get
from hilum.destinations.dimse.retrieving import get
from hilum.dicom.likely_classes import COMMON
from hilum.dimse.service.query_negotiation import RetrieveOptions
from hilum.kernel.clock import Clock
from hilum.kernel.names import UID


@dataclass(frozen=True, slots=True)
class Getting:
    """Retrieves into a folder, on the association that asks (PS3.4 §C.4.3)."""

    wish: Wish
    folder: Folder
    display: Display
    clock: Clock

    async def execute(self, tally: Tally, interruption: Interruption) -> float:
        """Do it, note everything in `tally` and the folder, and give the seconds it took.

        Raises:
            HilumError: it came to no end; what was kept before is kept.
        """
        targets, survey = await prepare(self.wish, tally, interruption, looks_inside=True)
        tally.targets = len(targets)
        if not targets:
            return 0.0
        classes = list(COMMON) if survey is None else survey.contents.proposed()
        if survey is not None and survey.contents.is_counted:
            tally.expected = survey.contents.instances
        started = time.monotonic()
        sop_class = UID(self.wish.question.model.get_uid)
        options = RetrieveOptions(relational=self.wish.question.relational)
        inquiry = inquiry_for_get(sop_class, classes, options)
        requestor = await inquiry.associate(self.wish.address, self.wish.options)
        try:
            async with watched(tally, self.folder, self.display, self.clock):
                for target in targets:
                    if interruption.is_wanted or self.folder.broken:
                        break
                    retrieve = get(requestor, sop_class, target.identifier(), self.folder)
                    self.folder.when_broken = retrieve.cancel
                    await follow(retrieve, tally, interruption)
        finally:
            await requestor.release()
        return time.monotonic() - started


def in_words(tally: Tally, getting: Getting, *, seconds: float) -> Iterator[str]:
    """Give the lines of the summary."""
    wish, kept = getting.wish, getting.folder.kept
    if not tally.ended and not kept.instances and not tally.endings:
        yield f"nothing at {wish.address} matches"
        return
    line = f"{count_of(kept.instances, 'instance')} from {wish.address} in {getting.folder.root}"
    if kept.instances:
        line += (
            f": {size_of(kept.bytes_kept)} in {duration_of(seconds)}, "
            f"{kept.instances / (seconds or 1):,.0f} a second, "
            f"{size_of(kept.bytes_kept / (seconds or 1))}/s"
        )
    yield line
    yield from kept_in_words(getting.folder)
    yield from endings_in_words(tally, wish)
    if tally.failed > sum(kept.refused.values()):
        yield (
            "  It may have them in SOP classes or transfer syntaxes that were not agreed on for "
            "this C-GET (PS3.4 §C.4.3); `hilum move --to` does not depend on that."
        )
    if tally.endings and not tally.ended:
        yield "  Does it have what was named? `hilum find` with the same options shows it."
    if tally.targets > tally.done:
        yield f"{tally.targets - tally.done:,} of {tally.targets:,} were not begun"


def kept_in_words(folder: Folder) -> Iterator[str]:
    """Say what is special about what came."""
    kept = folder.kept
    if kept.there_before:
        yield f"{count_of(kept.there_before, 'instance')} had been there, with the same bytes"
    if kept.beside_others:
        yield (
            f"{count_of(kept.beside_others, 'instance')} kept beside a file with other bytes under "
            "the same UID"
        )
    for reason, count in kept.refused.most_common():
        yield f"{count_of(count, 'instance')} not kept: {reason}"
    if folder.broken:
        yield f"stopped: {folder.broken}"


def as_json(tally: Tally, getting: Getting, *, seconds: float) -> dict[str, Any]:  # Any: JSON
    """Give the summary for programs."""
    return {
        **tally_as_json(tally, getting.wish),
        "seconds": round(seconds, 3),
        "folder": str(getting.folder.root),
        **kept_as_json(getting.folder),
    }


def kept_as_json(folder: Folder) -> dict[str, Any]:  # Any: JSON
    """Give for programs what became of what came."""
    kept = folder.kept
    return {
        "kept": kept.instances,
        "bytes": kept.bytes_kept,
        "there_before": kept.there_before,
        "beside_other_bytes": kept.beside_others,
        "not_kept": dict(kept.refused),
    }
