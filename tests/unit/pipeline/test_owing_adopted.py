"""Payloads that come into the ledger from the vault are owed what arrivals would be owed."""

import asyncio
import dataclasses

import pytest
from intake_bench import Bench, Listening

from hilum.ledger.delivery import Selection, State
from hilum.ledger.ledger import Ledger
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.pipeline.owing import PLANNED_ANEW
from hilum.service.config_settings import Config
from hilum.service.opening import DataFolder, open_house, rebuild_ledger
from hilum.testing.datasets import instance

FIRST = instance(seed=1, pixel_bytes=100)
SECOND = dataclasses.replace(FIRST, data_set=FIRST.data_set[:-2] + b"22")
PACS = {"type": "dimse", "host": "127.0.0.1", "ae_title": "PACS"}


def routed(*routes) -> Config:
    return Config.model_validate(
        {"destinations": {"pacs": PACS, "ai": PACS}, "routes": list(routes)}
    )


EVERYTHING = {"name": "everything", "to": ["pacs"]}


@pytest.fixture
def folder(tmp_path):
    """Give a data folder to which something is brought; nothing is owed for it."""
    bring(tmp_path, FIRST)
    return DataFolder(tmp_path)


def bring(root, *generated) -> None:
    async def main() -> None:
        bench = Bench(root, synced=False, policy=DuplicatePolicy.KEEP_BOTH)
        bench.intake.start(asyncio.get_running_loop())
        for one in generated:
            await bench.bring(one)
        await bench.intake.stop()
        bench.ledger.close()

    asyncio.run(main())


def crash(folder: DataFolder) -> None:
    """Have the ledger know nothing of the files."""
    folder.ledger.unlink()
    Ledger.open(folder.ledger, durability="process").close()
    folder.begin_run()


def owed(folder: DataFolder):
    ledger = Ledger.open(folder.ledger, durability="process")
    found = ledger.queue.find(Selection())
    ledger.close()
    return [(one.destination, one.route, one.state, one.reason) for one in found]


@pytest.mark.parametrize(
    "when",
    [
        {"calling_ae_title": "CT1", "called_ae_title": "HILUM", "source": "dimse"},
        {"Columns": ">=1"},
        {"PixelData": True},
    ],
)
def test_what_is_adopted_is_owed_what_its_seal_and_its_data_set_say(folder, when):
    crash(folder)

    open_house(
        folder,
        routed(
            {"name": "ours", "when": when, "to": ["pacs"]},
            {"name": "others", "when": {"calling_ae_title": "MR1"}, "to": ["ai"]},
        ),
        Listening(),
    )

    assert owed(folder) == [("pacs", "ours", State.WAITING, "")]


def test_what_came_after_the_backup_of_a_ledger_is_adopted_when_it_is_restored(tmp_path):
    folder = DataFolder(tmp_path)
    folder.begin_run()
    Ledger.open(folder.ledger, durability="process").close()
    backup = folder.ledger.read_bytes()
    bring(tmp_path, FIRST)
    folder.end_run()

    open_house(folder, routed(EVERYTHING), Listening())
    folder.end_run()
    assert owed(folder) == []  # nothing was planned when it came, and the ledger knows it

    folder.ledger.write_bytes(backup)
    open_house(folder, routed(EVERYTHING), Listening())

    assert owed(folder) == [("pacs", "everything", State.WAITING, "")]


def test_an_older_version_is_adopted_and_not_sent_after_a_later_one(tmp_path):
    folder = DataFolder(tmp_path)
    bring(tmp_path, FIRST, SECOND)
    ledger = Ledger.open(folder.ledger, durability="process")
    [older] = [
        one
        for one in ledger.find([FIRST.sop_instance_uid])[FIRST.sop_instance_uid]
        if not one.is_current
    ]
    file = folder.vault / older.path
    raw = file.read_bytes()
    ledger.forget([older.path])
    ledger.close()
    folder.begin_run()

    open_house(folder, routed(EVERYTHING), Listening())

    assert file.read_bytes() == raw
    assert owed(folder) == []


def test_nothing_is_owed_twice_for_a_copy_of_what_is_held(folder):
    crash(folder)
    open_house(folder, routed(EVERYTHING), Listening())
    [file] = (folder.vault / "instances").rglob("*.dcm")
    file.with_name(f"{file.stem}-2.dcm").write_bytes(file.read_bytes())

    open_house(folder, routed(EVERYTHING), Listening())

    assert owed(folder) == [("pacs", "everything", State.WAITING, "")]


def test_a_rebuild_that_does_not_know_what_was_owed_has_a_person_decide(folder):
    folder.ledger.unlink()

    found, _ = rebuild_ledger(folder, routed({**EVERYTHING, "on": "study"}))

    assert (found.deliveries, found.held) == (None, 1)
    assert owed(folder) == [("pacs", "everything", State.HELD, PLANNED_ANEW)]


def test_a_rebuild_plans_nothing_anew_when_the_old_ledger_says_what_is_owed(folder):
    found, _ = rebuild_ledger(folder, routed(EVERYTHING))

    assert (found.deliveries, found.held) == (0, 0)
    assert owed(folder) == []
