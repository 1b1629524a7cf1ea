import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from delivery_plans import LATER, LEASE, NO_ANSWER, NOW, UNTRIED, claim, planned, settle, states
from delivery_plans import uids as uids_of
from ledger_entries import RECEIVED, change, rows

from hilum.kernel.outcome import Delivered, Refused
from hilum.ledger import deliveries_settling
from hilum.ledger.delivery import (
    Claimed,
    LaneDepth,
    Pace,
    PlannedDelivery,
    Priority,
    Settlement,
    State,
)
from hilum.ledger.ledger import Ledger

HERE = Path(__file__).parents[2] / "support"
UIDS = [f"1.2.3.4.{number}" for number in range(10)]

NEVER = datetime.max.replace(tzinfo=UTC)


def test_a_claim_has_all_that_a_lane_needs(ledger):
    ledger.record([planned(1, PlannedDelivery("pacs", "ct", "group", Priority.BULK))])

    assert claim(ledger) == [
        Claimed(
            delivery_id=1,
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            sop_instance_uid=UIDS[1],
            series_instance_uid="1.2.3.4",
            study_instance_uid="1.2.3",
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            size=1000,
            path=planned(1).path,
            attempts=0,
            version=1,
            route="ct",
            choice="group",
            priority=Priority.BULK,
            created_at=RECEIVED,
        )
    ]


def test_what_is_claimed_is_not_claimed_again(ledger):
    ledger.record([planned(1), planned(2)])

    assert uids_of(claim(ledger, limit=1)) == [UIDS[1]]
    assert uids_of(claim(ledger, owner="w2")) == [UIDS[2]]
    assert claim(ledger) == []


def test_the_urgent_goes_first_then_what_was_due_first(ledger):
    early = PlannedDelivery("pacs", "r", due_at=RECEIVED - timedelta(seconds=1))
    ledger.record(
        [
            planned(1, PlannedDelivery("pacs", "r", priority=Priority.BULK)),
            planned(2),
            planned(3),
            planned(4, early),
            planned(5, PlannedDelivery("pacs", "r", priority=Priority.STAT)),
        ]
    )

    assert uids_of(claim(ledger)) == [UIDS[n] for n in (5, 4, 2, 3, 1)]


def test_another_order_of_priorities_lets_bulk_go_first(ledger):
    bulk = PlannedDelivery("pacs", "r", priority=Priority.BULK)
    ledger.record([planned(1), planned(2, bulk)])

    first = claim(ledger, limit=1, priorities=(Priority.BULK, Priority.ROUTINE))
    only_stat = claim(ledger, priorities=(Priority.STAT,))

    assert (uids_of(first), only_stat) == ([UIDS[2]], [])


def test_nothing_is_claimed_before_it_is_due(ledger):
    ledger.record([planned(1, PlannedDelivery("pacs", "r", due_at=LATER))])

    assert claim(ledger) == []
    assert ledger.deliveries.next_due("pacs") == LATER
    assert len(claim(ledger, now=LATER)) == 1
    assert ledger.deliveries.next_due("pacs") is None


def test_a_batch_is_bounded_in_bytes_but_never_empty(ledger):
    ledger.record([planned(number) for number in (1, 2, 3)])

    assert len(claim(ledger, bytes_max=10)) == 1
    assert len(claim(ledger, bytes_max=2000)) == 2


def test_what_has_no_payload_is_refused_and_the_rest_goes_on(ledger, path):
    ledger.record([planned(number) for number in (1, 2, 3)])
    for number in (1, 2):
        change(path, "DELETE FROM payload WHERE path = ?", planned(number).path)

    assert uids_of(claim(ledger, limit=2)) == [UIDS[3]]
    assert states(path)[UIDS[1], 1, "pacs"] == "refused"


def test_what_failed_goes_again_when_it_is_due(ledger, path):
    ledger.record([planned(1)])

    assert settle(ledger, claim(ledger), NO_ANSWER, due_at=LATER) == 1

    assert claim(ledger) == []
    [again] = claim(ledger, now=LATER)
    assert again.attempts == 1
    question = "SELECT delivery_row, outcome, failing, reason, status FROM attempt"
    assert rows(path, question) == [
        (1, "deferred", "unreachable", "no answer within 30 s", None),
    ]


