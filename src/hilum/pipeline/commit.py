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
from hilum.kernel.syncing import Syncing
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
from hilum.pipeline.planning import Planner
from hilum.pipeline.reception import Reception
from hilum.pipeline.sameness import record_compared
from hilum.pipeline.stepping import Steps, finished
from hilum.vault.layout import day_of, path_of
from hilum.vault.seal import Seal
from hilum.vault.vault import Vault


class Records(Protocol):
    """What the commit needs of the ledger."""

    def record_and_begin_sync(
        self, entries: Sequence[Entry], *, confirm: Callable[[], None] = ...
    ) -> tuple[list[Recorded], Syncing]:
        """Write all entries in one transaction, if `confirm` does not raise before it is committed.

        It counts when the sync is over. Raises Full or another HilumError, or the OSError of
        `confirm`: then nothing was written.
        """
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

    def commit(self, group: Sequence[Reception]) -> CommitReport:
        """Make the group durable; never raises for one reception's fault or a full disk."""
        return finished(self.steps(group))

    def steps(self, group: Sequence[Reception]) -> Steps[CommitReport]:
        """Make the group durable, as `commit` does, step by step."""
        report = CommitReport([None] * len(group), [], [])
        candidates = []
        for index, reception in enumerate(group):
            candidate = self._examine(index, reception, report)
            if candidate is not None and self._complete(candidate, report):
                candidates.append(candidate)
        if not candidates:
            return report
        placement = self._vault.place([(c.reception.draft, c.path) for c in candidates])
        placed = self._placed(candidates, placement.failures, report)
        yield from placement.syncings
        if placed:
            yield from self._record(placed, placement.confirm, report)
        report.journal_fault = self._vault.take_journal_fault()
        return report

    def _record(
        self, placed: list[_Candidate], confirm: Callable[[], None], report: CommitReport
    ) -> Steps[None]:
        """Have the ledger take what was placed, once it is safe; give the answers."""
        syncings: list[Syncing] = []

        def record(entries: Sequence[Entry]) -> list[Recorded]:
            recorded, syncing = self._records.record_and_begin_sync(entries, confirm=confirm)
            syncings.append(syncing)
            return recorded

        verdict = self._policy.verdict
        entries = [_entry(candidate, verdict) for candidate in placed]
        try:
            recorded = record_compared(record, entries, self._vault.holds_same)
        except OSError as error:
            # Nothing is in the ledger, for certain.
            self._indexing.forget()
            for candidate in placed:
                self._clean_up(candidate.path, self._vault.remove, report)
                self._refuse(candidate, error, report)
            return
        except HilumError as error:
            report.disk_is_full = isinstance(error, Full)
            self._give_up(placed, str(error), report)
            return
        yield from syncings
        if (failure := syncings[-1].wait()) is not None:
            self._records.distrust_log()
            self._give_up(placed, f"syncing the ledger failed: {failure.strerror}", report)
            return
        report.ledger_was_asked = True
        self._accept(placed, recorded, report)

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
        except OSError as error:
            self._refuse(candidate, error, report)
            return False
        return True

    def _accept(
        self, placed: list[_Candidate], recorded: Sequence[Recorded], report: CommitReport
    ) -> None:
        for candidate, record in zip(placed, recorded, strict=True):
            report.answers[candidate.index] = _answer(record.verdict)
            for planned in candidate.deliveries:
                report.owed.setdefault(planned.destination, set()).add(planned.priority)
            for path in (record.superseded_path, candidate.path):
                # Replaced, or not needed because the same bytes are held already.
                if path and path != record.path:
                    self._clean_up(path, self._vault.remove, report)

    def _refuse(self, candidate: _Candidate, error: OSError, report: CommitReport) -> None:
        self._indexing.forget()
        reason = f"writing the payload failed: {error.strerror}"
        report.answers[candidate.index] = NoRoom(reason)
        report.disk_is_full = True
        self._drop(candidate.reception, report)

    def _give_up(self, candidates: Sequence[_Candidate], reason: str, report: CommitReport) -> None:
        """The ledger failed: nobody gets success.

        Named payloads stay where they are: whether the transaction reached the disk is not known,
        and a row without its file would be worse than a file without a row, which is adopted when
        the gateway starts.
        """
        self._indexing.forget()
        report.ledger_was_asked = True
        report.ledger_error = reason
        for candidate in candidates:
            if report.answers[candidate.index] is None:
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
