"""The pure decisions of lanes: patience, breaker, window, fairness, batches, shares."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused
from hilum.ledger.delivery import Priority
from hilum.pipeline.lanes import breaker
from hilum.pipeline.lanes.backoff import RETRY_AFTER_MAX, wait_seconds
from hilum.pipeline.lanes.batching import BatchLimits, Pace, Rates, cut, limits_of
from hilum.pipeline.lanes.breaker import Closed, Failure, HalfOpen, Open
from hilum.pipeline.lanes.bucket import BURST_SECONDS, Bucket
from hilum.pipeline.lanes.claiming import (
    FRUITLESS_SECONDS,
    GAP_SECONDS_MAX,
    exhausted,
    gap_seconds,
    stock_target,
)
from hilum.pipeline.lanes.fairness import BULK, ROUTINE, STAT, Turns
from hilum.pipeline.lanes.goods import Goods
from hilum.pipeline.lanes.pacing import FRUITLESS_MIN, Pacing
from hilum.pipeline.lanes.policy import LanePolicy, Retry
from hilum.pipeline.lanes.share import COUNTS_SECONDS, Share
from hilum.pipeline.lanes.stock import PASSED_OVER_MAX, Stock
from hilum.pipeline.lanes.verdicts import judged
from hilum.pipeline.lanes.window import ROUND_SECONDS, Window
from hilum.pipeline.ports import Parcel

NOW = datetime(2030, 1, 7, 8, tzinfo=UTC)
RETRY = Retry(seconds_min=1, seconds_max=100)
CHANCES = st.floats(0, 1, exclude_max=True)
DOWN = Failure(Failing.UNREACHABLE, "nobody answers")


def goods(number, priority=ROUTINE, *, context="ct", size=1000, attempts=0):
    parcel = Parcel(number, context, f"1.{number}", "1.2", "1", "1.2.1", size, "path", attempts)
    return Goods(parcel, "me", priority, number, NOW)


@given(st.sampled_from(Failing), st.integers(1, 10_000), CHANCES)
def test_a_wait_is_never_longer_than_the_longest(failing, attempts, chance):
    outcome = Deferred("no", failing=failing)

    assert 0 <= wait_seconds(RETRY, outcome, attempts=attempts, chance=chance) <= 100


@given(st.timedeltas(timedelta(0), timedelta(days=2)), CHANCES)
def test_a_peer_gets_the_time_it_asks_for(asked, chance):
    outcome = Deferred("later", retry_after=asked)

    wait = wait_seconds(RETRY, outcome, attempts=1, chance=chance)

    assert wait >= min(asked, RETRY_AFTER_MAX).total_seconds()
    assert wait <= max(RETRY_AFTER_MAX.total_seconds() * 1.1, 100)


def test_waits_double():
    outcome = Deferred("no", failing=Failing.UNREACHABLE)
    waits = [wait_seconds(RETRY, outcome, attempts=n, chance=0) for n in (1, 2, 3)]

    assert waits == [0.5, 1.0, 2.0]


def test_what_was_not_tried_does_not_wait():
    assert wait_seconds(RETRY, Deferred("", failing=Failing.UNTRIED), attempts=9, chance=0.5) == 0


def after(state, failure, now=0.0):
    return breaker.after_failure(state, failure, retry=RETRY, now=now, chance=0)


def test_three_failures_open_the_breaker_and_a_success_between_them_does_not():
    twice = after(after(Closed(), DOWN), DOWN)

    assert isinstance(after(twice, DOWN), Open)
    assert after(breaker.after_success(twice), DOWN) == Closed(1)


def test_being_turned_away_opens_the_breaker_at_once_with_the_reason():
    state = after(Closed(), Failure(Failing.UNWELCOME, "wrong AE title"))

    assert isinstance(state, Open)
    assert state.reason == "wrong AE title"


def test_a_late_success_does_not_close_an_open_breaker():
    state = after(Closed(), Failure(Failing.UNWELCOME, "wrong AE title"))

    assert breaker.after_success(state) is state


def test_a_trial_that_fails_waits_twice_as_long_and_one_that_succeeds_closes():
    state = after(Closed(2), DOWN, now=10)
    trial = breaker.after_probe(state)
    again = after(trial, DOWN, now=20)

    assert isinstance(trial, HalfOpen)
    assert (again.wait_seconds, again.until, again.since) == (2, 22, 10)
    assert breaker.after_success(trial) == Closed()


@given(st.lists(st.floats(0, 5), min_size=1, max_size=60), CHANCES)
def test_probes_come_ever_less_often_up_to_the_limit(pauses, chance):
    state, now = after(Closed(2), DOWN), 0.0
    for pause in pauses:
        now = state.until + pause
        state = breaker.after_failed_probe(state, DOWN, retry=RETRY, now=now, chance=chance)
        assert now < state.until <= now + RETRY.probe_seconds_max * 1.1


@given(
    st.floats(1, 1e8),
    st.lists(st.tuples(st.floats(0, 1e8), st.floats(0, 10)), min_size=1, max_size=50),
)
def test_a_bucket_holds_its_rate_whatever_is_taken(rate, takings):
    bucket, now, taken = Bucket(0.0), 0.0, 0.0
    bucket.set_rate(rate, now)
    for amount, pause in takings:
        now += pause + bucket.wait_seconds(now + pause)
        # Before each taking no more has left than time and burst allow.
        assert taken <= rate * (now + BURST_SECONDS) * (1 + 1e-6) + 1
        bucket.take(amount, now)
        taken += amount


def test_a_bucket_without_a_rate_never_waits_and_one_of_nothing_always_does():
    bucket = Bucket(0.0)
    bucket.take(1e12, 0.0)
    assert bucket.wait_seconds(0.0) == 0
    bucket.set_rate(0.0, 0.0)
    assert bucket.wait_seconds(1e9) == float("inf")


def rounds(window, speed_of, count, now=0.0):
    """Let the window see what `speed_of` its size is, round after round."""
    for _ in range(count):
        now += ROUND_SECONDS
        for _ in range(int(speed_of(window.size) * ROUND_SECONDS)):
            window.delivered(100_000)
        window.judge(now)
    return now


def test_a_window_opens_while_that_pays_off():
    window = Window(8, 0.0)
    rounds(window, lambda size: 100 * size, 10)

    assert window.size == 8


def test_a_window_stays_small_when_more_sessions_bring_nothing():
    window = Window(8, 0.0)
    sizes = set()
    now = 0.0
    for _ in range(40):
        now = rounds(window, lambda _: 100, 1, now)
        sizes.add(window.size)

    assert sizes == {1, 2}


@given(st.integers(1, 64), st.lists(st.sampled_from(["ok", "crowded", "idle"]), max_size=100))
def test_a_window_never_leaves_its_bounds(maximum, happenings):
    window, now = Window(maximum, 0.0), 0.0
    for happening in happenings:
        now += 1
        if happening == "ok":
            now = rounds(window, lambda size: 50 * size, 1, now)
        elif happening == "crowded":
            window.crowded(now)
        else:
            window.idle(now)
        assert 1 <= window.size <= maximum


def served(turns, waiting, count):
    given_ = []
    for _ in range(count):
        priority = turns.next(waiting)
        turns.served(priority, 1)
        given_.append(priority)
    return given_


def test_nobody_starves_and_stat_has_most():
    order = served(Turns(), [STAT, ROUTINE, BULK], 730)

    assert (order.count(STAT), order.count(ROUTINE), order.count(BULK)) == pytest.approx(
        (640, 80, 10), abs=8
    )
    assert order[0] == STAT


def test_stat_that_arrives_goes_first_whatever_was_served():
    turns = Turns()
    served(turns, [ROUTINE, BULK], 100)

    assert served(turns, [STAT, ROUTINE, BULK], 3) == [STAT] * 3


def test_a_batch_has_one_context_and_keeps_the_one_of_its_session():
    stock = Stock()
    stock.add(goods(n, context="ct" if n % 2 else "mr") for n in range(1, 9))
    limits = BatchLimits(3, 1e9)

    taken = [stock.take(limits, ("mr", "1.2.1")), stock.take(limits, ("mr", "1.2.1"))]

    assert [[one.order for one in batch] for batch in taken] == [[2, 4, 6], [8]]


def test_the_oldest_is_passed_over_only_so_often():
    stock = Stock()
    stock.add([goods(1, context="ct")])
    stock.add(goods(n, context="mr") for n in range(2, 50))
    limits = BatchLimits(1, 1e9)

    taken = [stock.take(limits, ("mr", "1.2.1"))[0].order for _ in range(PASSED_OVER_MAX + 1)]

    assert taken[-1] == 1


def test_what_is_put_back_comes_first_again_in_its_order():
    stock = Stock()
    stock.add(goods(n) for n in range(1, 6))
    batch = stock.take(BatchLimits(3, 1e9))
    stock.put_back(batch)

    assert [one.order for one in stock.take(BatchLimits(9, 1e9))] == [1, 2, 3, 4, 5]


@given(st.lists(st.integers(1, 1000), min_size=1), st.integers(1, 20), st.integers(1, 2000))
def test_a_batch_is_within_its_limits_or_one_instance(sizes, instances, size):
    batch = cut(
        [goods(n, size=s).parcel for n, s in enumerate(sizes)], BatchLimits(instances, size)
    )

    assert 1 <= len(batch) <= instances
    assert len(batch) == 1 or sum(one.size for one in batch) <= size


def test_a_slow_destination_gets_short_batches():
    limits = limits_of(LanePolicy(), Pace(2, 1e6), Rates(), waiting=500, sessions=1)

    assert limits == BatchLimits(1, 250_000)


def test_what_waits_is_shared_by_the_sessions():
    limits = limits_of(LanePolicy(), Pace(100, 1e9), Rates(), waiting=40, sessions=4)

    assert limits.instances == 10


def test_what_one_session_brings_over_at_once_is_not_shared():
    limits = limits_of(LanePolicy(), Pace(1000, 1e9), Rates(), waiting=40, sessions=4)

    assert limits.instances == 20


def test_a_claim_that_was_filled_says_what_is_surely_used_up():
    every = [Priority.STAT, Priority.ROUTINE, Priority.BULK]

    assert exhausted(every, [goods(1), goods(2)], limit=2) == [Priority.STAT]
    assert exhausted(every, [goods(1)], limit=2) == every


def test_claims_are_apart_only_when_each_of_them_gives_many():
    pacing = Pacing(LanePolicy(), now=0.0)

    assert gap_seconds(pacing, 1) < GAP_SECONDS_MAX / 2
    assert gap_seconds(pacing, 64) == GAP_SECONDS_MAX


def test_a_destination_that_refuses_everything_is_served_in_a_few_large_lots():
    pacing = Pacing(LanePolicy(), now=0.0)
    for _ in range(FRUITLESS_MIN):
        pacing.learn(Refused("no"), 1000, 0.0, 0.5)
    gap_while_refusing = gap_seconds(pacing, 1)

    pacing.learn(Delivered(), 1000, 0.0, 0.5)

    assert gap_while_refusing == FRUITLESS_SECONDS
    assert gap_seconds(pacing, 1) < GAP_SECONDS_MAX


def test_for_a_trial_no_more_is_claimed_than_the_one_that_is_tried():
    pacing = Pacing(LanePolicy(), now=0.0)
    pacing.trip(DOWN, now=0.0, chance=0.5)

    pacing.probed(None, now=9.0, chance=0.5)

    assert stock_target(pacing) == 1


def test_parts_of_a_rate_never_exceed_the_whole():
    mine, yours = Share(), Share()
    mine.got(1, 1, looked_at=0.0, now=0.0)
    yours.got(2, 2, looked_at=0.5, now=0.5)  # I have not noticed it yet
    assert mine.part(0.9) + yours.part(0.9) <= 1
    mine.noticed(2, 1.0)
    assert mine.part(1.5) + yours.part(1.5) <= 1
    assert mine.part(3.0) == yours.part(0.5 + COUNTS_SECONDS) == 0.5


def test_a_slot_that_does_not_count_yet_takes_nothing_from_the_others():
    mine, yours = Share(), Share()
    mine.got(1, 1, looked_at=0.0, now=0.0)
    mine.noticed(1, 0.9)
    yours.got(2, 2, looked_at=1.0, now=1.0)
    mine.noticed(2, 1.1)

    just_before = 0.9 + COUNTS_SECONDS

    assert (mine.part(just_before), yours.part(just_before)) == (1.0, 0.0)
    assert (mine.part(3.0), yours.part(3.0)) == (0.5, 0.5)


@given(
    st.lists(st.tuples(st.floats(0.0, 0.5), st.integers(0, 2), st.integers(0, 6)), max_size=40),
    st.lists(st.floats(0.01, 0.3), min_size=1, max_size=5),
)
@example([(0.0, 0, 0), (0.1, 1, 0), *[(0.4, 2, 6)] * 6], [0.1])
def test_parts_never_exceed_the_whole_however_slots_come_and_go(happenings, lags):
    """Three workers take, give and look; a look sees the slots of a while ago, at worst."""
    shares, held = [Share() for _ in range(3)], {worker: set[int]() for worker in range(3)}
    now, looked = 0.0, 0
    for wait, worker, what in happenings:
        now += wait
        free = min({1, 2, 3, 4}.difference(*held.values()), default=None)
        if what == 0 and free is not None:
            held[worker].add(free)
            shares[worker].got(free, sum(map(len, held.values())), looked_at=now, now=now)
        elif what == 1 and held[worker]:
            number = held[worker].pop()
            shares[worker].gave(number)
        for one in range(3):  # everybody looks at least every half second or so
            if held[one]:
                looked += 1
                lag = lags[looked % len(lags)]
                shares[one].noticed(sum(map(len, held.values())), now - lag * (what > 1))
        assert sum(share.part(now) for share in shares) <= 1 + 1e-9


def test_what_fails_for_too_long_is_refused_but_never_at_its_first_failure():
    retry = Retry(give_up_seconds=3600)
    late = NOW + timedelta(hours=2)
    failed = Deferred("nobody answers", failing=Failing.UNREACHABLE)

    assert isinstance(judged(goods(1), failed, retry, late, 0.5).outcome, Deferred)
    assert isinstance(judged(goods(1, attempts=1), failed, retry, late, 0.5).outcome, Refused)
    assert isinstance(
        judged(goods(1, attempts=9), Delivered(), retry, late, 0.5).outcome, Delivered
    )