def test_what_was_not_tried_goes_back_to_its_place(ledger, path):
    ledger.record([planned(1), planned(2)])

    settle(ledger, claim(ledger, limit=1), UNTRIED)

    assert uids_of(claim(ledger)) == [UIDS[1], UIDS[2]]
    assert rows(path, "SELECT DISTINCT attempts FROM delivery") == [(0,)]
    assert rows(path, "SELECT * FROM attempt") == []


def test_what_was_not_tried_can_be_told_to_wait(ledger):
    ledger.record([planned(1)])

    settle(ledger, claim(ledger), UNTRIED, due_at=LATER)

    assert ledger.deliveries.next_due("pacs") == LATER


def test_what_is_refused_stays_with_its_reason(ledger, path):
    ledger.record([planned(1)])

    settle(ledger, claim(ledger), Refused("SOP class not supported (0x0122)", 0x0122))

    assert claim(ledger, now=LATER) == []
    question = "SELECT state, reason, status, attempts, lease_owner FROM delivery"
    assert rows(path, question) == [("refused", "SOP class not supported (0x0122)", 0x0122, 1, "")]
    assert rows(path, "SELECT outcome, status FROM attempt") == [("refused", 0x0122)]


def test_of_a_lot_that_is_refused_each_has_its_own_reason_and_attempt(ledger, path):
    ledger.record([planned(number) for number in range(40)])
    lost = claim(ledger, limit=1, owner="w2")
    lot = claim(ledger, limit=64)
    outcomes = [Refused("too large" if one.delivery_id % 2 else "no", 0xC000) for one in lot]
    told = [*zip(lot, outcomes, strict=True), (lost[0], Refused("not mine"))]

    changed = ledger.deliveries.settle(
        [Settlement(one.delivery_id, "w1", outcome) for one, outcome in told], now=NOW
    )

    assert changed == 39
    question = (
        "SELECT delivery.reason, attempt.reason, attempt.status, attempts, count(*) FROM delivery "
        "JOIN attempt ON delivery_row = delivery.id WHERE state = 'refused' GROUP BY 1, 2, 3, 4"
    )
    assert rows(path, question) == [
        ("no", "no", 0xC000, 1, 20),
        ("too large", "too large", 0xC000, 1, 19),
    ]
    assert states(path)[lost[0].sop_instance_uid, 1, "pacs"] == "active"
    [pace] = ledger.deliveries.paces(now=NOW + timedelta(minutes=1), minutes=1)
    assert pace.refused == 39


def test_a_remark_of_the_other_side_is_kept(ledger, path):
    ledger.record([planned(1), planned(2)])
    first, second = claim(ledger)

    settle(ledger, [first], Delivered(0xB000, "coercion of data elements"))
    settle(ledger, [second])

    question = "SELECT state, status, reason, attempts FROM delivery ORDER BY id"
    assert rows(path, question) == [
        ("delivered", 0xB000, "coercion of data elements", 1),
        ("delivered", None, "", 1),
    ]


def test_only_the_last_attempts_are_kept(ledger, path, monkeypatch):
    monkeypatch.setattr(deliveries_settling, "ATTEMPTS_KEPT_MAX", 3)
    ledger.record([planned(1), planned(2)])
    for number in range(5):
        failed = replace(NO_ANSWER, reason=f"no answer, {number}")
        settle(ledger, claim(ledger), failed, due_at=NOW)

    kept = rows(path, "SELECT reason FROM attempt WHERE delivery_row = 1 ORDER BY id")
    assert kept == [("no answer, 2",), ("no answer, 3",), ("no answer, 4",)]
    assert rows(path, "SELECT count(*) FROM attempt") == [(6,)]


def test_a_reason_that_cannot_be_stored_is_stored_as_well_as_can_be(ledger, path):
    ledger.record([planned(1)])

    settle(ledger, claim(ledger), Refused("\udcff" + "x" * 1000))

    assert rows(path, "SELECT reason FROM delivery") == [("?" + "x" * 499,)]


def test_who_lost_the_lease_may_only_say_delivered(ledger, path):
    ledger.record([planned(1), planned(2)])
    late = claim(ledger)
    ledger.deliveries.reclaim(expired_by=NOW + LEASE, now=NOW + LEASE)
    claim(ledger, owner="w2", now=NOW + LEASE)

    assert settle(ledger, late[:1], Refused("no")) == 0
    assert settle(ledger, late[1:], Delivered()) == 1

    assert states(path) == {(UIDS[1], 1, "pacs"): "active", (UIDS[2], 1, "pacs"): "delivered"}


