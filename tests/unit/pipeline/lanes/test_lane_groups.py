import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hilum.kernel.telemetry import Silence
from hilum.ledger.commitment import Listed
from hilum.ledger.delivery import Level
from hilum.ledger.gathering import Completeness, Evidence, Gathering, SeriesEvidence
from hilum.pipeline.lanes.gathering import Gatherer
from hilum.pipeline.lanes.groups import MOVED_MAX, Groups, Members, Move, Standing, moves
from hilum.routing.completeness import Patience
from hilum.routing.targets import Target
from hilum.testing.virtual_time import run_virtually

FIRST = Target(("pacs", "standby"), "first_of")
ONE = Target(("a", "b", "c"), "one_of", (1.0, 1.0, 2.0))
WELL, DOWN, SHAKY, TRIAL = Standing.WELL, Standing.DOWN, Standing.SHAKY, Standing.TRIAL


def members(standings, owed=None):
    return Members(standings, owed or {})


@pytest.mark.parametrize(
    ("pacs", "standby", "picked"),
    [
        (WELL, WELL, "pacs"),
        (SHAKY, WELL, "pacs"),
        (TRIAL, WELL, "pacs"),
        (DOWN, WELL, "standby"),
        (DOWN, DOWN, "pacs"),
    ],
)
def test_first_of_is_the_first_that_is_not_down(pacs, standby, picked):
    assert members({"pacs": pacs, "standby": standby}).pick(FIRST, "1.2", None) == picked


def test_a_study_stays_with_the_member_that_has_begun_to_get_it():
    well = members(dict.fromkeys("abc", WELL), {"a": 9000, "b": 0, "c": 0})

    assert well.pick(ONE, "1.2", "a") == "a"
    assert members({"a": DOWN, "b": WELL, "c": WELL}).pick(ONE, "1.2", "a") in "bc"


def test_a_crowded_member_gets_no_new_study():
    crowded = members(dict.fromkeys("abc", WELL), {"a": 5000, "b": 5000, "c": 10})

    assert {crowded.pick(ONE, f"1.{n}", None) for n in range(50)} == {"c"}


def test_one_of_follows_the_weights():
    even = members(dict.fromkeys("abc", WELL))
    picked = [even.pick(ONE, f"1.{n}", None) for n in range(4000)]

    assert picked.count("c") == pytest.approx(2000, abs=200)


@pytest.mark.parametrize(
    ("standings", "expected"),
    [
        ({"pacs": DOWN, "standby": WELL}, [Move(FIRST.choice, "pacs", "standby", MOVED_MAX)]),
        ({"pacs": WELL, "standby": WELL}, [Move(FIRST.choice, "standby", "pacs", MOVED_MAX)]),
        ({"pacs": TRIAL, "standby": WELL}, [Move(FIRST.choice, "standby", "pacs", 1)]),
        ({"pacs": SHAKY, "standby": WELL}, []),
        ({"pacs": DOWN, "standby": DOWN}, []),
    ],
)
def test_first_of_moves_what_waits_and_moves_it_back(standings, expected):
    found = list(moves(FIRST, members(standings, {"pacs": 5, "standby": 5})))

    assert found == expected


def test_one_of_only_takes_from_those_that_are_down():
    owed = {"a": 10, "b": 4, "c": 6}

    assert list(moves(ONE, members(dict.fromkeys("abc", WELL), owed))) == []
    assert list(moves(ONE, members({"a": DOWN, "b": WELL, "c": WELL}, owed))) == [
        Move(ONE.choice, "a", "c", MOVED_MAX)
    ]


class Aside:
    async def run(self, job):
        return job()


def test_nothing_moves_to_a_member_that_does_not_answer():
    class Lanes:
        def __init__(self, is_well):
            self.is_well = is_well

        def standings(self):
            return {"pacs": WELL, "standby": WELL}

        async def is_surely_well(self, _name):
            return self.is_well

        def wake_all(self):
            pass

    class Choices:
        moved = 0

        def outstanding(self, _name):
            return 1

        def reassign(self, _choice, **_given):
            self.moved += 1
            return 1

    async def moved_when(clock, is_well):
        choices = Choices()
        groups = Groups(choices, Aside(), clock, Lanes(is_well), Silence())
        groups.change([FIRST, Target(("other",))])
        await groups.balance()
        return choices.moved

    assert run_virtually(lambda clock: moved_when(clock, is_well=False)) == 0
    assert run_virtually(lambda clock: moved_when(clock, is_well=True)) == 1


NO_LISTS = Listed((), ())


class Held:
    """One gathering and what is held of it."""

    def __init__(self, now, series, *, quiet=60, age=60, lists=NO_LISTS):
        at = now - timedelta(seconds=quiet)
        begun = now - timedelta(seconds=age)
        self.gathering = Gathering(7, "route", Level.SERIES, "1.2", begun, at, 3, "association")
        self.series = series
        self.lists = lists
        self.closed = []

    def due(self, *, quiet_since, opened_until):
        gathering = self.gathering
        is_due = gathering.last_arrival_at <= quiet_since or gathering.opened_at <= opened_until
        return [gathering] if is_due and not self.closed else []

    def of_commitment(self, _number):
        return [] if self.closed else [self.gathering]

    def listed(self, _level, _uid):
        return self.lists

    def evidence(self, _level, _uid):
        return Evidence(self.series)

    def close(self, _number, *, verdict, evidence, is_forced, due_at, **_):
        self.due_at = due_at
        self.closed.append((verdict, is_forced, evidence))
        return 3


def looked(series, *, is_open=False, **given):
    async def look(clock):
        held = Held(clock.now(), series, **given)
        gatherer = Gatherer(
            held, held, Aside(), clock, Silence(), is_association_open=lambda _: is_open
        )
        gatherer.change({"route": Patience("probably", 30, 3600)})
        await gatherer.look()
        return held.closed

    return run_virtually(look)


