"""Is it complete? The verdict, what is missing, and how long to wait."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.routing.completeness import (
    Evidence,
    Patience,
    Release,
    Verdict,
    Wait,
    decide,
    judge,
    missing_numbers,
)

OPENED = datetime(2024, 1, 1, 12, tzinfo=UTC)
PATIENCE = Patience("probably", quiet_seconds=60, forced_after=3600)
STRICT = Patience("complete", quiet_seconds=60, forced_after=3600)


def after(seconds):
    return OPENED + timedelta(seconds=seconds)


def evidence(*, last=0, received=120, numbers=range(1, 121), **others):
    return Evidence(OPENED, after(last), received, numbers, **others)


def judged(found, seconds):
    return judge(found, quiet_seconds=60, now=after(seconds))


def test_gaps_are_named():
    numbers = set(range(1, 121)) - {17, 18, 42}

    found = judged(evidence(received=117, numbers=numbers), 300)

    assert found.verdict is Verdict.INCOMPLETE
    assert found.missing == "3 of 120 missing: 17-18, 42"
    assert str(found).startswith("incomplete: 117 instances are here; quiet for 300 s")


def test_quiet_without_gaps_is_probably_complete():
    assert judged(evidence(), 60).verdict is Verdict.PROBABLY
    assert judged(evidence(), 59).verdict is Verdict.INCOMPLETE


def test_it_is_not_quiet_while_an_association_is_open():
    assert judged(evidence(open_associations=1), 600).verdict is Verdict.INCOMPLETE


def test_an_announced_count_decides():
    assert judged(evidence(announced=120), 0).verdict is Verdict.COMPLETE
    found = judged(evidence(announced=122, numbers=()), 9999)
    assert found.verdict is Verdict.INCOMPLETE
    assert found.missing == "2 of 122 missing"


def test_an_announced_count_names_the_gaps_it_explains():
    found = judged(evidence(received=3, numbers=(1, 2, 4), announced=4), 0)

    assert found.missing == "1 of 4 missing: 3"


def test_an_announced_count_of_nothing_says_nothing():
    assert judged(evidence(announced=0), 60).verdict is Verdict.PROBABLY


def test_a_list_goes_before_a_count():
    found = judged(evidence(listed={"1.1", "1.2"}, held={"1.1"}, announced=1), 0)
    assert found.verdict is Verdict.INCOMPLETE
    assert found.missing == "1 of 2 missing"

    found = judged(evidence(listed={"1.1", "1.2"}, held={"1.1", "1.2", "1.3"}), 0)
    assert found.verdict is Verdict.COMPLETE


def test_an_ended_step_is_evidence_in_words():
    found = judged(evidence(is_performed_step_ended=True), 60)

    assert "the performed step has ended" in found.evidence


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ((), ()),
        ((1,), ()),
        ((2, 3), (1,)),
        ((100, 101, 103), (102,)),
        ((1, 1, 2), ()),
        ((10, 20, 30), ()),
        ((1, 10**12), ()),
        ((-1, 1), (0,)),
        ((-1, 0, 2), (1,)),
    ],
)
def test_numbers_that_are_no_count_say_nothing(numbers, missing):
    assert missing_numbers(numbers) == missing


@given(st.lists(st.integers(-(2**31), 2**31), max_size=50))
def test_missing_numbers_are_between_the_others_and_never_many(numbers):
    missing = missing_numbers(numbers)

    assert not set(missing) & set(numbers)
    assert len(missing) <= len(set(numbers)) + 1


def test_many_runs_are_cut():
    numbers = [number for number in range(1, 100) if number % 2]

    # A half is missing: just few enough to be gaps.
    found = judged(evidence(received=len(numbers), numbers=numbers), 60)

    assert found.missing.endswith("and 29 more runs")


def test_it_waits_until_it_could_be_quiet():
    assert decide(evidence(last=30), PATIENCE, after(40)).until == after(90)


def test_it_is_released_when_it_is_quiet():
    assert decide(evidence(last=30), PATIENCE, after(90)) == Release(judged(evidence(last=30), 90))


def test_who_wants_certainty_waits_for_the_limit():
    decision = decide(evidence(), STRICT, after(600))
    assert isinstance(decision, Wait)
    assert decision.until == after(3600)

    assert decide(evidence(), STRICT, after(3600)).forced


def test_the_limit_ends_every_wait():
    missing = evidence(received=3, numbers=(1, 2, 4), open_associations=3)

    assert decide(missing, PATIENCE, after(3600)).forced
    assert decide(missing, PATIENCE, after(3599)).until == after(3600)


def test_what_is_complete_at_the_limit_is_not_forced():
    assert not decide(evidence(announced=120), STRICT, after(9999)).forced


@given(
    last=st.integers(0, 5000),
    now=st.integers(0, 9000),
    numbers=st.sets(st.integers(1, 30), max_size=10),
    open_associations=st.integers(0, 1),
    announced=st.none() | st.integers(0, 12),
)
def test_a_wait_always_ends_later_and_never_after_the_limit(
    last, now, numbers, open_associations, announced
):
    found = evidence(
        last=last,
        received=len(numbers),
        numbers=numbers,
        open_associations=open_associations,
        announced=announced,
    )

    decision = decide(found, PATIENCE, after(now))

    if isinstance(decision, Wait):
        assert after(now) < decision.until <= after(3600)