def test_what_is_delivered_never_goes_back(ledger, path):
    ledger.record([planned(1)])
    claimed = claim(ledger)
    settle(ledger, claimed)

    changed = [settle(ledger, claimed, o) for o in (None, NO_ANSWER, UNTRIED, Refused("no"))]

    assert changed == [0, 0, 0, 0]
    assert states(path) == {(UIDS[1], 1, "pacs"): "delivered"}
    assert ledger.deliveries.paces(now=NOW + timedelta(minutes=1), minutes=1) == [
        Pace("pacs", 1, 1, 1000, 0, 0)
    ]


def test_an_expired_lease_waits_again_and_counts(ledger, path):
    ledger.record([planned(1), planned(2)])
    claim(ledger, limit=1)
    claim(ledger, owner="w2", leased_until=LATER)

    assert ledger.deliveries.reclaim(expired_by=NOW + LEASE, now=NOW + LEASE) == 1

    [again] = claim(ledger, owner="w3")
    assert (again.sop_instance_uid, again.attempts) == (UIDS[1], 1)
    assert rows(path, "SELECT outcome, reason FROM attempt") == [
        ("untold", "w1 did not say what became of it: it may have been sent")
    ]


def test_what_the_dead_had_waits_at_once(ledger):
    ledger.record([planned(1), planned(2)])
    claim(ledger, limit=1)
    claim(ledger, owner="w2")

    assert ledger.deliveries.reclaim(expired_by=NOW, now=NOW, dead=["w2", "w9"]) == 1
    assert uids_of(claim(ledger, owner="w3")) == [UIDS[2]]


def test_leases_and_slots_of_the_dead_end_and_those_of_others_stay(ledger):
    ledger.record([planned(1), planned(2)])
    for owner in ("worker-1-a", "worker-11-b"):
        claim(ledger, limit=1, owner=owner, leased_until=NEVER)
        ledger.slots.take("pacs", limit=2, owner=owner, now=NOW, until=NEVER)

    assert ledger.end_leases(lambda owner: owner.startswith("worker-1-")) == 1

    assert ledger.deliveries.owners() == ledger.slots.owners() == {"worker-11-b"}
    [again] = claim(ledger, owner="worker-1-c")
    assert (again.sop_instance_uid, again.attempts) == (UIDS[1], 1)


def test_a_renewed_lease_lasts(ledger):
    ledger.record([planned(1)])
    claim(ledger)

    assert ledger.deliveries.renew("w1", until=LATER) == 1
    assert ledger.deliveries.renew("w2", until=LATER) == 0
    assert ledger.deliveries.reclaim(expired_by=NOW + LEASE, now=NOW + LEASE) == 0
    assert ledger.deliveries.reclaim(expired_by=LATER, now=LATER) == 1


def test_an_owner_who_leaves_gives_back_what_was_not_tried(ledger):
    ledger.record([planned(1)])
    claim(ledger)

    assert ledger.deliveries.release_owner("w1") == 1
    assert [one.attempts for one in claim(ledger, owner="w2")] == [0]


def test_depths_say_what_is_owed(ledger):
    ledger.record([planned(number, "pacs", "cloud") for number in range(1, 6)])
    one, two, three = claim(ledger, limit=3)
    settle(ledger, [one], NO_ANSWER, due_at=LATER)
    settle(ledger, [two], Refused("no"))
    settle(ledger, claim(ledger, "cloud"))

    assert three.sop_instance_uid == UIDS[3]
    assert sorted(ledger.deliveries.depths(), key=lambda d: d.state.value) == [
        LaneDepth("pacs", State.ACTIVE, 1, 1000, RECEIVED),
        LaneDepth("pacs", State.DEFERRED, 1, 1000, RECEIVED),
        LaneDepth("pacs", State.REFUSED, 1, 1000, RECEIVED),
        LaneDepth("pacs", State.WAITING, 2, 2000, RECEIVED),
    ]
    assert ledger.deliveries.outstanding("pacs") == 4
    assert ledger.deliveries.outstanding("cloud") == 0


