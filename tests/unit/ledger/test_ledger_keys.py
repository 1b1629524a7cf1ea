from dataclasses import replace
from datetime import timedelta

import pytest
from delivery_plans import NOW
from ledger_entries import rows

from hilum.kernel.errors import Rejected
from hilum.ledger.entry import Origin
from hilum.ledger.key import AccessKey
from hilum.ledger.ledger import Ledger
from hilum.ledger.salvage import Salvage

KIM = Origin("", "", "kim", "host", "", "hilum key")
KEY = AccessKey(
    "0011aabb", "viewer", b"d" * 32, ("read", "write"), ("A B", "C"), ("10.0.0.0/8",), NOW
)


def test_a_key_comes_back_as_it_was_given(ledger):
    until = replace(KEY, expires_at=NOW + timedelta(days=1))
    ledger.keys.create(until, by=KIM)

    assert ledger.keys.all() == [until]


def test_a_revoked_key_stays_as_one_that_opens_nothing(ledger):
    ledger.keys.create(KEY, by=KIM)

    assert ledger.keys.revoke("viewer", by=KIM, now=NOW) == [KEY]

    [found] = ledger.keys.all()
    assert not found.is_usable(NOW)
    assert ledger.keys.revoke("viewer", by=KIM, now=NOW) == []


def test_a_key_ends_at_its_moment():
    key = replace(KEY, expires_at=NOW)

    assert key.is_usable(NOW - timedelta(seconds=1))
    assert not key.is_usable(NOW)


def test_a_name_is_given_twice_only_when_the_first_is_gone(ledger):
    ledger.keys.create(KEY, by=KIM)
    second = replace(KEY, key_id="0011aabc")
    with pytest.raises(Rejected, match="'viewer'"):
        ledger.keys.create(second, by=KIM)

    ledger.keys.revoke("0011aabb", by=KIM, now=NOW)
    ledger.keys.create(second, by=KIM)

    assert [one.is_usable(NOW) for one in ledger.keys.all()] == [False, True]


def test_making_and_ending_a_key_is_audited_without_its_digest(ledger, path):
    ledger.keys.create(KEY, by=KIM)
    ledger.keys.revoke("viewer", by=KIM, now=NOW)

    assert rows(path, "SELECT event, peer, detail FROM audit ORDER BY id") == [
        ("key created", "kim", "viewer (0011aabb): read, write; of A B, C"),
        ("key revoked", "kim", "viewer (0011aabb): read, write; of A B, C"),
    ]


def test_another_process_sees_a_revocation_at_once(ledger, path):
    ledger.keys.create(KEY, by=KIM)
    other = Ledger.open(path, durability="process")
    ledger.keys.revoke("viewer", by=KIM, now=NOW)

    assert not other.keys.all()[0].is_usable(NOW)
    other.close()


def test_a_ledger_made_anew_takes_the_keys_over(ledger, path, tmp_path):
    ledger.keys.create(KEY, by=KIM)
    ledger.close()
    fresh = Ledger.open(tmp_path / "ledger.new", durability="process")

    fresh.keys.take_over(Salvage(path).keys())

    assert fresh.keys.all() == [KEY]
    fresh.close()


def test_keys_of_a_ledger_that_cannot_be_read_are_none(tmp_path):
    path = tmp_path / "broken"
    path.write_bytes(b"x" * 5000)

    assert Salvage(path).keys() == []
    assert Salvage(tmp_path / "missing").keys() == []
