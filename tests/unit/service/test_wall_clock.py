import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from delivery_plans import NO_ANSWER, claim, planned, settle
from two_clocks import TwoClocks

from hilum.ledger.ledger import Ledger
from hilum.routing.routes import Routes
from hilum.service.events import ClockAdvanced, ClockTurned
from hilum.service.vouched_clock import VouchedClock
from hilum.service.wall_clock import Following, Mark, Seen, WallClock


@pytest.fixture
def clock():
    return TwoClocks()


def test_a_clock_that_goes_on_was_not_set_back(clock):
    wall = WallClock(clock)
    clock.go(3600)

    assert wall.turned() == timedelta()


def test_a_step_back_is_told_until_somebody_has_followed_it(clock):
    wall = WallClock(clock)
    clock.go(60)
    clock.turn(-3600)

    assert wall.turned() == -timedelta(hours=1)
    clock.go(1)
    assert wall.turned() == -timedelta(hours=1)
    wall.follow()
    assert wall.turned() == timedelta()


def test_steps_of_a_second_are_the_work_of_time_services(clock):
    wall = WallClock(clock)
    clock.turn(-1)

    assert wall.turned() == timedelta()


def test_a_step_back_after_one_forward_is_told_in_full(clock):
    wall = WallClock(clock)
    clock.turn(86400)
    assert wall.turned() == timedelta(days=1)
    wall.follow()
    clock.turn(-86400)

    assert wall.turned() == -timedelta(days=1)


def test_a_mark_that_was_cut_short_says_nothing(tmp_path):
    mark = Mark(tmp_path / "clock")
    assert mark.read() is None
    moment = datetime(2026, 10, 25, 2, 30, tzinfo=UTC)
    mark.write(Seen(moment, moment))
    assert mark.read() == Seen(moment, moment)
    whole = (tmp_path / "clock").read_text()
    for text in ("", whole[:30], whole[:40], whole.replace("+00:00", ""), "tomorrow morning"):
        (tmp_path / "clock").write_text(text)
        assert mark.read() is None


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger.open(tmp_path / "ledger.sqlite", durability="process")
    yield ledger
    ledger.close()


def followed(clock, mark, ledger, worker=1):
    """Give who follows the clock, and what it tells."""
    told = []
    following = Following(
        clock,
        VouchedClock(clock, None),
        mark,
        worker=worker,
        ledger=ledger,
        routes=lambda: Routes(()),
        telemetry=SimpleNamespace(emit=told.append),
    )
    return following, told


def test_what_waits_while_the_clock_is_set_back_is_due_as_it_was(clock, ledger, tmp_path):
    mark = Mark(tmp_path / "clock")
    following, told = followed(clock, mark, ledger)
    ledger.record([replace(planned(1), received_at=clock.now())])
    asyncio.run(following.look())
    clock.turn(-3600)

    asyncio.run(following.look())
    asyncio.run(following.look())

    assert told == [ClockTurned(3600.0, "", 1)]
    assert len(claim(ledger, now=clock.now())) == 1
    assert mark.read().wall == clock.now()


def test_a_clock_that_was_set_back_while_no_gateway_ran_makes_nothing_wait(clock, ledger, tmp_path):
    mark = Mark(tmp_path / "clock")
    ledger.record([replace(planned(number), received_at=clock.now()) for number in (1, 2)])
    due = clock.now() + timedelta(minutes=5)
    settle(ledger, claim(ledger, now=clock.now(), limit=1), NO_ANSWER, due_at=due)
    mark.write(Seen(clock.now(), clock.now()))
    clock.turn(-3600)

    following, told = followed(clock, mark, ledger)
    asyncio.run(following.look())
    asyncio.run(following.look())

    [event] = told
    assert (event.seconds, event.deliveries) == (3600.0, 2)
    assert len(claim(ledger, now=clock.now())) == 1
    assert len(claim(ledger, now=clock.now() + timedelta(minutes=5))) == 1


def test_a_clock_that_went_on_while_no_gateway_ran_is_not_told_of(clock, ledger, tmp_path):
    mark = Mark(tmp_path / "clock")
    mark.write(Seen(clock.now(), clock.now()))
    clock.turn(3600)

    following, told = followed(clock, mark, ledger)
    asyncio.run(following.look())

    assert told == []
    assert mark.read().wall == clock.now()


def test_only_one_worker_acts(clock, ledger, tmp_path):
    mark = Mark(tmp_path / "clock")
    following, told = followed(clock, mark, ledger, worker=2)
    clock.turn(-3600)

    asyncio.run(following.look())

    assert told == []
    assert mark.read() is None


CENTURY = 36_500 * 86_400


@pytest.mark.parametrize("step", [CENTURY, -CENTURY])
def test_what_came_while_the_clock_was_wrong_is_as_old_as_it_is(clock, ledger, tmp_path, step):
    """And so is what was held before that run began."""
    long_ago = clock.now() - timedelta(days=40)
    ledger.record([replace(planned(1), received_at=long_ago)])
    settle(ledger, claim(ledger, now=clock.now()), now=long_ago)
    clock.turn(-step)  # and the gateway begins
    following, told = followed(clock, Mark(tmp_path / "clock"), ledger)
    clock.go(60)
    ledger.record([replace(planned(2), received_at=clock.now())])
    settle(ledger, claim(ledger, now=clock.now()), now=clock.now())
    came = clock.now()
    clock.go(60)
    asyncio.run(following.look())

    clock.turn(step)
    asyncio.run(following.look())

    one, other = ledger.removals.removable(before=clock.now())
    assert one.settled_at == long_ago
    assert other.received_at == other.settled_at == came + timedelta(seconds=step)
    assert [one for one in told if isinstance(one, ClockAdvanced)] == (
        [ClockAdvanced(float(step), 1)] if step > 0 else []
    )
    clock.turn(-step)
    asyncio.run(following.look())
    clock.turn(step)
    asyncio.run(following.look())
    assert ledger.removals.removable(before=clock.now()) == [one, other]


def test_what_came_since_the_clock_was_set_back_is_dated_rightly(clock, ledger, tmp_path):
    following, _ = followed(clock, Mark(tmp_path / "clock"), ledger)
    clock.go(100 * 86_400)
    clock.turn(-50 * 86_400)
    ledger.record([replace(planned(1), received_at=clock.now())])
    settle(ledger, claim(ledger, now=clock.now()), now=clock.now())
    came = clock.now()
    clock.go(1)

    asyncio.run(following.look())

    [one] = ledger.removals.removable(before=clock.now())
    assert one.settled_at == came
