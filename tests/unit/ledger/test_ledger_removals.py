from dataclasses import replace

from delivery_plans import LATER, NO_ANSWER, NOW, claim, planned, settle, states
from ledger_entries import ORIGIN, RECEIVED, entry, rows

from hilum.kernel.outcome import Delivered, Refused
from hilum.ledger.delivery import Selection
from hilum.ledger.entry import OURSELVES, Verdict
from hilum.ledger.removals import Removable, Usage

ONE, TWO = "1.2.3.4.1", "1.2.3.4.2"
WHO = {"by": OURSELVES, "now": NOW}


def removable(ledger, **changes):
    return [one.path for one in ledger.removals.removable(**{"before": NOW} | changes)]


def test_what_is_owed_to_nobody_may_go(ledger):
    ledger.record([planned(1, "pacs", "cloud"), entry(2), planned(3)])
    settle(ledger, claim(ledger, limit=1))
    settle(ledger, claim(ledger, "cloud"))

    assert ledger.removals.removable(before=NOW) == [
        Removable(
            place=(1, 1),
            path=planned(1).path,
            size=1000,
            received_at=RECEIVED,
            peer="ct1",
            sop_instance_uid=ONE,
            version=1,
            routes=frozenset({"everything"}),
            delivered_to=frozenset({"pacs", "cloud"}),
            settled_at=NOW,
        ),
        Removable(
            place=(2, 1),
            path=entry(2).path,
            size=1000,
            received_at=RECEIVED,
            peer="ct1",
            sop_instance_uid=TWO,
            version=1,
            routes=frozenset(),
            delivered_to=frozenset(),
            settled_at=RECEIVED,
        ),
    ]


def test_no_open_state_lets_a_payload_go(ledger):
    ledger.record([planned(number) for number in (1, 2, 3, 4, 5)])
    _active, deferred, refused = claim(ledger, limit=3)
    settle(ledger, [deferred], NO_ANSWER, due_at=LATER)
    settle(ledger, [refused], Refused("no"))
    ledger.queue.hold(Selection(ids=(4,)), reason="x", **WHO)
    paths = [planned(number).path for number in (1, 2, 3, 4, 5)]

    assert removable(ledger) == []
    assert ledger.removals.remove(paths, reason="old", **WHO) == []
    ledger.queue.drop(Selection(ids=(5,)), reason="x", **WHO)
    assert removable(ledger) == [planned(5).path]


def test_only_what_is_old_may_go_and_pages_follow_each_other(ledger):
    ledger.record([entry(number) for number in (1, 2, 3)])
    ledger.record([replace(entry(4), received_at=NOW)])

    [first] = ledger.removals.removable(before=NOW, limit=1)

    assert removable(ledger, after=first.place) == [entry(2).path, entry(3).path]


def test_a_removed_payload_is_held_no_more_but_its_history_stays(ledger, path):
    ledger.record([planned(1, patient_id="P7"), planned(2, patient_id="P7")])
    settle(ledger, claim(ledger))
    paths = [planned(1).path, planned(2).path]

    assert ledger.removals.remove([*paths, "unknown"], reason="older than 30 days", **WHO) == paths

    counts = ledger.counts()
    assert (counts.patients, counts.instances, counts.payloads, counts.receipts) == (0, 0, 0, 2)
    assert states(path) == {(ONE, 1, "pacs"): "delivered", (TWO, 1, "pacs"): "delivered"}
    question = "SELECT study_instance_uid, sop_instance_uid, patient_id, detail FROM audit"
    assert rows(path, f"{question} WHERE event = 'payloads removed'") == [
        ("1.2.3", "", "P7", "2 payloads, 2000 bytes: older than 30 days")
    ]
    assert ledger.check() == []


def test_files_that_must_go_are_known_until_they_are_gone(ledger):
    ledger.record([entry(1), entry(2)])
    ledger.removals.remove([entry(1).path, entry(2).path], reason="old", **WHO)

    assert ledger.removals.unconfirmed() == [entry(1).path, entry(2).path]
    ledger.removals.confirm([entry(1).path])
    assert ledger.removals.unconfirmed() == [entry(2).path]


def test_the_version_before_a_removed_one_is_served(ledger):
    ledger.record([entry(1, path="old.dcm")])
    ledger.record([entry(1, content=b"x", path="new.dcm", verdict=Verdict.KEPT_BESIDE)])

    ledger.removals.remove(["new.dcm"], reason="old", **WHO)

    [held] = ledger.find([ONE])[ONE]
    assert (held.path, held.is_current) == ("old.dcm", True)


def test_what_comes_again_after_its_removal_is_delivered_again(ledger):
    ledger.record([planned(1)])
    settle(ledger, claim(ledger))
    ledger.removals.remove([planned(1).path], reason="old", **WHO)

    [record] = ledger.record([planned(1)])

    assert (record.verdict, record.version) == (Verdict.KEPT, 2)
    assert len(claim(ledger)) == 1


def test_usage_counts_every_version(ledger):
    assert ledger.removals.usage() == Usage(0, 0)
    ledger.record([entry(1), entry(1, content=b"xy"), entry(2)])

    assert ledger.removals.usage() == Usage(3, 3002, 2)


def test_what_a_lost_payload_was_owed_to_is_refused_aloud(ledger, path):
    ledger.record([planned(1, "pacs", "cloud", "done")])
    settle(ledger, claim(ledger, "done"))
    [active] = claim(ledger, "cloud")

    ledger.forget([planned(1).path])

    assert states(path) == {
        (ONE, 1, "pacs"): "refused",
        (ONE, 1, "cloud"): "refused",
        (ONE, 1, "done"): "delivered",
    }
    question = "SELECT DISTINCT reason FROM delivery WHERE state = 'refused'"
    assert rows(path, question) == [("its payload is lost: the file is gone or damaged",)]
    [(detail,)] = rows(path, "SELECT detail FROM audit WHERE event = 'payload lost'")
    assert detail == f"version 1: {planned(1).path}; not delivered to pacs, cloud"
    assert settle(ledger, [active], Delivered()) == 1
    assert states(path)[ONE, 1, "cloud"] == "delivered"


def test_who_brought_what_may_go_is_told_for_rules_by_peer(ledger):
    ledger.record([entry(1, origin=replace(ORIGIN, peer="mr2"))])

    assert [one.peer for one in ledger.removals.removable(before=LATER)] == ["mr2"]
