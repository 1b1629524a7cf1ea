from dataclasses import replace
from datetime import timedelta

from delivery_plans import LATER, NOW, claim, planned, states
from delivery_plans import uids as uids_of
from ledger_entries import ORIGIN, RECEIVED, entry

from hilum.ledger.delivery import GatheringKey, Level, PlannedDelivery, Selection
from hilum.ledger.entry import OURSELVES
from hilum.ledger.gathering import ClosedGathering, Completeness, Gathering, SeriesEvidence

STUDY = PlannedDelivery("pacs", "studies", gathering=GatheringKey(Level.STUDY, "1.2.3"))
SERIES = PlannedDelivery("pacs", "series", gathering=GatheringKey(Level.SERIES, "1.2.3.4"))


def due(ledger, quiet_since=LATER, opened_until=RECEIVED - timedelta(hours=1)):
    return ledger.gatherings.due(quiet_since=quiet_since, opened_until=opened_until)


def close(ledger, number=1, **changes):
    said = {"verdict": Completeness.COMPLETE, "evidence": "3 of 3", "is_forced": False}
    said |= {"due_at": NOW}
    return ledger.gatherings.close(number, now=NOW, **said | changes)


def test_what_has_been_quiet_is_worth_a_look(ledger):
    ledger.record([planned(1, STUDY)])
    ledger.record([replace(planned(2, STUDY), received_at=NOW)])

    assert due(ledger, NOW - timedelta(microseconds=1)) == []
    assert due(ledger, NOW) == [
        Gathering(1, "studies", Level.STUDY, "1.2.3", RECEIVED, NOW, 2, "a-1")
    ]


def test_what_never_gets_quiet_is_looked_at_in_the_end(ledger):
    ledger.record([planned(1, STUDY)])

    assert len(due(ledger, RECEIVED - timedelta(hours=1), RECEIVED)) == 1


def test_the_end_of_an_association_is_evidence_for_what_it_brought_last(ledger):
    other = replace(ORIGIN, association_id="a-2")
    ledger.record([planned(1, STUDY), planned(2, STUDY, origin=other)])

    assert ledger.gatherings.of_association("a-1") == []
    assert [g.uid for g in ledger.gatherings.of_association("a-2")] == ["1.2.3"]


def test_closing_lets_everything_go_in_its_order(ledger):
    ledger.record([planned(number, STUDY) for number in (1, 2, 3)] + [planned(4, SERIES)])

    assert close(ledger) == 3

    assert uids_of(claim(ledger)) == ["1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3"]
    assert [gathering.route for gathering in due(ledger)] == ["series"]


def test_only_the_first_who_closes_says_why(ledger):
    ledger.record([planned(1, STUDY)])
    close(ledger)

    assert close(ledger, verdict=Completeness.INCOMPLETE, is_forced=True) == 0

    assert ledger.gatherings.about("1.2.3") == [
        ClosedGathering(
            gathering_id=1,
            route="studies",
            level=Level.STUDY,
            uid="1.2.3",
            closed_at=NOW,
            verdict=Completeness.COMPLETE,
            evidence="3 of 3",
            is_forced=False,
            arrivals=1,
            late_arrivals=0,
        )
    ]


def test_an_open_one_has_no_verdict(ledger):
    ledger.record([planned(1, STUDY)])

    [about] = ledger.gatherings.about("1.2.3")

    assert (about.verdict, about.closed_at) == (None, None)


def test_who_comes_late_goes_alone_and_once(ledger, path):
    ledger.record([planned(1, STUDY)])
    close(ledger)
    claim(ledger)

    ledger.record([planned(2, STUDY), planned(1, STUDY)])

    assert uids_of(claim(ledger)) == ["1.2.3.4.2"]
    assert claim(ledger) == []
    [about] = ledger.gatherings.about("1.2.3")
    assert (about.arrivals, about.late_arrivals) == (2, 1)
    assert due(ledger) == []
    assert len(states(path)) == 2


def test_what_a_person_held_waits_for_the_person_only(ledger):
    ledger.record([planned(1, STUDY)])
    everything = {"by": OURSELVES, "now": NOW}
    ledger.queue.hold(Selection(), reason="wait", **everything)
    assert close(ledger) == 1
    assert claim(ledger) == []

    ledger.queue.release(Selection(), **everything)

    assert len(claim(ledger)) == 1


def test_what_is_released_too_early_goes_on_waiting_for_its_study(ledger):
    ledger.record([planned(1, STUDY)])
    ledger.queue.hold(Selection(), reason="wait", by=OURSELVES, now=NOW)
    ledger.queue.release(Selection(), by=OURSELVES, now=NOW)

    assert claim(ledger) == []
    close(ledger)
    assert len(claim(ledger)) == 1


def test_evidence_shows_gaps_of_each_series(ledger):
    ledger.record([entry(number) for number in (1, 2, 5, 9)])
    ledger.record([entry(7, series_instance_uid="1.9", modality="SR", instance_number=None)])
    ledger.record([entry(8, study_instance_uid="1.8")])

    study = ledger.gatherings.evidence(Level.STUDY, "1.2.3")
    series = ledger.gatherings.evidence(Level.SERIES, "1.9")

    assert study.series == [
        SeriesEvidence("1.2.3.4", "CT", 4, 4, 1, 9),
        SeriesEvidence("1.9", "SR", 1, 0, None, None),
    ]
    assert study.instances == 5
    assert series.instances == 1


def test_what_is_gathered_is_as_old_as_it_was_when_the_clock_is_set_back(ledger):
    """It was an hour fast, since before the second instance came."""
    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    ledger.record([planned(1, STUDY)])
    ledger.record([replace(planned(2, STUDY), received_at=NOW + hour - minute)])

    assert ledger.gatherings.bring_forward(hour, now=NOW) == 1
    assert ledger.gatherings.bring_forward(hour, now=NOW) == 0
    [gathering] = due(ledger, NOW)
    assert (gathering.opened_at, gathering.last_arrival_at) == (RECEIVED, NOW - minute)


def test_what_is_complete_waits_for_the_calendar_of_its_route_and_so_does_what_is_late(ledger):
    evening = NOW + timedelta(hours=9)
    nightly = replace(STUDY, due_at=evening)
    ledger.record([planned(1, nightly)])

    assert close(ledger, due_at=evening) == 1
    ledger.record([planned(2, nightly)])
    assert claim(ledger, now=evening - timedelta(seconds=1)) == []
    assert uids_of(claim(ledger, now=evening)) == ["1.2.3.4.1", "1.2.3.4.2"]