def test_the_pace_is_that_of_whole_minutes_and_old_ones_go(ledger, path):
    ledger.record([planned(number) for number in range(4)])
    settle(ledger, claim(ledger, limit=2), now=NOW)
    settle(ledger, claim(ledger, limit=1), NO_ANSWER, due_at=LATER, now=NOW + timedelta(minutes=1))
    pace = ledger.deliveries.paces

    assert pace(now=NOW, minutes=5) == []
    assert pace(now=NOW + timedelta(minutes=2), minutes=5) == [Pace("pacs", 5, 2, 2000, 1, 0)]
    assert pace(now=NOW + timedelta(minutes=2), minutes=1) == [Pace("pacs", 1, 0, 0, 1, 0)]
    settle(ledger, claim(ledger), now=NOW + timedelta(days=2))
    assert rows(path, "SELECT count(*) FROM pace") == [(1,)]


def test_a_study_stays_with_the_destination_that_was_chosen(ledger):
    chosen = PlannedDelivery("b", "r", choice="a|b")
    ledger.record([planned(1, chosen)])

    assert ledger.deliveries.study_choice("a|b", "1.2.3") == "b"
    assert ledger.deliveries.study_choice("a|b", "1.2.4") is None
    assert ledger.deliveries.study_choice("a|c", "1.2.3") is None


def test_what_a_group_owes_moves_to_another_member(ledger, path):
    chosen = PlannedDelivery("pacs", "r", choice="pacs|standby")
    ledger.record([planned(number, chosen) for number in (1, 2, 3)] + [planned(4)])
    settle(ledger, claim(ledger, limit=1), NO_ANSWER, due_at=LATER)
    [active] = claim(ledger, limit=1)

    moved = ledger.deliveries.reassign("pacs|standby", source="pacs", target="standby", now=NOW)

    assert moved == 2
    assert active.sop_instance_uid == UIDS[2]
    assert sorted(uids_of(claim(ledger, "standby"))) == [UIDS[1], UIDS[3]]
    assert uids_of(claim(ledger)) == [UIDS[4]]
    assert rows(path, "SELECT DISTINCT choice FROM delivery WHERE destination = 'standby'") == [
        ("pacs|standby",)
    ]


def test_what_the_other_member_has_already_is_not_sent_twice(ledger, path):
    ledger.record([planned(1, PlannedDelivery("pacs", "r", choice="g"), "standby")])

    assert ledger.deliveries.reassign("g", source="pacs", target="standby", now=NOW) == 1

    assert states(path) == {(UIDS[1], 1, "pacs"): "dropped", (UIDS[1], 1, "standby"): "waiting"}


def test_what_a_person_decides_about_at_the_other_member_stays(ledger, path):
    ledger.record([planned(1, PlannedDelivery("pacs", "r", choice="g"), "standby")])
    settle(ledger, claim(ledger, "standby"), Refused("no"))

    assert ledger.deliveries.reassign("g", source="pacs", target="standby", now=NOW) == 0
    assert states(path)[UIDS[1], 1, "pacs"] == "waiting"


@pytest.mark.parametrize("priority", Priority)
def test_a_claim_reads_no_more_than_it_takes(ledger, path, priority):
    """The plan of the query, since time is no measure in a test: one search, nothing sorted."""
    text = ledger.deliveries._statements.due.text
    ledger.record([planned(1)])

    plan = [row[3] for row in rows(path, f"EXPLAIN QUERY PLAN {text}", "pacs", priority, 1, 1)]

    assert plan[0] == (
        "SEARCH delivery USING INDEX ix_delivery_due "
        "(destination=? AND priority=? AND due_at_microseconds<?)"
    )
    assert not any("TEMP B-TREE" in step or "SCAN" in step for step in plan)


# Claims one at a time and settles it, until nothing is left; tells what it had.
LANE = """
import sys
from pathlib import Path
from delivery_plans import claim, settle
from hilum.ledger.ledger import Ledger
path, owner = sys.argv[1:]
ledger = Ledger.open(Path(path), durability="process")
print("ready", flush=True)
sys.stdin.readline()
while claimed := claim(ledger, owner=owner, limit=3):
    settle(ledger, claimed, owner=owner)
    print(*(one.delivery_id for one in claimed))
ledger.close()
"""


