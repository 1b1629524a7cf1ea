"""Finds what there is to send: walks, opens archives and DICOMDIRs, looks into every file."""

import itertools
import os
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from hilum.cli.sending import archive
from hilum.cli.sending.dicomdir import Medium, referenced_files
from hilum.cli.sending.inspection import Directory, inspect
from hilum.cli.sending.item import BadFile, Finding, Item, Origin, Skipped
from hilum.cli.sending.walk import Candidate, walk
from hilum.kernel.errors import CorruptPayload

# Looking into a file is mostly waiting for the disk or the network behind it.
THREADS: Final = 8
# Files given to a thread at once: handing them over singly costs more than looking into them.
_BATCH: Final = 64
_BATCHES_AHEAD: Final = 2 * THREADS


def collect(paths: Iterable[str], *, threads: int = THREADS) -> Iterator[Finding]:
    """Yield what every file that `paths` mean turned out to be, in the order of the names."""
    with ThreadPoolExecutor(threads, thread_name_prefix="collect") as pool:
        pending: deque[Future[list[Finding]]] = deque()
        candidates = walk(paths)
        while batch := list(itertools.islice(candidates, _BATCH)):
            pending.append(pool.submit(_look_into, batch))
            if len(pending) > _BATCHES_AHEAD:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
