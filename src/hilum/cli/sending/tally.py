"""What became of everything: the counts behind the progress line, the summary and the exit code."""

from collections import Counter
from dataclasses import dataclass, field

from hilum.cli.sending.item import BadFile, Item, Origin, Skipped
from hilum.kernel.names import UID


@dataclass(frozen=True, slots=True)
class Failure:
    """An instance the peer does not have, or has not said to have."""

    origin: Origin
    sop_instance_uid: UID
    reason: str
    status: int | None = None  # None: the peer has not answered for it


@dataclass(slots=True)
class Tally:
    """Counts that only grow; one per run."""

    instances: int = 0  # to be sent in this run
    bytes_in_all: int = 0
    already_confirmed: int = 0  # by the journal: not sent again
    sent: int = 0
    bytes_sent: int = 0  # of instances that were confirmed
    bytes_moved: int = 0  # handed over, all attempts together: the speed
    bytes_settled: int = 0  # of instances whose fate is known ...
    bytes_open: int = 0  # ... and of those on the way: the progress
    padded: int = 0  # sent with a NUL behind a data set of odd length (PS3.8 §E.1)
    unreadable: int = 0  # of `instances`: their bytes could not be had when their turn came
    retries: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    bad_files: list[BadFile] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def expect(self, item: Item) -> None:
        """Count an instance that is to be sent."""
        self.instances += 1
        self.bytes_in_all += item.length

    def confirm(self, item: Item, status: int) -> None:
        """Count an instance that the peer has taken, perhaps with a warning."""
        self.sent += 1
        self.bytes_sent += item.length
        self.bytes_settled += item.length
        self.padded += item.length & 1
        self.statuses[status] += 1

    def fail(self, item: Item, reason: str, *, status: int | None = None) -> None:
        """Count an instance that the peer does not have, for good."""
        self.bytes_settled += item.length
        if status is not None:
            self.statuses[status] += 1
        self.failures.append(Failure(item.origin, item.sop_instance_uid, reason, status))

    def spoil(self, item: Item, reason: str) -> None:
        """Count an instance whose file could not be read to its end."""
        self.unreadable += 1
        self.bytes_settled += item.length
        self.bad_files.append(BadFile(item.origin, reason))

    @property
    def finished(self) -> int:
        """Instances whose fate is known."""
        return self.sent + len(self.failures) + self.unreadable

    @property
    def is_all_well(self) -> bool:
        """Tell whether everything that should have been sent was, and was taken."""
        return not self.failures and not self.bad_files
