"""Commitments that others ask us for: remembered, leased, settled, and what keeps payloads."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from delivery_plans import NOW, planned
from ledger_entries import entry, rows

from hilum.kernel.errors import Rejected
from hilum.kernel.names import UID
from hilum.ledger.commitment import Asked
from hilum.ledger.commitment_statements import CommitmentStatements
from hilum.ledger.delivery import GatheringKey, Level, PlannedDelivery
from hilum.ledger.entry import Origin
from hilum.ledger.gathering import Completeness
from hilum.ledger.ledger import Ledger
from hilum.ledger.salvage import Salvage

CT1 = Origin("CT1", "HILUM", "ct1", "10.0.0.1", "HILUM", "a-1")
SOON, LATER = NOW + timedelta(seconds=60), NOW + timedelta(seconds=120)
CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
ONE, TWO, ABSENT = "1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.99"


def request(*uids, transaction="2.25.1", origin=CT1):
    return Asked(UID(transaction), [(UID(CT_CLASS), UID(uid)) for uid in uids], origin)


def ask(ledger, *uids, until=SOON, **changes):
    return ledger.commitments.ask(request(*uids, **changes), now=NOW, until=until)


def claim(ledger, now=LATER, limit=9):
    return ledger.commitments.claim(now=now, until=now + timedelta(seconds=60), limit=limit)


def test_a_request_comes_back_with_what_is_held_of_it(ledger):
    ledger.record([entry(1), entry(2, sop_class_uid="1.2.3")])
    commitment = ask(ledger, ONE, TWO, ABSENT)

    assert (commitment.transaction_uid, commitment.origin) == ("2.25.1", CT1)
    found = ledger.commitments.references(commitment)
    assert [(one.sop_instance_uid, one.held_class_uid, one.path) for one in found] == [
        (ONE, CT_CLASS, entry(1).path),
        (TWO, "1.2.3", entry(2).path),
        (ABSENT, "", ""),
    ]


def test_a_request_is_there_when_the_process_that_took_it_is_not(ledger, path):
    ask(ledger, ONE)

    with closing(Ledger.open(path, durability="process")) as other:
        assert claim(other, now=NOW) == []
        other.commitments.end_leases(now=NOW)
        [again] = claim(other, now=NOW)
        assert (again.transaction_uid, again.attempts) == ("2.25.1", 2)


def test_who_asked_first_reports_until_its_lease_ends(ledger):
    ask(ledger, ONE)

    assert claim(ledger, now=SOON - timedelta(microseconds=1)) == []
    assert len(claim(ledger, now=SOON)) == 1
    assert claim(ledger, now=SOON) == []


def test_only_who_has_the_lease_puts_a_report_off(ledger):
    first = ask(ledger, ONE)
    [second] = claim(ledger)

    assert not ledger.commitments.put_off(first, until=NOW, reason="nobody there")
    assert claim(ledger) == []
    assert ledger.commitments.put_off(second, until=NOW, reason="nobody there")
    assert len(claim(ledger)) == 1


def test_what_was_reported_is_never_due_again(ledger, path):
    commitment = ask(ledger, ONE)

    assert ledger.commitments.reported(commitment, detail="1 committed", now=NOW)
    assert not ledger.commitments.reported(commitment, detail="1 committed", now=NOW)
    assert claim(ledger) == []
    assert ledger.commitments.end_leases(now=LATER) == 0
    assert rows(path, "SELECT event, outcome, peer, detail FROM audit ORDER BY id") == [
        ("storage commitment asked for", "success", "ct1", "transaction 2.25.1: 1 instances"),
        ("storage commitment reported", "success", "ct1", "transaction 2.25.1: 1 committed"),
    ]


def test_giving_up_is_on_record_with_its_reason(ledger, path):
    ledger.commitments.give_up(ask(ledger, ONE), reason="nobody there", now=NOW)

    assert claim(ledger) == []
    assert rows(path, "SELECT state, reason FROM commitment") == [("given up", "nobody there")]
    assert rows(path, "SELECT event, outcome FROM audit")[-1] == (
        "storage commitment not reported",
        "failure",
    )


def test_the_same_request_once_more_is_reported_once_more(ledger):
    first = ask(ledger, TWO, ONE)
    ledger.commitments.reported(first, detail="", now=NOW)

    again = ask(ledger, ONE, TWO)

    assert again.commitment_id == first.commitment_id
    assert len(claim(ledger)) == 1


def test_a_transaction_uid_is_for_one_list_of_one_peer(ledger):
    ask(ledger, ONE)
    with pytest.raises(Rejected, match="in use"):
        ask(ledger, TWO)

    other = ask(ledger, TWO, origin=replace(CT1, calling_ae_title="CT2"))

    assert other.origin.calling_ae_title == "CT2"


def test_what_is_to_be_reported_on_stays(ledger):
    ledger.record([entry(1), entry(2)])
    commitment = ask(ledger, ONE)

    def removable():
        return [one.path for one in ledger.removals.removable(before=LATER)]

    def remove(*paths):
        return ledger.removals.remove(paths, reason="old", by=CT1, now=NOW)

    assert removable() == [entry(2).path]
    assert remove(entry(1).path) == []
    assert ledger.versions.under(study="1.2.3").deliveries == 1

    ledger.commitments.reported(commitment, detail="", now=NOW)

    assert removable() == [entry(1).path, entry(2).path]
    assert ledger.versions.under(study="1.2.3").deliveries == 0
    assert remove(entry(1).path) == [entry(1).path]


def test_a_list_is_of_the_studies_that_it_names_something_of(ledger):
    elsewhere = {"study_instance_uid": "1.9", "series_instance_uid": "1.9.1"}
    ledger.record([entry(1), entry(2, series_instance_uid="1.2.3.5"), entry(3, **elsewhere)])
    ask(ledger, ONE, TWO, ABSENT, "1.2.3.4.3")

    study = ledger.commitments.listed(Level.STUDY, "1.2.3")
    series = ledger.commitments.listed(Level.SERIES, "1.2.3.4")

    assert (set(study.listed), set(study.held)) == ({ONE, TWO, ABSENT}, {ONE, TWO})
    assert (set(series.listed), set(series.held)) == ({ONE, ABSENT}, {ONE})
    assert study.is_whole
    assert series.is_whole
    assert not ledger.commitments.listed(Level.STUDY, "1.7").is_whole


def test_lists_of_several_requests_are_put_together(ledger):
    ledger.record([entry(1), entry(2)])
    ask(ledger, ONE)
    ask(ledger, TWO, transaction="2.25.2")

    study = ledger.commitments.listed(Level.STUDY, "1.2.3")
    assert set(study.listed) == {ONE, TWO}
    assert not study.is_whole


def test_old_ones_are_forgotten_with_their_lists_and_open_ones_never(ledger, path):
    ledger.commitments.reported(ask(ledger, ONE), detail="", now=NOW)
    ask(ledger, TWO, transaction="2.25.2")

    assert ledger.commitments.forget(before=NOW, limit=9) == 0
    assert ledger.commitments.forget(before=LATER, limit=9) == 1
    assert rows(path, "SELECT sop_instance_uid FROM commitment_reference") == [(TWO,)]


def test_a_ledger_that_is_made_anew_takes_over_what_was_promised(ledger, path, tmp_path):
    ask(ledger, ONE)
    old = Salvage(path)

    fresh = Ledger.open(tmp_path / "fresh.sqlite", durability="process")
    try:
        assert old.is_readable()
        fresh.take_over(old)
        [commitment] = claim(fresh)
        assert [one.sop_instance_uid for one in fresh.commitments.references(commitment)] == [ONE]
    finally:
        fresh.close()


@pytest.mark.usefixtures("ledger")
def test_questions_read_by_indexes(path):
    """What is asked for each instance or each second must not read a table from end to end."""
    statements = CommitmentStatements()
    for statement in (
        statements.due,
        statements.references,
        statements.listed_of_study,
        statements.listed_of_series,
        statements.forget,
    ):
        plan = [
            row[3]
            for row in rows(
                path, f"EXPLAIN QUERY PLAN {statement.text}", *"xx"[: statement.text.count("?")]
            )
        ]
        assert not [
            line
            for line in plan
            if line.startswith("SCAN")
            and "USING INDEX" not in line
            and "subquery" not in line.lower()
        ], plan


def test_what_waits_is_found_by_a_request_that_names_some_of_it(ledger):
    study = PlannedDelivery("pacs", "studies", gathering=GatheringKey(Level.STUDY, "1.2.3"))
    series = PlannedDelivery("other", "series", gathering=GatheringKey(Level.SERIES, "1.2.3.4"))
    ledger.record([planned(1, study, series), planned(2, study)])

    named = ask(ledger, ONE)
    elsewhere = ask(ledger, ABSENT, transaction="2.25.2")

    found = ledger.gatherings.of_commitment(named.commitment_id)
    assert sorted(one.route for one in found) == ["series", "studies"]
    assert ledger.gatherings.of_commitment(elsewhere.commitment_id) == []
    for one in found:
        ledger.gatherings.close(
            one.gathering_id,
            verdict=Completeness.COMPLETE,
            evidence="",
            is_forced=False,
            now=NOW,
            due_at=NOW,
        )
    assert ledger.gatherings.of_commitment(named.commitment_id) == []
