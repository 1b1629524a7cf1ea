"""Files without a row after a crash: what is older is never served, nothing answered is lost."""

import asyncio
import dataclasses
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from intake_bench import Bench

from hilum.ledger.delivery import PlannedDelivery
from hilum.ledger.entry import OURSELVES
from hilum.ledger.ledger import Ledger
from hilum.pipeline.adoption import Adoption, Found, read_entry
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.pipeline.recovery import rebuild, reconcile
from hilum.service.config_settings import Config
from hilum.service.opening import DataFolder, rebuild_ledger
from hilum.testing.datasets import instance

FIRST = instance(seed=1, pixel_bytes=100)
SECOND = dataclasses.replace(FIRST, data_set=FIRST.data_set[:-2] + b"22")
THIRD = dataclasses.replace(FIRST, data_set=FIRST.data_set[:-2] + b"33")
UID = FIRST.sop_instance_uid
SUPPORT = Path(__file__).parents[2] / "support"

# Brings one instance and dies where a crash may strike: when the first file is removed.
DYING = """
import asyncio, os, sys
from pathlib import Path
from intake_bench import Bench, Disk
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.testing.datasets import GeneratedInstance
Disk.remove = lambda self, path: os._exit(7)
async def main():
    bench = Bench(Path(sys.argv[1]), synced=True, policy=DuplicatePolicy(sys.argv[2]))
    bench.intake.start(asyncio.get_running_loop())
    data_set = sys.stdin.buffer.read()
    await bench.bring(GeneratedInstance(*sys.argv[3:], data_set))
asyncio.run(main())
"""


def bring(root: Path, *all_of_them, policy=DuplicatePolicy.KEEP_BOTH, fault="") -> None:
    async def main() -> None:
        bench = Bench(root, synced=False, policy=policy)
        bench.disk.fault = fault
        bench.intake.start(asyncio.get_running_loop())
        for generated in all_of_them:
            await bench.bring(generated)
        await bench.intake.stop()
        bench.ledger.close()

    asyncio.run(main())


def bring_and_die(root: Path, generated, policy: DuplicatePolicy) -> None:
    names = [getattr(generated, field.name) for field in dataclasses.fields(generated)][:-1]
    paths = os.pathsep.join(filter(None, (str(SUPPORT), os.environ.get("PYTHONPATH"))))
    died = subprocess.run(
        [sys.executable, "-c", DYING, root, policy.value, *names],
        input=generated.data_set,
        env=os.environ | {"PYTHONPATH": paths},
        check=False,
    )
    assert died.returncode == 7


def recover(root: Path, policy=DuplicatePolicy.KEEP_BOTH):
    ledger = Ledger.open(root / "ledger.sqlite", durability="process")
    found = reconcile(root / "vault", ledger, since=None, policy=policy)
    assert ledger.check() == []
    return found, ledger


def served(root: Path, ledger: Ledger) -> bytes:
    current = next(held for held in ledger.find([UID])[UID] if held.is_current)
    return data_set_of(root, current.path)


def data_set_of(root: Path, path: str) -> bytes:
    return (root / "vault" / path).read_bytes()[-len(FIRST.data_set) :]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "left", "serves"),
    [
        (DuplicatePolicy.REPLACE, SECOND, SECOND),
        (DuplicatePolicy.KEEP_FIRST, SECOND, FIRST),
        (DuplicatePolicy.KEEP_BOTH, FIRST, FIRST),
    ],
)
def test_a_crash_before_a_file_is_removed_changes_nothing_of_what_is_served(
    tmp_path, policy, left, serves
):
    bring(tmp_path, FIRST)
    bring_and_die(tmp_path, left, policy)
    assert len(list((tmp_path / "vault/instances").rglob("*.dcm"))) == 2

    _, ledger = recover(tmp_path, policy)

    assert served(tmp_path, ledger) == serves.data_set
    found, again = recover(tmp_path, policy)
    assert (found.adopted, found.set_aside) == (0, [])
    ledger.close()
    again.close()


