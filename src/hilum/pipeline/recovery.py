"""Making ledger and vault agree again: after a crash, and when the ledger must be made anew.

Runs before any worker takes instances in. Nothing that was answered with success is dropped: what
is whole is adopted, what is damaged is set aside, what is missing is said.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Final

from hilum.kernel.errors import CorruptPayload
from hilum.ledger.entry import Entry
from hilum.ledger.ledger import Ledger
from hilum.pipeline.adoption import Adoption, Found, read_entry
from hilum.pipeline.archive.indexing import Indexing
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.pipeline.owing import OwesNothing, Owing
from hilum.vault.disk import SystemDisk
from hilum.vault.inventory import Lying, drop_drafts, payload_files, set_aside
from hilum.vault.replay import replay

# One transaction for so many payloads: large enough to be fast, small enough to stay in memory.
_GROUP: Final = 256
_NOTHING: Final = OwesNothing()


@dataclass(slots=True)
class Reconciliation:
    """What was found and done. `adopted` counts `older` too: versions that are not served.

    `deliveries` were taken over from an old ledger; None when what it said is not known, and then
    `held` were planned anew.
    """

    drafts_dropped: int = 0
    replayed: int = 0
    adopted: int = 0
    older: int = 0
    set_aside: list[tuple[str, str]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    deliveries: int | None = None
    held: int = 0


Progress = Callable[[int], None]


def reconcile(
    root: Path,
    ledger: Ledger,
    *,
    since: date | None,
    policy: DuplicatePolicy,
    owing: Owing | OwesNothing = _NOTHING,
    indexing: Indexing | None = None,
) -> Reconciliation:
    """Bring ledger and vault together for what was received from `since` on (None: everything).

    A file without a row was being committed or removed when the process died, or its commit could
    not be confirmed: if it is whole it is adopted, with what it is owed. A row without its file, or
    with a file of another size, is a loss and is reported as such.
    """
    found = Reconciliation(drafts_dropped=drop_drafts(root))
    _finish_removals(root, ledger)
    known = dict(_known(ledger, since))
    found.replayed = replay(root, SystemDisk(), known.__contains__)
    orphans = []
    for lying in payload_files(root, since=since):
        if lying.path not in known:
            orphans.append(lying)
            continue
        if _is_shorter(lying, known.pop(lying.path)):
            _set_aside(root, lying.path, "it is shorter than what was received", found)
            found.lost.append(lying.path)
    found.lost.extend(path for path in known if not (root / path).exists())
    if found.lost:
        ledger.forget(found.lost)
    _adopt(Adoption(root, ledger, policy), _whole(root, orphans, found, (owing, indexing)), found)
    return found


def _finish_removals(root: Path, ledger: Ledger) -> None:
    """Remove the files of payloads that were let go; else they would be adopted again."""
    paths = ledger.removals.unconfirmed()
    for path in paths:
        (root / path).unlink(missing_ok=True)
    ledger.removals.confirm(paths)


def rebuild(
    root: Path,
    ledger: Ledger,
    *,
    owing: Owing | OwesNothing = _NOTHING,
    indexing: Indexing | None = None,
    progress: Progress = lambda _: None,
) -> Reconciliation:
    """Fill an empty ledger with everything the vault holds, so that what came last is served."""
    found = Reconciliation(drafts_dropped=drop_drafts(root))
    found.replayed = replay(root, SystemDisk(), lambda _: True)
    # What is there was kept, whatever the policy is by now.
    adoption = Adoption(root, ledger, DuplicatePolicy.KEEP_BOTH)
    entries = _whole(root, payload_files(root), found, (owing, indexing))
    _adopt(adoption, entries, found, progress)
    return found


def _adopt(
    adoption: Adoption,
    entries: Iterator[Entry],
    found: Reconciliation,
    progress: Progress = lambda _: None,
) -> None:
    while group := list(islice(entries, _GROUP)):
        for path, outcome in adoption.adopt(group):
            match outcome:
                case Found.ADOPTED:
                    found.adopted += 1
                case Found.ADOPTED_AS_OLDER:
                    found.adopted += 1
                    found.older += 1
                case Found.HELD_ALREADY:
                    (adoption.root / path).unlink(missing_ok=True)
                case Found.REFUSED:
                    reason = "another version was held and gateway.duplicates is keep_first"
                    _set_aside(adoption.root, path, reason, found)
                case Found.DAMAGED:
                    _set_aside(
                        adoption.root, path, "its bytes are not those that were sealed", found
                    )
        progress(found.adopted)


def _whole(
    root: Path,
    files: Iterable[Lying],
    found: Reconciliation,
    besides: tuple[Owing | OwesNothing, Indexing | None],
) -> Iterator[Entry]:
    for lying in files:
        try:
            yield read_entry(root, lying.path, *besides)
        except CorruptPayload as error:
            _set_aside(root, lying.path, str(error), found)


def _set_aside(root: Path, path: str, reason: str, found: Reconciliation) -> None:
    found.set_aside.append((set_aside(root, path), reason))


def _is_shorter(lying: Lying, size: int) -> bool:
    # The file has its file meta in front of the payload, so a whole one is always longer.
    return lying.size <= size


def _known(ledger: Ledger, since: date | None) -> Iterator[tuple[str, int]]:
    first = f"{since:%Y/%m/%d}" if since is not None else ""
    for path, _, size, _ in ledger.payloads():
        _, _, day = path.partition("/")
        if day[: len(first)] >= first:
            yield path, size
