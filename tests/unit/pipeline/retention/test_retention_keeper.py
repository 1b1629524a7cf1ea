"""Letting go with a real ledger and real files: what may go does, and nothing else."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from delivery_plans import claim, planned, settle
from ledger_entries import entry, rows

from hilum.kernel.errors import Full
from hilum.ledger.ledger import Ledger
from hilum.pipeline.events import CleanUpFailed
from hilum.pipeline.retention import keeper as keeping
from hilum.pipeline.retention.events import PayloadsReleased, RoomNarrowed, RoomRegained
from hilum.pipeline.retention.keeper import Keeper
from hilum.pipeline.retention.settings import RetentionSettings
from hilum.pipeline.room import Room
from hilum.service.vouched_clock import VouchedClock
from hilum.vault.disk import SystemDisk
from hilum.vault.vault import Vault

OLD = "instances/2020/01/02/1.2.3/1.2.3.4"


class Time:
    def __init__(self):
        self.at = 0.0

    def monotonic(self):
        return self.at

    def now(self):
        return datetime(2027, 6, 1, tzinfo=UTC) + timedelta(seconds=self.at)


class Log:
    def __init__(self):
        self.events = []

    def emit(self, event):
        self.events.append(event)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


class Place:
    """A ledger and a vault with payloads in it, and who keeps them."""

    def __init__(self, root):
        self.path = root / "ledger.db"
        self.ledger = Ledger.open(self.path, durability="process")
        self.vault = Vault(root / "vault", SystemDisk(), synced=False)
        self.vault.open()
        self.root = root / "vault"
        self.vouched = self.clock = Time()
        self.log, self.room = Log(), Room(lambda _: 0)
        self.room.refresh(10**9, 10**9)

    def keeper(self, owner="one", **settings):
        return Keeper(
            RetentionSettings(**settings),
            removals=self.ledger.removals,
            leases=self.ledger.slots,
            files=self.vault,
            clock=self.clock,
            vouched=self.vouched,
            steady=self.clock,
            telemetry=self.log,
            owner=owner,
            barred=lambda reason: setattr(self.room, "bar", reason),
        )

    def put(self, *numbers, delivered=True, folder=OLD):
        """Hold payloads of 1,000 bytes that go to one destination."""
        paths = {number: f"{folder}/{number}.dcm" for number in numbers}
        for path in paths.values():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(b"x")
        for number, path in paths.items():
            one = planned(number)
            one.path = path
            self.ledger.record([one])
        if delivered:
            settle(self.ledger, claim(self.ledger, limit=100))

    def files(self):
        return sorted(int(path.stem) for path in self.root.rglob("*.dcm"))

    def held(self):
        return self.ledger.removals.usage().payloads


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    yield place
    place.ledger.close()
    place.vault.close()


def look(keeper):
    asyncio.run(keeper.look())


def test_what_was_kept_long_enough_goes_with_its_folders(place):
    place.put(1, 2)
    place.put(3, delivered=False)

    look(place.keeper(keep="30 d"))

    assert place.files() == [3]
    assert place.held() == 1
    assert place.log.of(PayloadsReleased) == [PayloadsReleased(2, 2000, "age")]
    assert place.ledger.removals.unconfirmed() == []
    settle(place.ledger, claim(place.ledger))
    place.clock.at = 40 * 86400.0
    look(place.keeper(keep="30 d"))
    assert not (place.root / "instances/2020").exists()
    assert (place.root / "instances").exists()


def test_what_goes_leaves_an_audit_record(place):
    place.put(1)

    look(place.keeper(keep="1 d"))

    question = "SELECT event, detail FROM audit WHERE event = 'payloads removed'"
    [(_, detail)] = rows(place.path, question)
    assert detail == "1 payloads, 1000 bytes: it was kept as long as retention says"


def test_without_terms_nothing_goes(place):
    place.put(1)

    look(place.keeper())

    assert place.files() == [1]


def test_a_quota_lets_the_oldest_go_down_to_its_mark(place):
    place.put(*range(1, 10))

    look(place.keeper(quota_instances=10))

    assert place.files() == [2, 3, 4, 5, 6, 7, 8, 9]
    assert place.room.obstacle is None


def test_pages_go_on_until_it_is_enough(place, monkeypatch):
    monkeypatch.setattr(keeping, "PAGE", 2)
    place.put(*range(1, 11))

    look(place.keeper(quota_bytes=6000))

    assert place.files() == [7, 8, 9, 10]


def test_a_full_quota_of_what_is_owed_refuses_stores_until_it_is_delivered(place):
    place.put(1, 2, delivered=False)
    keeper = place.keeper(quota_instances=2)

    look(keeper)

    assert place.files() == [1, 2]
    assert "quota of 2 instances" in (place.room.obstacle or "")
    assert len(place.log.of(RoomNarrowed)) == 1
    settle(place.ledger, claim(place.ledger, limit=2))
    place.clock.at = keeping.PRESSED_SECONDS
    look(keeper)
    assert place.files() == [2]
    assert place.room.obstacle is None
    assert len(place.log.of(RoomRegained)) == 1


def test_what_comes_between_counts_is_seen(place):
    keeper = place.keeper(quota_instances=3)
    look(keeper)

    place.put(1, 2, 3, delivered=False)
    look(keeper)

    assert place.room.obstacle is not None


def test_other_terms_take_the_bar_away(place):
    place.put(1, delivered=False)
    keeper = place.keeper(quota_instances=1)
    look(keeper)

    keeper.change(RetentionSettings())

    assert place.room.obstacle is None


def test_only_one_process_cleans_at_a_time(place):
    place.put(1)
    now = place.clock.now()
    until = now + timedelta(seconds=60)
    place.ledger.slots.take(keeping.LEASE, limit=1, owner="other", now=now, until=until)
    keeper = place.keeper(keep="1 d")

    look(keeper)

    assert place.files() == [1]
    place.ledger.slots.give_back(keeping.LEASE, 0, "other")
    place.ledger.slots.give_back(keeping.LEASE, 1, "other")
    look(keeper)
    assert place.files() == []


def test_a_crash_between_ledger_and_file_is_finished_by_the_next_run(place, monkeypatch):
    place.put(1, 2)
    monkeypatch.setattr(place.vault, "remove", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        look(place.keeper(keep="1 d"))
    monkeypatch.undo()
    assert (place.held(), place.files()) == (0, [1, 2])

    look(place.keeper(owner="next", keep="1 d"))

    assert place.files() == []
    assert place.ledger.removals.unconfirmed() == []


def test_a_crash_before_the_confirmation_is_finished_too(place, monkeypatch):
    place.put(1)
    monkeypatch.setattr(place.ledger.removals, "confirm", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        look(place.keeper(keep="1 d"))
    monkeypatch.undo()
    assert place.ledger.removals.unconfirmed()

    look(place.keeper(owner="next"))

    assert place.ledger.removals.unconfirmed() == []


def test_a_file_that_cannot_be_removed_is_told_and_tried_by_the_next_run(place, monkeypatch):
    place.put(1)

    def refuse(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(place.vault, "remove", refuse)
    look(place.keeper(keep="1 d"))
    monkeypatch.undo()

    assert len(place.log.of(CleanUpFailed)) == 1
    look(place.keeper(owner="next"))
    assert place.files() == []


def test_a_failing_ledger_removes_no_file(place, monkeypatch):
    place.put(1)

    def full(*_, **__):
        raise Full("no room")

    monkeypatch.setattr(place.ledger.removals, "remove", full)
    with pytest.raises(Full):
        look(place.keeper(keep="1 d"))

    assert place.files() == [1]


def test_folders_of_today_stay_though_they_are_empty(place):
    today = f"instances/{place.clock.now():%Y/%m/%d}/1.2.3/1.2.3.4"
    place.put(1, folder=today)

    look(place.keeper(keep="1 d"))

    assert place.files() == []
    assert (place.root / today).is_dir()


def test_what_was_sent_nowhere_goes_by_a_rule_only(place):
    one = entry(1)
    one.path = f"{OLD}/1.dcm"
    (place.root / OLD).mkdir(parents=True)
    (place.root / one.path).write_bytes(b"x")
    place.ledger.record([one])
    look(place.keeper(keep="1 d"))
    assert place.files() == [1]

    look(place.keeper(owner="next", rules=[{"nowhere": True, "keep": "1 d"}]))

    assert place.files() == []


@pytest.mark.parametrize(
    "terms", [{"keep": "30 d"}, {"quota_instances": 10, "keep_at_least": "30 d"}]
)
def test_nothing_goes_because_the_clock_has_jumped_ahead(place, terms):
    place.put(*range(1, 10))
    place.vouched = VouchedClock(place.clock, datetime(2026, 11, 22, tzinfo=UTC))

    look(place.keeper(**terms))

    assert len(place.files()) == 9
    place.clock.at = 86_400.0
    look(place.keeper(**terms))
    assert len(place.files()) < 9