def test_a_replaced_file_that_was_left_is_held_as_an_older_version(tmp_path):
    bring(tmp_path, FIRST, SECOND, policy=DuplicatePolicy.REPLACE, fault="remove")

    found, ledger = recover(tmp_path, DuplicatePolicy.REPLACE)

    held = ledger.find([UID])[UID]
    assert (found.adopted, found.older, found.set_aside) == (1, 1, [])
    assert {data_set_of(tmp_path, one.path): one.is_current for one in held} == {
        FIRST.data_set: False,
        SECOND.data_set: True,
    }
    ledger.close()


def test_what_was_refused_for_the_first_is_set_aside_when_it_was_left(tmp_path):
    bring(tmp_path, FIRST, SECOND, policy=DuplicatePolicy.KEEP_FIRST, fault="remove")

    found, ledger = recover(tmp_path, DuplicatePolicy.KEEP_FIRST)

    [held] = ledger.find([UID])[UID]
    assert data_set_of(tmp_path, held.path) == FIRST.data_set
    [(path, reason)] = found.set_aside
    assert data_set_of(tmp_path, path) == SECOND.data_set
    assert "keep_first" in reason
    ledger.close()


def test_the_same_bytes_that_were_left_are_removed(tmp_path):
    bring(tmp_path, FIRST, FIRST, fault="remove")

    found, ledger = recover(tmp_path)

    [held] = ledger.find([UID])[UID]
    files = [path.name for path in (tmp_path / "vault/instances").rglob("*.dcm")]
    assert files == [Path(held.path).name]
    assert (found.adopted, found.set_aside) == (0, [])
    ledger.close()


def test_a_whole_file_is_not_removed_for_one_whose_bytes_are_not_what_they_were(tmp_path):
    bring(tmp_path, FIRST, FIRST, fault="remove")
    ledger = Ledger.open(tmp_path / "ledger.sqlite", durability="process")
    [held] = ledger.find([UID])[UID]
    ledger.close()
    damage(tmp_path / "vault" / held.path)

    found, ledger = recover(tmp_path)

    [now_held] = ledger.find([UID])[UID]
    assert now_held.path != held.path
    assert served(tmp_path, ledger) == FIRST.data_set
    assert len(found.set_aside) == 1
    ledger.close()


def test_a_newer_file_without_a_row_is_served(tmp_path):
    bring(tmp_path, FIRST, SECOND)
    ledger = Ledger.open(tmp_path / "ledger.sqlite", durability="process")
    ledger.forget([next(held.path for held in ledger.find([UID])[UID] if held.is_current)])
    ledger.close()

    found, ledger = recover(tmp_path)

    assert (found.adopted, found.older) == (1, 0)
    assert served(tmp_path, ledger) == SECOND.data_set
    ledger.close()


@pytest.mark.parametrize("policy", [DuplicatePolicy.KEEP_BOTH, DuplicatePolicy.REPLACE])
def test_a_lost_current_version_gives_way_to_the_one_that_came_before_it(tmp_path, policy):
    bring(tmp_path, FIRST)
    bring(tmp_path, SECOND, THIRD)
    ledger = Ledger.open(tmp_path / "ledger.sqlite", durability="process")
    first, _, third = ledger.find([UID])[UID]
    ledger.forget([first.path])
    ledger.close()
    _, ledger = recover(tmp_path, policy)  # the first one gets the highest number of a version

    ledger.forget([third.path])

    assert served(tmp_path, ledger) == SECOND.data_set
    ledger.close()


