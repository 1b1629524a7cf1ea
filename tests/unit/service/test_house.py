"""The house: what a changed configuration changes while it runs, and what health says."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from delivery_plans import LATER, NO_ANSWER, NOW, claim, planned, settle
from ledger_entries import RECEIVED

from hilum.console.events import CheckFailed
from hilum.ledger.delivery import GatheringKey, Level, PlannedDelivery, Selection
from hilum.ledger.entry import OURSELVES
from hilum.ledger.ledger import Ledger
from hilum.pipeline.room import Room
from hilum.routing.calendar import DAYS
from hilum.service.checks import checks_of
from hilum.service.config_settings import Config
from hilum.service.events import LedgerRebuilt, PayloadsLost, VaultReconciled
from hilum.service.house import House
from hilum.service.opening import DataFolder, open_house
from hilum.service.telemetry import live_telemetry
from hilum.service.wall_clock import Seen


def configured(**changes) -> Config:
    return Config.model_validate(changes)


def limited(**limits) -> Config:
    return configured(sources={"dimse": {"limits": limits}})


@pytest.fixture
def remarks(tmp_path):
    """Give what the house says to each configuration it is made to use, one after the other."""

    def runner(*configs):
        with live_telemetry(Config().log) as telemetry:
            house = House(Config(), DataFolder(tmp_path), telemetry)

            async def main() -> list[str]:
                house.intake.start(asyncio.get_running_loop())
                house.passing.start(asyncio.get_running_loop())
                house.bridging.start()
                said = [await house.reload(config) for config in configs]
                await house.close()
                return said

            return asyncio.run(main())

    return runner


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (limited(instance_bytes_max="1 GiB"), "sources.dimse.limits.instance_bytes_max"),
        (configured(gateway={"duplicates": "keep_first"}), "gateway.duplicates"),
        (configured(sources={"dimse": {"port": 104}}), "sources.dimse.host, port and plain"),
    ],
)
def test_what_only_a_restart_changes_is_named(remarks, config, name):
    assert remarks(config) == [f"Only a restart changes {name}."]


def test_what_is_in_force_is_not_asked_to_be_restarted(remarks):
    assert remarks(limited(idle_seconds=7)) == ["All of it is in force."]


def test_what_needs_a_restart_needs_it_until_there_is_one(remarks):
    changed = configured(gateway={"duplicates": "keep_first"})

    assert remarks(changed, changed, Config()) == [
        "Only a restart changes gateway.duplicates.",
        "Only a restart changes gateway.duplicates.",
        "All of it is in force.",
    ]


def findings(ledger_obstacle=None, room=None):
    room = room or Room(lambda _size: 0)
    for check in checks_of(SimpleNamespace(ledger_obstacle=ledger_obstacle), room):
        found = check()
        if found.message:
            yield CheckFailed(found.name, found.message, found.remedy)


def text_of(event) -> str:
    return event.message.format(
        **{name: getattr(event, name) for name in event.__dataclass_fields__}
    )


def test_a_failing_check_and_its_remedy_are_sentences():
    room = Room(lambda _size: 100)
    room.refresh(free=50, size=1000)

    (disk,) = findings(room=room)
    ledger, _ = findings("the ledger is locked", room)

    assert text_of(disk) == (
        "Not ready (disk): The disk is full up to its reserve of 100 bytes; free space on it or "
        "lower gateway.reserve_bytes. Then it goes on by itself."
    )
    assert text_of(ledger) == (
        "Not ready (ledger): The ledger is locked. It is tried again every second by itself."
    )


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_message_with_a_count_reads_well_with_any(count):
    for event in (
        VaultReconciled("It crashed.", count, count, count, count, count),
        PayloadsLost(count, "a/b"),
        LedgerRebuilt("missing", count, ""),
    ):
        assert f": {count}" in text_of(event)


def test_a_start_lets_go_of_what_processes_of_before_had_leased(tmp_path):
    folder = DataFolder(tmp_path)
    now = datetime.now(UTC)
    ledger = Ledger.open(folder.ledger, durability="process")
    ledger.slots.take("pacs", limit=4, owner="worker-1-x", now=now, until=now + timedelta(hours=1))
    ledger.close()

    open_house(folder, Config(), SimpleNamespace(emit=lambda _: None))

    ledger = Ledger.open(folder.ledger, durability="process")
    assert not ledger.slots.owners()
    ledger.close()


def test_a_worker_takes_back_what_its_earlier_life_had_leased_and_nothing_else(tmp_path):
    now = datetime.now(UTC)
    with live_telemetry(Config().log) as telemetry:
        house = House(Config(), DataFolder(tmp_path), telemetry, worker=2)
        for owner in ("worker-2-x", "worker-3-y"):
            house.ledger.slots.take(
                "pacs", limit=4, owner=owner, now=now, until=now + timedelta(hours=1)
            )

        house.delivering.take_back()

        assert house.ledger.slots.owners() == {"worker-3-y"}
        house.ledger.close()
        house.vault.close()


def test_destinations_call_themselves_by_a_title_that_changed(tmp_path):
    def titled(title):
        pacs = {"type": "dimse", "host": "127.0.0.1", "ae_title": "PACS"}
        return configured(gateway={"ae_title": title}, destinations={"pacs": pacs})

    with live_telemetry(Config().log) as telemetry:
        house = House(titled("OLD"), DataFolder(tmp_path), telemetry)

        async def main() -> list[str]:
            house.intake.start(asyncio.get_running_loop())
            house.passing.start(asyncio.get_running_loop())
            house.bridging.start()
            calling = []
            for title in ("OLD", "NEW"):
                await house.reload(titled(title))
                calling.append(house.delivering.opened["pacs"].destination.address.calling)
            await house.close()
            return calling

        assert asyncio.run(main()) == ["OLD", "NEW"]


@pytest.fixture
def kept(tmp_path):
    """Give a house in a prepared folder, and what it does once in a while by its words."""

    def build(prepare=lambda _folder: None):
        folder = DataFolder(tmp_path)
        folder.begin_run()
        prepare(folder)
        house = House(Config(), folder, telemetry)
        houses.append(house)
        collected = {}

        async def collect(duties):
            collected.update({words: act for _, words, act in duties})

        house._duties.keep = collect
        asyncio.run(house.keep())
        return house, collected

    houses = []
    with live_telemetry(Config().log) as telemetry:
        yield build
        for house in houses:
            house.ledger.close()
            house.vault.close()


def test_a_house_follows_the_clock(kept):
    fast = datetime.now(UTC) + timedelta(hours=1)

    def run_before_by_a_clock_that_is_fast(folder):
        ledger = Ledger.open(folder.ledger, durability="process")
        ledger.record([replace(planned(1), received_at=fast)])
        ledger.close()
        folder.clock.write(Seen(fast, fast))

    house, duties = kept(run_before_by_a_clock_that_is_fast)

    asyncio.run(duties["following the clock"]())

    assert len(claim(house.ledger, now=datetime.now(UTC) + timedelta(seconds=5))) == 1


def test_a_house_heeds_the_operator(kept):
    house, duties = kept()
    house.ledger.record([planned(1)])
    settle(house.ledger, claim(house.ledger), NO_ANSWER, due_at=LATER)
    looks = []
    house.delivering.dispatcher.look_now = lambda: looks.append("now")
    heed = duties["heeding the operator"]
    asyncio.run(heed())
    assert looks == []

    assert house.ledger.queue.retry(Selection(), by=OURSELVES, now=LATER) == 1
    asyncio.run(heed())

    assert looks == ["now"]


def test_a_house_lets_what_is_complete_wait_for_the_calendar_of_its_route(kept):
    house, duties = kept()
    now = datetime.now(UTC)
    day = DAYS[(now.weekday() + 3) % 7]
    route = {"name": "nightly", "on": "study", "to": ["pacs"], "between": f"{day} 00:00-24:00"}
    house.delivering.change(
        configured(
            gateway={"time_zone": "UTC"},
            destinations={"pacs": {"type": "dimse", "host": "127.0.0.1", "ae_title": "PACS"}},
            routes=[route],
        )
    )
    study = PlannedDelivery("pacs", "nightly", gathering=GatheringKey(Level.STUDY, "1.2.3"))
    house.ledger.record([planned(1, study)])

    asyncio.run(duties["looking for complete studies"]())

    [one] = house.ledger.queue.find(Selection())
    assert one.due_at is not None
    assert DAYS[one.due_at.weekday()] == day
    assert now < one.due_at < now + timedelta(days=4)


def test_time_was_seen_to_go_by_until_the_mark_or_else_the_last_receipt(tmp_path):
    folder = DataFolder(tmp_path)
    assert folder.vouched_until() is None
    ended_in_good_order(folder, 1)
    assert folder.vouched_until() == RECEIVED

    folder.clock.write(Seen(wall=LATER, vouched=NOW))
    assert folder.vouched_until() == NOW


def ended_in_good_order(folder, *numbers):
    """Leave a folder as a run does that received so much."""
    folder.begin_run()
    ledger = Ledger.open(folder.ledger, durability="process")
    ledger.record([planned(number) for number in numbers])
    ledger.close()
    folder.end_run()


def causes_told(folder):
    told = []
    open_house(folder, Config(), SimpleNamespace(emit=told.append))
    return [one.cause for one in told if isinstance(one, VaultReconciled)]


def test_a_ledger_from_a_backup_is_told_as_such(tmp_path):
    folder = DataFolder(tmp_path)
    ended_in_good_order(folder, 1)
    kept = folder.ledger.read_bytes()
    ended_in_good_order(folder, 2, 3)
    folder.ledger.write_bytes(kept)

    [cause] = causes_told(folder)

    assert cause.startswith("The ledger is an older one, as from a backup: its last receipt is 1")
    assert "there were 3" in cause


def test_a_crash_is_told_as_such(tmp_path):
    folder = DataFolder(tmp_path)
    ended_in_good_order(folder, 1)
    assert causes_told(folder) == []  # the run that begins with it never ends

    assert causes_told(folder) == ["The gateway did not stop in good order."]
