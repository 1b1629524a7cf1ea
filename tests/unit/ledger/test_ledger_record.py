import dataclasses
import sqlite3

import pytest
from ledger_entries import ORIGIN, RECEIVED, change, entry, rows

from hilum.ledger.entry import Verdict
from hilum.ledger.moments import microseconds_of


def test_an_instance_is_found_after_it_was_recorded(ledger):
    kept = entry()

    [recorded] = ledger.record([kept])

    assert (recorded.verdict, recorded.version) == (Verdict.KEPT, 1)
    assert recorded.path == kept.path
    [held] = ledger.find(["1.2.3.4.1"])["1.2.3.4.1"]
    assert (held.digest, held.path, held.size) == (kept.digest, kept.path, kept.size)
    assert (held.version, held.is_current) == (1, True)


def test_what_is_not_held_is_found_as_nothing(ledger):
    assert ledger.find(["1.2.3"]) == {"1.2.3": []}


def test_nothing_to_record_is_recorded_as_nothing(ledger):
    assert ledger.record([]) == []


def test_a_receipt_tells_what_came_from_whom_and_when(ledger, path):
    kept = entry()

    [recorded] = ledger.record([kept])

    [receipt] = rows(path, "SELECT * FROM receipt WHERE id = ?", recorded.receipt_id)
    *written_down, _via = dataclasses.astuple(ORIGIN)
    assert receipt[1:] == (
        microseconds_of(RECEIVED),
        "1.2.3.4.1",
        1,
        "kept",
        kept.digest,
        kept.size,
        *written_down,
    )


def test_the_audit_record_names_the_patient(ledger, path):
    ledger.record([entry()])

    [record] = rows(path, "SELECT event, outcome, patient_id, calling_ae_title, host FROM audit")
    assert record == ("instances received", "kept", "P1", "CT1", "127.0.0.1")


def test_the_audit_trail_tells_once_for_each_association_study_and_verdict(ledger, path):
    for number in range(3):
        ledger.record([entry(number), entry(number + 10)])
    ledger.record([entry(0)])
    ledger.record([entry(30, study_instance_uid="1.9")])

    told = rows(path, "SELECT outcome, study_instance_uid FROM audit ORDER BY id")
    assert told == [("kept", "1.2.3"), ("already_held", "1.2.3"), ("kept", "1.9")]


