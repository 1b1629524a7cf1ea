"""The group commit: payloads to disk, then one ledger transaction, for all that were waiting.

Order is the first law: the bytes of each payload, its name and its folder are durable before the
ledger says so, and only then is anybody told.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from hilum.dicom.facts import FactsReader, InstanceFacts
from hilum.dicom.syntaxes import transfer_syntax
from hilum.kernel.clock import Clock
from hilum.kernel.errors import Full, HilumError
from hilum.kernel.syncing import Synced, Syncing
from hilum.ledger.delivery import PlannedDelivery
from hilum.ledger.entry import Entry, Recorded, Verdict
from hilum.ledger.extras import Extra, SeriesRequest
from hilum.pipeline.answers import (
    Answer,
    DuplicateRefused,
    Kept,
    Misplaced,
    NoRoom,
)
from hilum.pipeline.archive.indexing import Indexing
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.pipeline.examining import judge
from hilum.pipeline.moments import Moments
from hilum.pipeline.overlapping import Steps
from hilum.pipeline.planning import Planner
from hilum.pipeline.reception import Reception
from hilum.pipeline.sameness import record_compared
from hilum.vault.layout import day_of, path_of
from hilum.vault.placement import Placement
from hilum.vault.seal import Seal
from hilum.vault.vault import Vault


class _Write(Protocol):
    def __call__(
        self, entries: Sequence[Entry], *, confirm: Callable[[], None]
    ) -> tuple[list[Recorded], Syncing]: ...


class Records(Protocol):
    """What the commit needs of the ledger."""

    def record(
        self, entries: Sequence[Entry], *, confirm: Callable[[], None] = ...
    ) -> list[Recorded]:
        """Write all entries in one transaction, if `confirm` does not raise before it is committed.

        Raises Full or another HilumError, or the OSError of `confirm`: then nothing was written.
        """
        ...

    def record_and_begin_sync(
        self, entries: Sequence[Entry], *, confirm: Callable[[], None] = ...
    ) -> tuple[list[Recorded], Syncing]:
        """Write all entries as `record` does; they count when the sync is over."""
        ...

    def distrust_log(self) -> None:
        """Write once more what was written lately: a sync of it failed."""
        ...


@dataclass(slots=True)
class CommitReport:
    """What became of a group: one answer a reception, and what the operator should know."""

    answers: list[Answer | None]
    quarantined: list[tuple[str, str]]
    leftovers: list[tuple[str, str]]
    ledger_was_asked: bool = False
    ledger_error: str | None = None
    journal_fault: str | None = None
    disk_is_full: bool = False
    # Destinations that are owed something new, and of which priorities.
    owed: dict[str, set[int]] = field(default_factory=dict)


@dataclass(slots=True)
class _Candidate:
    index: int
    reception: Reception
    facts: InstanceFacts
    digest: str
    received_at: datetime
    deliveries: Sequence[PlannedDelivery] = ()
    path: str = ""
    extras: Sequence[Extra] = ()
    requests: Sequence[SeriesRequest] = ()


@dataclass(slots=True)
class Prepared:
    """A group whose payloads have their names and are being synced."""

    group: Sequence[Reception]
    report: CommitReport
    placed: list[_Candidate] = field(default_factory=list)
    placement: Placement = field(default_factory=lambda: Placement([]))
    begun: float = 0.0

    @property
    def is_safe(self) -> bool:
        """Tell whether the payloads are synced, or cannot be."""
        return all(one.is_over for one in self.placement.syncings)


class Committer:
    """Makes groups of receptions durable. One thread at a time."""

    def __init__(
        self,
        vault: Vault,
        records: Records,
        clock: Clock,
        policy: DuplicatePolicy,
        planner: Planner,
        indexing: Indexing | None = None,
    ) -> None:
        self._vault = vault
        self._records = records
        self._clock = clock
        self._moments = Moments(clock)
        self._policy = policy
        self._facts = FactsReader()
        self._planner = planner
        self._indexing = indexing or Indexing()

    def prepare(self, group: Sequence[Reception]) -> Prepared:
        """Examine the group, write what is not written, give names, and begin to sync.

        Never raises for one reception's fault or a full disk.
        """
        report = CommitReport([None] * len(group), [], [])
        candidates = []
        for index, reception in enumerate(group):
            candidate = self._examine(index, reception, report)
            if candidate is not None and self._complete(candidate, report):
                candidates.append(candidate)
        prepared = Prepared(group, report)
        if candidates:
            prepared.placement = self._vault.place(
                [(c.reception.draft, c.path) for c in candidates]
            )
            prepared.placed = self._placed(candidates, prepared.placement.failures, report)
        return prepared

    def record(self, groups: Sequence[Prepared]) -> None:
        """Make groups durable in one transaction, and give the answers in their reports."""

        def write(
            entries: Sequence[Entry], *, confirm: Callable[[], None]
        ) -> tuple[list[Recorded], Syncing]:
            return self._records.record(entries, confirm=confirm), Synced()

        for _ in self._steps(groups, write):
            pass

    def steps(self, groups: Sequence[Prepared]) -> Steps[None]:
        """Do what `record` does, step by step: other things can be done meanwhile."""
        return self._steps(groups, self._records.record_and_begin_sync)

    def _steps(self, groups: Sequence[Prepared], write: _Write) -> Steps[None]:
        if any(group.placed for group in groups):
            yield from self._record(groups, write)
        # One of them tells it, whichever it was.
        groups[0].report.journal_fault = self._vault.take_journal_fault()

    def _record(self, groups: Sequence[Prepared], write: _Write) -> Steps[None]:
        syncings: list[Syncing] = []
        verdict = self._policy.verdict
        entries = [_entry(one, verdict) for group in groups for one in group.placed]

        def confirm() -> None:
            for group in groups:
                group.placement.confirm()

        def record(entries: Sequence[Entry]) -> list[Recorded]:
            recorded, syncing = write(entries, confirm=confirm)
            syncings.append(syncing)
            return recorded

        try:
            recorded = record_compared(record, entries, self._vault.holds_same)
        except OSError as error:
            self._take_back(groups, error)
        except HilumError as error:
            self._give_up(groups, str(error), is_full=isinstance(error, Full))
        else:
            yield from syncings
            if (failure := syncings[-1].wait()) is None:
                self._accept(groups, recorded)
            else:
                self._records.distrust_log()
                self._give_up(groups, f"syncing the ledger failed: {failure.strerror}")

    def _examine(self, index: int, reception: Reception, report: CommitReport) -> _Candidate | None:
        """Take the last run and judge the instance by itself; None settles it here."""
        digest = reception.hold_last_run()
        if digest is None:
            report.answers[index] = reception.failure
            report.disk_is_full |= reception.has_met_full_disk
            self._drop(reception, report)
            return None
        judged = judge(reception, self._facts)
        if isinstance(judged, InstanceFacts):
            at = self._moments.next()
            deliveries = self._planner.plan(reception, judged, at)
            candidate = _Candidate(index, reception, judged, digest, at, deliveries)
            self._index(candidate)
            return candidate
        report.answers[index] = judged
        if isinstance(judged, Misplaced):
            # Nothing is wrong with it, and who brought it is told: nothing to look into.
            self._drop(reception, report)
        else:
            self._quarantine(reception, judged.reason, report)
        return None

    def _index(self, candidate: _Candidate) -> None:
        """Find what searches need besides the facts, while the payload is at hand."""
        reception, indexing = candidate.reception, self._indexing
        if (header := reception.reader.header) is not None:
            candidate.extras = indexing.extras(header)
        syntax = transfer_syntax(reception.announcement.transfer_syntax_uid)
        candidate.requests = indexing.requests(
            candidate.facts.series_instance_uid, reception.draft.front, reception.size, syntax
        )

    def _placed(
        self,
        candidates: list[_Candidate],
        failures: Sequence[OSError | None],
        report: CommitReport,
    ) -> list[_Candidate]:
        """Give those that have their names; the others are refused."""
        placed = []
        for candidate, failure in zip(candidates, failures, strict=True):
            if failure is None:
                placed.append(candidate)
            else:
                self._refuse(candidate, failure, report)
        return placed

    def _complete(self, candidate: _Candidate, report: CommitReport) -> bool:
        """Write what is not yet written, and the seal."""
        facts, draft = candidate.facts, candidate.reception.draft
        candidate.path = path_of(
            day=day_of(candidate.received_at),
            study=facts.study_instance_uid,
            series=facts.series_instance_uid,
            instance=facts.sop_instance_uid,
            digest_hex=candidate.digest,
            serial=draft.serial,
        )
        try:
            draft.complete(seal_of(candidate.reception, candidate.digest, candidate.received_at))
            self._vault.hasten(draft)
        except OSError as error:
            self._refuse(candidate, error, report)
            return False
        return True

    def _accept(self, groups: Sequence[Prepared], recorded: Sequence[Recorded]) -> None:
        left = iter(recorded)
        for group in groups:
            report = group.report
            report.ledger_was_asked |= bool(group.placed)
            for candidate, record in zip(group.placed, left, strict=False):
                report.answers[candidate.index] = _answer(record.verdict)
                for planned in candidate.deliveries:
                    report.owed.setdefault(planned.destination, set()).add(planned.priority)
                for path in (record.superseded_path, candidate.path):
                    # Replaced, or not needed because the same bytes are held already.
                    if path and path != record.path:
                        self._clean_up(path, self._vault.remove, report)

    def _take_back(self, groups: Sequence[Prepared], error: OSError) -> None:
        """The payloads may not survive: nothing is in the ledger, for certain."""
        for group in groups:
            for candidate in group.placed:
                self._clean_up(candidate.path, self._vault.remove, group.report)
                self._refuse(candidate, error, group.report)

    def _refuse(self, candidate: _Candidate, error: OSError, report: CommitReport) -> None:
        self._indexing.forget()
        reason = f"writing the payload failed: {error.strerror}"
        report.answers[candidate.index] = NoRoom(reason)
        report.disk_is_full = True
        self._drop(candidate.reception, report)

    def _give_up(self, groups: Sequence[Prepared], reason: str, *, is_full: bool = False) -> None:
        """The ledger failed: nobody gets success.

        Named payloads stay where they are: whether the transaction reached the disk is not known,
        and a row without its file would be worse than a file without a row, which is adopted when
        the gateway starts.
        """
        self._indexing.forget()
        for group in groups:
            report = group.report
            report.ledger_was_asked = True
            report.ledger_error = reason
            report.disk_is_full |= is_full
            for candidate in group.placed:
                report.answers[candidate.index] = NoRoom(reason)
                self._drop(candidate.reception, report)

    def _quarantine(self, reception: Reception, reason: str, report: CommitReport) -> None:
        try:
            path = self._vault.quarantine(reception.draft, reason, now=self._clock.now())
        except OSError as error:
            report.leftovers.append((reception.draft.path, str(error.strerror)))
            return
        if path is not None:
            report.quarantined.append((path, reason))

    def _drop(self, reception: Reception, report: CommitReport) -> None:
        self._clean_up(reception.draft.path, lambda _: reception.draft.discard(), report)

    @staticmethod
    def _clean_up(path: str, remove: Callable[[str], None], report: CommitReport) -> None:
        try:
            remove(path)
        except OSError as error:
            report.leftovers.append((path, str(error.strerror)))


def seal_of(reception: Reception, digest: str, received_at: datetime) -> Seal:
    """Give what travels with the payload."""
    origin = reception.announcement.origin
    return Seal(
        digest=digest,
        size=reception.size,
        received_at=received_at.isoformat(),
        calling_ae_title=origin.calling_ae_title,
        called_ae_title=origin.called_ae_title,
        peer=origin.peer,
        host=origin.host,
        entity=origin.entity,
        association_id=origin.association_id,
    )


def _entry(candidate: _Candidate, verdict: Verdict) -> Entry:
    reception = candidate.reception
    return Entry(
        facts=candidate.facts,
        transfer_syntax_uid=reception.announcement.transfer_syntax_uid,
        path=candidate.path,
        size=reception.size,
        digest=bytes.fromhex(candidate.digest),
        verdict=verdict,
        origin=reception.announcement.origin,
        received_at=candidate.received_at,
        deliveries=candidate.deliveries,
        extras=candidate.extras,
        requests=candidate.requests,
    )


def _answer(verdict: Verdict) -> Answer:
    if verdict is Verdict.KEPT_FIRST:
        return DuplicateRefused(
            "another version of this instance is held and gateway.duplicates is keep_first"
        )
    return Kept(verdict)