@pytest.mark.parametrize("reverse", [False, True])
def test_rebuilding_serves_what_came_last_whatever_the_file_system_says(tmp_path, reverse):
    bring(tmp_path, FIRST, SECOND, THIRD)
    entries = [
        read_entry(tmp_path / "vault", str(path.relative_to(tmp_path / "vault")))
        for path in (tmp_path / "vault/instances").rglob("*.dcm")
    ]
    entries.sort(key=lambda entry: entry.received_at, reverse=reverse)
    for number, entry in enumerate(entries):
        os.utime(tmp_path / "vault" / entry.path, (number, number))
    ledger = Ledger.open(tmp_path / "fresh.sqlite", durability="process")

    found = rebuild(tmp_path / "vault", ledger)

    assert found.adopted == 3
    assert served(tmp_path, ledger) == THIRD.data_set
    ledger.close()


@pytest.mark.parametrize("reverse", [False, True])
def test_versions_that_are_adopted_one_by_one_in_any_order_end_as_they_came(tmp_path, reverse):
    bring(tmp_path, FIRST, SECOND, THIRD)
    vault = tmp_path / "vault"
    entries = [
        read_entry(vault, str(path.relative_to(vault)))
        for path in (vault / "instances").rglob("*.dcm")
    ]
    entries.sort(key=lambda entry: entry.received_at, reverse=reverse)
    ledger = Ledger.open(tmp_path / "fresh.sqlite", durability="process")
    adoption = Adoption(vault, ledger, DuplicatePolicy.KEEP_BOTH)

    outcomes = [found for entry in entries for _, found in adoption.adopt([entry])]

    rest = Found.ADOPTED_AS_OLDER if reverse else Found.ADOPTED
    assert outcomes == [Found.ADOPTED, rest, rest]
    assert served(tmp_path, ledger) == THIRD.data_set
    ledger.close()


@pytest.mark.parametrize("reverse", [False, True])
def test_files_of_one_moment_are_put_in_one_order_however_they_are_found(tmp_path, reverse):
    bring(tmp_path, FIRST, SECOND, THIRD)
    vault = tmp_path / "vault"
    files = sorted(str(p.relative_to(vault)) for p in (vault / "instances").rglob("*.dcm"))
    ledger = Ledger.open(tmp_path / "fresh.sqlite", durability="process")
    adoption = Adoption(vault, ledger, DuplicatePolicy.KEEP_BOTH)

    for path in sorted(files, reverse=reverse):
        entry = read_entry(vault, path)
        entry.received_at = datetime(2026, 1, 1, tzinfo=UTC)
        list(adoption.adopt([entry]))

    [current] = [held.path for held in ledger.find([UID])[UID] if held.is_current]
    assert current == files[-1]
    ledger.close()


def damage(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)


def test_a_removed_payload_whose_file_was_left_is_not_adopted_again(tmp_path):
    bring(tmp_path, FIRST)
    ledger = Ledger.open(tmp_path / "ledger.sqlite", durability="process")
    [held] = ledger.find([UID])[UID]
    now = datetime.now(UTC)
    ledger.removals.remove([held.path], reason="old", by=OURSELVES, now=now)
    ledger.close()

    found, ledger = recover(tmp_path)

    assert (found.adopted, found.lost) == (0, [])
    assert list((tmp_path / "vault/instances").rglob("*.dcm")) == []
    assert ledger.removals.unconfirmed() == []
    ledger.close()


def test_what_was_owed_is_owed_after_a_rebuild_if_the_old_ledger_can_be_read(tmp_path):
    folder = DataFolder(tmp_path)
    bring(tmp_path, FIRST)
    ledger = Ledger.open(folder.ledger, durability="process")
    [held] = ledger.find([UID])[UID]
    entry = read_entry(folder.vault, held.path)
    entry.deliveries = [PlannedDelivery("pacs", "everything")]
    ledger.record([entry])
    ledger.close()

    found, aside = rebuild_ledger(folder, Config())
    folder.ledger.unlink()
    unknown, _ = rebuild_ledger(folder, Config())

    assert (found.deliveries, unknown.deliveries) == (1, None)
    assert aside is not None
