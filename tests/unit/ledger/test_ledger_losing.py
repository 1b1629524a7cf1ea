from datetime import UTC, datetime

from ledger_entries import entry, rows

from hilum.ledger import statements
from hilum.ledger.entry import Verdict
from hilum.ledger.ledger import Ledger


def test_every_payload_is_named(ledger):
    entries = [entry(number) for number in range(2100)]
    ledger.record(entries)

    named = list(ledger.payloads())

    assert len(named) > statements.PAGE_ROWS
    assert sorted(named) == sorted(
        (e.path, e.digest, e.size, e.facts.sop_instance_uid) for e in entries
    )


def test_payloads_may_be_forgotten_while_they_are_named(ledger):
    ledger.record([entry(number) for number in range(1500)])

    for path, *_ in ledger.payloads():
        ledger.forget([path])

    assert ledger.counts().payloads == 0


def test_a_lost_payload_leaves_its_receipt_and_an_audit_record(path):
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    ledger = Ledger.open(path, durability="process", now=lambda: moment)
    ledger.record([entry(1), entry(2)])

    assert ledger.forget([entry(1).path, "unknown.dcm"]) == 1

    assert ledger.find(["1.2.3.4.1"]) == {"1.2.3.4.1": []}
    counts = ledger.counts()
    assert (counts.receipts, counts.instances, counts.payloads) == (2, 1, 1)
    lost = "SELECT at_microseconds, outcome, sop_instance_uid, study_instance_uid, patient_id"
    assert rows(path, f"{lost} FROM audit WHERE event = 'payload lost'") == [
        (1_893_456_000_000_000, "lost", "1.2.3.4.1", "1.2.3", "P1")
    ]
    ledger.close()


def test_the_version_before_a_lost_one_is_served(ledger):
    ledger.record([entry(1, path="old.dcm")])
    ledger.record([entry(1, content=b"x", path="new.dcm", verdict=Verdict.KEPT_BESIDE)])

    ledger.forget(["new.dcm"])

    [held] = ledger.find(["1.2.3.4.1"])["1.2.3.4.1"]
    assert (held.path, held.is_current) == ("old.dcm", True)
    assert ledger.check() == []


def test_losing_an_older_version_changes_nothing_else(ledger):
    ledger.record([entry(1, path="old.dcm")])
    ledger.record([entry(1, content=b"x", path="new.dcm", verdict=Verdict.KEPT_BESIDE)])

    ledger.forget(["old.dcm"])

    [held] = ledger.find(["1.2.3.4.1"])["1.2.3.4.1"]
    assert (held.path, held.is_current) == ("new.dcm", True)
    assert ledger.check() == []


def test_what_is_empty_after_a_loss_goes_too_and_comes_back(ledger):
    ledger.record([entry(1), entry(2, series_instance_uid="1.1")])

    ledger.forget([entry(1).path])
    assert (ledger.counts().series, ledger.counts().studies) == (1, 1)
    ledger.forget([entry(2, series_instance_uid="1.1").path])

    counts = ledger.counts()
    assert (counts.series, counts.studies, counts.patients) == (0, 0, 0)
    ledger.record([entry(1)])
    assert ledger.counts().patients == 1
    assert ledger.check() == []


def test_counts_count(ledger):
    ledger.record([entry(1), entry(2, modality="MR"), entry(1, content=b"more")])

    counts = ledger.counts()

    assert (counts.patients, counts.studies, counts.series, counts.instances) == (1, 1, 1, 2)
    assert (counts.payloads, counts.bytes) == (3, 3004)
    assert (counts.receipts, counts.conflicts) == (3, 1)