WHOLE = [SeriesEvidence("1.2", "CT", 3, 3, 1, 3)]
GAPPED = [SeriesEvidence("1.2", "CT", 3, 3, 1, 5)]


def test_a_series_that_was_quiet_and_has_no_gaps_is_delivered():
    ((verdict, is_forced, _),) = looked(WHOLE)

    assert (verdict, is_forced) == (Completeness.PROBABLY, False)


@pytest.mark.parametrize("given", [{"quiet": 5}, {"is_open": True}])
def test_what_still_arrives_waits(given):
    assert looked(WHOLE, **given) == []


def test_a_gap_waits_for_the_limit_and_is_told_with_its_count():
    ((verdict, is_forced, evidence),) = looked(GAPPED, age=4000)

    assert looked(GAPPED) == []
    assert (verdict, is_forced) == (Completeness.INCOMPLETE, True)
    assert "2 of the numbers 1-5 missing" in evidence


HERE = ("1.1", "1.2", "1.3")


def test_a_commitment_request_that_lists_all_of_it_makes_it_complete():
    ((verdict, is_forced, evidence),) = looked(GAPPED, lists=Listed(HERE, HERE, is_whole=True))

    assert (verdict, is_forced) == (Completeness.COMPLETE, False)
    assert "3 instances are listed" in evidence


def test_what_a_request_lists_and_is_not_here_is_waited_for():
    lists = Listed((*HERE, "1.9"), HERE, is_whole=True)

    assert looked(WHOLE, lists=lists) == []
    ((verdict, is_forced, evidence),) = looked(GAPPED, age=4000, lists=lists)
    assert (verdict, is_forced) == (Completeness.INCOMPLETE, True)
    assert "1 of 4 missing" in evidence


def test_requests_for_parts_say_what_is_missing_and_never_that_nothing_is():
    """Some modalities ask for each image by itself."""
    ((verdict, _, _),) = looked(WHOLE, lists=Listed(HERE, HERE))

    assert verdict == Completeness.PROBABLY
    assert looked(WHOLE, lists=Listed((*HERE, "1.9"), HERE)) == []


def test_a_request_that_was_just_taken_makes_complete_what_it_lists_at_once():
    async def look(clock):
        lists = Listed(HERE, HERE, is_whole=True)
        held = Held(clock.now(), GAPPED, quiet=0, lists=lists)
        gatherer = Gatherer(
            held, held, Aside(), clock, Silence(), is_association_open=lambda _: True
        )
        gatherer.change({"route": Patience("complete", 30, 3600)})
        assert not await gatherer.look()
        gatherer.watch(5)
        assert await gatherer.look()
        return held.closed

    ((verdict, is_forced, _),) = run_virtually(look)

    assert (verdict, is_forced) == (Completeness.COMPLETE, False)


def test_what_a_request_lists_and_comes_later_makes_it_complete_when_it_comes():
    async def look(clock):
        held = Held(clock.now(), WHOLE, quiet=0, lists=Listed((*HERE, "1.9"), HERE))
        gatherer = Gatherer(
            held, held, Aside(), clock, Silence(), is_association_open=lambda _: True
        )
        gatherer.change({"route": Patience("complete", 30, 3600)})
        gatherer.watch(5)
        assert not await gatherer.look()
        held.lists = Listed((*HERE, "1.9"), (*HERE, "1.9"), is_whole=True)
        await asyncio.sleep(2)
        return await gatherer.look(), held.closed

    is_due, closed = run_virtually(look)

    assert is_due
    assert [verdict for verdict, _, _ in closed] == [Completeness.COMPLETE]


@pytest.mark.parametrize("step", [timedelta(days=1), timedelta(days=-1)])
def test_a_clock_that_is_set_puts_off_no_look_at_what_is_gathered(step):
    async def look(clock):
        held, sending = Held(clock.now(), WHOLE), [True]
        gatherer = Gatherer(
            held, held, Aside(), clock, Silence(), is_association_open=lambda _: bool(sending)
        )
        gatherer.change({"route": Patience("probably", 30, 3600)})
        gatherer.watch(5)
        assert not await gatherer.look()
        sending.clear()
        clock.turn(step)
        last, begun = (
            one + step for one in (held.gathering.last_arrival_at, held.gathering.opened_at)
        )
        held.gathering = replace(held.gathering, last_arrival_at=last, opened_at=begun)
        await asyncio.sleep(10)
        return await gatherer.look()

    assert run_virtually(look)


def test_what_is_complete_is_due_when_the_calendar_of_its_route_is_open():
    async def look(clock):
        held = Held(clock.now(), WHOLE)
        gatherer = Gatherer(
            held, held, Aside(), clock, Silence(), is_association_open=lambda _: False
        )
        later = timedelta(hours=9)
        gatherer.change(
            {"route": Patience("probably", 30, 3600)},
            lambda name, now: now + later if name == "route" else now,
        )
        await gatherer.look()
        return held.due_at - clock.now()

    assert run_virtually(look) == timedelta(hours=9)


def test_what_waits_for_a_route_that_is_gone_goes_all_the_same():
    async def look(clock):
        held = Held(clock.now(), WHOLE, quiet=61)
        gatherer = Gatherer(
            held, held, Aside(), clock, Silence(), is_association_open=lambda _: False
        )
        gatherer.change({})
        await gatherer.look()
        return held.closed

    assert len(run_virtually(look)) == 1


def test_moments_are_aware():
    assert run_virtually(_now).tzinfo is UTC


async def _now(clock) -> datetime:
    return clock.now()
