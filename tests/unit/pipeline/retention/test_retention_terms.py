"""What may go and when: decided from values alone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from hilum.pipeline.retention.pressure import Held, pressure_of
from hilum.pipeline.retention.settings import RetentionSettings
from hilum.pipeline.retention.terms import Retention

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@dataclass(frozen=True)
class Payload:
    days: float
    routes: tuple[str, ...] = ("all",)
    delivered_to: tuple[str, ...] = ("pacs",)
    peer: str = "ct1"

    @property
    def settled_at(self):
        return NOW - timedelta(days=self.days)


def may_go(payload, *, room=False, **settings):
    retention = Retention.of(RetentionSettings(**settings))
    return retention.may_go(payload, NOW, is_room_needed=room)


@pytest.mark.parametrize(
    ("payload", "settings", "expected"),
    [
        (Payload(31), {"keep": "30 d"}, True),
        (Payload(29), {"keep": "30 d"}, False),
        (Payload(9999), {}, False),
        (Payload(31, delivered_to=()), {"keep": "30 d"}, False),
        (Payload(31), {"keep": "30 d", "copies_min": 2}, False),
        (Payload(31, delivered_to=("a", "b")), {"keep": "30 d", "copies_min": 2}, True),
        (Payload(9999, routes=(), delivered_to=()), {"keep": "30 d"}, False),
    ],
)
def test_age_lets_go_what_is_delivered(payload, settings, expected):
    assert may_go(payload, **settings) is expected


@pytest.mark.parametrize(
    ("payload", "settings", "expected"),
    [
        (Payload(0), {}, True),
        (Payload(0), {"keep": "30 d"}, True),
        (Payload(0.5), {"keep_at_least": "1 d"}, False),
        (Payload(2), {"keep_at_least": "1 d"}, True),
        (Payload(2, delivered_to=()), {}, False),
        (Payload(2, routes=(), delivered_to=()), {}, False),
        (Payload(2), {"rules": [{"peer": "ct1", "for_ever": True}]}, False),
    ],
)
def test_need_of_room_lets_go_earlier_but_not_everything(payload, settings, expected):
    assert may_go(payload, room=True, **settings) is expected


@pytest.mark.parametrize(
    ("payload", "rules", "expected"),
    [
        (Payload(8), [{"peer": "ct1", "keep": "7 d"}], True),
        (Payload(8, peer="mr1"), [{"peer": "ct1", "keep": "7 d"}], False),
        (Payload(40), [{"route": "all", "for_ever": True}], False),
        (Payload(40), [{"route": "other", "for_ever": True}], True),
        # Of several the longest holds, in whichever order they stand.
        (Payload(8), [{"peer": "ct1", "keep": "7 d"}, {"route": "all", "keep": "9 d"}], False),
        (Payload(8), [{"route": "all", "keep": "9 d"}, {"peer": "ct1", "keep": "7 d"}], False),
        (Payload(8), [{"peer": "ct1", "route": "other", "keep": "7 d"}], False),
        (Payload(31), [{"peer": "ct1", "copies_min": 2}], False),
        (Payload(8, (), ()), [{"nowhere": True, "keep": "7 d"}], True),
        (Payload(6, (), ()), [{"nowhere": True, "keep": "7 d"}], False),
        (Payload(8, (), ()), [{"peer": "ct1", "keep": "7 d"}], False),
        (Payload(8), [{"nowhere": True, "keep": "7 d"}], False),
    ],
)
def test_rules_change_the_terms_of_what_they_apply_to(payload, rules, expected):
    assert may_go(payload, keep="30 d", rules=rules) is expected


@pytest.mark.parametrize(
    ("settings", "room", "days"),
    [
        ({}, False, None),
        ({"keep": "30 d"}, False, 30),
        ({"keep": "30 d", "rules": [{"peer": "a", "keep": "7 d"}]}, False, 7),
        ({"keep": "30 d", "rules": [{"peer": "a", "for_ever": True}]}, False, 30),
        ({"keep_at_least": "2 d"}, True, 2),
    ],
)
def test_nothing_younger_is_looked_at(settings, room, days):
    age = Retention.of(RetentionSettings(**settings)).youngest_age(is_room_needed=room)

    assert age == (None if days is None else timedelta(days=days))


def pressure(held=0, payloads=0, free=10**12, **settings):
    return pressure_of(RetentionSettings(**settings), Held(payloads, held, free))


def test_without_quotas_there_is_no_pressure():
    assert not pressure(10**15, 10**9).is_room_needed


def test_cleaning_begins_at_one_mark_and_ends_at_a_lower_one():
    assert not pressure(849, quota_bytes=1000).is_room_needed
    assert pressure(850, quota_bytes=1000).bytes == 50
    assert pressure(payloads=9, quota_instances=10).payloads == 1


def test_the_marks_warn_and_then_refuse():
    assert pressure(899, quota_bytes=1000).warning == ""
    assert pressure(900, quota_bytes=1000).warning
    assert pressure(999, quota_bytes=1000).reached == ""
    assert "quota_bytes" in pressure(1000, quota_bytes=1000).reached
    assert "quota_instances" in pressure(payloads=10, quota_instances=10).reached


def test_a_disk_that_fills_up_asks_for_more_than_is_missing():
    short = pressure(5000, free=900, free_bytes=1000)

    assert (short.bytes, short.reached) == (150, "")
    assert short.warning
    assert not pressure(5000, free=1000, free_bytes=1000).is_room_needed


def test_as_much_goes_as_is_needed_of_both():
    both = pressure(900, 9, quota_bytes=1000, quota_instances=10)

    assert not both.is_met_by(1, 99)
    assert both.is_met_by(1, 100)