def test_what_was_rolled_back_was_not_told(ledger, path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("hilum.ledger.recording._recorded", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ledger.record([entry()])

    ledger.record([entry()])

    assert len(rows(path, "SELECT 1 FROM audit")) == 1


def test_the_same_bytes_again_give_a_receipt_and_nothing_else(ledger, path):
    ledger.record([entry(path="first.dcm")])

    [recorded] = ledger.record([entry(path="second.dcm", verdict=Verdict.ALREADY_HELD)])

    assert (recorded.verdict, recorded.path) == (Verdict.ALREADY_HELD, "first.dcm")
    counts = ledger.counts()
    assert (counts.receipts, counts.payloads) == (2, 1)
    assert rows(path, "SELECT outcome FROM audit") == [("kept",), ("already_held",)]


def test_bytes_that_another_worker_recorded_meanwhile_are_already_held(ledger):
    ledger.record([entry(path="theirs.dcm")])

    [recorded] = ledger.record([entry(path="ours.dcm", verdict=Verdict.KEPT)])

    assert (recorded.verdict, recorded.path) == (Verdict.ALREADY_HELD, "theirs.dcm")


def test_other_bytes_that_another_worker_recorded_meanwhile_are_kept_beside(ledger):
    ledger.record([entry()])

    [recorded] = ledger.record([entry(content=b"other", verdict=Verdict.KEPT)])

    assert (recorded.verdict, recorded.version) == (Verdict.KEPT_BESIDE, 2)
    older, newer = ledger.find(["1.2.3.4.1"])["1.2.3.4.1"]
    assert (older.is_current, newer.is_current) == (False, True)


def test_the_catalogue_describes_the_newest_version(ledger, path):
    ledger.record([entry(rows=512)])
    ledger.record([entry(content=b"other", rows=256, verdict=Verdict.KEPT_BESIDE)])

    assert rows(path, 'SELECT current_version, "rows" FROM instance') == [(2, 256)]


def test_a_replaced_payload_is_named_and_held_no_more(ledger):
    ledger.record([entry(path="old.dcm")])

    [recorded] = ledger.record([entry(content=b"new", path="new.dcm", verdict=Verdict.REPLACED)])

    assert (recorded.verdict, recorded.superseded_path) == (Verdict.REPLACED, "old.dcm")
    assert [p.path for p in ledger.find(["1.2.3.4.1"])["1.2.3.4.1"]] == ["new.dcm"]


def test_replacing_nothing_is_keeping(ledger):
    [recorded] = ledger.record([entry(verdict=Verdict.REPLACED)])

    assert (recorded.verdict, recorded.superseded_path) == (Verdict.KEPT, None)


def test_what_is_not_kept_has_no_receipt(ledger):
    ledger.record([entry(path="first.dcm")])

    [recorded] = ledger.record([entry(content=b"other", path="", verdict=Verdict.KEPT_FIRST)])

    assert (recorded.verdict, recorded.version) == (Verdict.KEPT_FIRST, 1)
    assert recorded.receipt_id == 0
    assert ledger.counts().receipts == 1
    assert recorded.path == "first.dcm"
    assert ledger.counts().payloads == 1


def test_a_group_knows_its_own_duplicates(ledger):
    group = [
        entry(path="a.dcm"),
        entry(path="b.dcm"),
        entry(content=b"other", path="c.dcm"),
        entry(2, path="d.dcm"),
        entry(content=b"third", path="e.dcm", verdict=Verdict.REPLACED),
    ]

    recorded = ledger.record(group)

    assert [(r.verdict, r.version, r.path) for r in recorded] == [
        (Verdict.KEPT, 1, "a.dcm"),
        (Verdict.ALREADY_HELD, 1, "a.dcm"),
        (Verdict.KEPT_BESIDE, 2, "c.dcm"),
        (Verdict.KEPT, 1, "d.dcm"),
        (Verdict.REPLACED, 3, "e.dcm"),
    ]
    assert recorded[-1].superseded_path == "c.dcm"
    held = ledger.find(["1.2.3.4.1"])["1.2.3.4.1"]
    assert [(p.path, p.is_current) for p in held] == [("a.dcm", False), ("e.dcm", True)]
    assert ledger.check() == []


@pytest.mark.parametrize("size", [1, 15, 16, 17, 33, 100])
def test_a_group_of_any_size_is_recorded_in_its_order(ledger, path, size):
    recorded = ledger.record([entry(number) for number in range(size)])

    uids = dict(rows(path, "SELECT id, sop_instance_uid FROM receipt"))
    assert [uids[r.receipt_id] for r in recorded] == [f"1.2.3.4.{n}" for n in range(size)]
    stored = rows(
        path,
        "SELECT sop_instance_uid, path FROM instance JOIN payload ON instance_row = instance.id",
    )
    assert sorted(stored) == sorted(
        (e.facts.sop_instance_uid, e.path) for e in map(entry, range(size))
    )


def test_duplicates_far_apart_in_a_long_group_are_seen(ledger):
    ledger.record([entry(1)])

    recorded = ledger.record([entry(1), *map(entry, range(2, 40)), entry(1, content=b"other")])

    assert recorded[0].verdict is Verdict.ALREADY_HELD
    assert (recorded[-1].verdict, recorded[-1].version) == (Verdict.KEPT_BESIDE, 2)


@pytest.mark.parametrize("others", [0, 40])
def test_bytes_that_come_back_after_they_were_replaced_are_kept_again(ledger, others):
    """The vault names files by their bytes: the path comes back as well and must not be removed."""
    ledger.record([entry(1, path="first.dcm")])

    replaced, *_, back = ledger.record(
        [
            entry(1, content=b"other", path="other.dcm", verdict=Verdict.REPLACED),
            *map(entry, range(2, 2 + others)),
            entry(1, path="first.dcm"),
        ]
    )

    assert (replaced.verdict, replaced.superseded_path) == (Verdict.REPLACED, None)
    assert (back.verdict, back.version) == (Verdict.KEPT_BESIDE, 3)
    held = ledger.find(["1.2.3.4.1"])["1.2.3.4.1"]
    assert [(p.path, p.is_current) for p in held] == [("other.dcm", False), ("first.dcm", True)]
    assert ledger.check() == []


def test_what_is_replaced_within_its_own_group_leaves_its_path(ledger):
    kept, replacing = ledger.record(
        [
            entry(1, path="a.dcm"),
            entry(1, content=b"other", path="b.dcm", verdict=Verdict.REPLACED),
        ]
    )

    assert (kept.verdict, kept.path) == (Verdict.KEPT, "a.dcm")
    assert (replacing.verdict, replacing.superseded_path) == (Verdict.REPLACED, "a.dcm")
    assert [p.path for p in ledger.find(["1.2.3.4.1"])["1.2.3.4.1"]] == ["b.dcm"]
    assert ledger.check() == []


def test_values_no_database_can_hold_do_not_keep_an_instance_out(ledger, path):
    odd = entry(patient_name="DOE\ud800", instance_number=10**30)

    ledger.record([entry(2), odd])

    assert ledger.counts().instances == 2
    assert ("DOE?",) in rows(path, "SELECT seen FROM conflict")
    assert (None,) in rows(path, "SELECT instance_number FROM instance")


def test_receipts_and_audit_records_cannot_be_changed(ledger, path):
    ledger.record([entry()])

    for table in ("receipt", "audit"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET host = ''"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                change(path, statement)