@pytest.mark.slow
def test_two_processes_never_get_the_same_delivery(ledger, path):
    ledger.record([planned(number) for number in range(600)])
    folders = (str(HERE), os.environ.get("PYTHONPATH"))
    lanes = [
        subprocess.Popen(
            [sys.executable, "-c", LANE, str(path), owner],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, folders))},
        )
        for owner in ("w1", "w2")
    ]
    for lane in lanes:
        assert lane.stdout.readline() == "ready\n"
    for lane in lanes:
        lane.stdin.write("go\n")
        lane.stdin.flush()

    had = [lane.communicate(timeout=30)[0].split() for lane in lanes]

    assert all(had)
    assert sorted(map(int, had[0] + had[1])) == list(range(1, 601))
    assert set(states(path).values()) == {"delivered"}


def test_what_lanes_write_is_not_synced_but_what_is_received_is(path):
    ledger = Ledger.open(path, durability="power")
    connection = ledger._writer._handle

    def synchronous():
        return connection._connection.execute("PRAGMA synchronous").fetchone()[0]

    ledger.record([planned(1)])
    levels = [synchronous()]
    claim(ledger)
    levels.append(synchronous())
    ledger.record([planned(2)])
    levels.append(synchronous())

    assert levels == [2, 1, 2]
    ledger.close()


def test_what_waits_for_a_moment_of_a_clock_that_was_fast_is_due_as_early_as_it_was(ledger):
    """The clock was an hour fast until it was set to NOW."""
    hour = timedelta(hours=1)
    fast = NOW + hour
    ledger.record([planned(1), planned(2), planned(3)])
    for name, due in (("w1", fast), ("w2", fast + timedelta(minutes=5))):
        settle(ledger, claim(ledger, owner=name, limit=1), NO_ANSWER, owner=name, due_at=due)

    assert ledger.deliveries.bring_forward(hour, now=NOW, openings={}) == 2
    assert uids_of(claim(ledger)) == [UIDS[3], UIDS[1]]
    assert ledger.deliveries.next_due("pacs") == NOW + timedelta(minutes=5)
    assert ledger.deliveries.bring_forward(hour, now=NOW + hour, openings={}) == 0


def test_what_waits_for_a_calendar_does_so_at_another_member_of_its_group_too(ledger):
    evening = NOW + timedelta(hours=9)
    ledger.record([planned(1, PlannedDelivery("pacs", "nightly", "g", due_at=evening))])

    assert ledger.deliveries.reassign("g", source="pacs", target="standby", now=NOW) == 1
    assert claim(ledger, "standby") == []
    assert uids_of(claim(ledger, "standby", now=evening)) == [UIDS[1]]


def test_whether_others_lost_their_leases_is_not_for_the_clock_of_a_worker_that_begins(path):
    """It may have jumped ahead, and they are sending."""
    ledger = Ledger.open(path, durability="process", now=lambda: NOW + timedelta(days=20_000))
    ledger.record([planned(1), planned(2)])
    claim(ledger, owner="dead", limit=1)
    claim(ledger, owner="alive", limit=1)

    assert ledger.end_leases(lambda owner: owner == "dead") == 1
    assert ledger.deliveries.owners() == {"alive"}
    ledger.close()


def test_what_waits_for_a_time_of_day_goes_on_doing_so_when_the_clock_is_set_back(ledger):
    """Planned for this evening; and, by a clock that was a year fast, for an evening in a year."""
    hour, year = timedelta(hours=1), timedelta(days=365)
    evening = NOW + 9 * hour
    ledger.record(
        [
            planned(number, PlannedDelivery("pacs", "nightly", due_at=due))
            for number, due in ((1, evening), (2, evening + year))
        ]
    )

    assert ledger.deliveries.bring_forward(year, now=NOW, openings={"nightly": evening}) == 1
    assert claim(ledger) == []
    assert uids_of(claim(ledger, now=evening)) == [UIDS[1], UIDS[2]]


def test_what_failed_is_brought_forward_whatever_its_route_waits_for(ledger):
    hour = timedelta(hours=1)
    ledger.record([planned(1, PlannedDelivery("pacs", "nightly"))])
    settle(ledger, claim(ledger), NO_ANSWER, due_at=NOW + hour)

    assert ledger.deliveries.bring_forward(hour, now=NOW, openings={"nightly": NOW + hour}) == 1
    assert uids_of(claim(ledger)) == [UIDS[1]]
