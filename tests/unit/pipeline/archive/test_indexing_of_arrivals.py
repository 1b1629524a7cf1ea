"""What searches need besides the facts comes with arrivals, and with a ledger made anew."""

import asyncio
import dataclasses

from intake_bench import Bench
from ledger_entries import rows
from test_indexing import EXPLICIT, requested

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.encode import encode_data_set
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.service.config_settings import Config
from hilum.service.opening import DataFolder, rebuild_ledger
from hilum.testing.datasets import instance


def arrival(seed):
    generated = instance(seed=seed)
    built = requested()
    built.elements |= (
        DataSetBuilder("ISO_IR 100")
        .texts(0x00080016, generated.sop_class_uid)
        .texts(0x00080018, generated.sop_instance_uid)
        .texts(0x00080201, "+0100")
        .texts(0x00104000, "deaf")
        .texts(0x00181030, "Head")
        .texts(0x0020000D, generated.study_instance_uid)
        .texts(0x0020000E, generated.series_instance_uid)
        .data_set.elements
    )
    return dataclasses.replace(generated, data_set=encode_data_set(built, EXPLICIT))


def take(folder, *arrivals):
    bench = Bench(folder, synced=False, policy=DuplicatePolicy.KEEP_BOTH)

    async def main():
        bench.intake.start(asyncio.get_running_loop())
        for one in arrivals:
            await bench.bring(one)
        await bench.intake.stop()

    asyncio.run(main())
    bench.vault.close()
    bench.ledger.close()
    return bench.ledger.path


def kept(path):
    steps = "SELECT scheduled_procedure_step_id FROM series_request ORDER BY number"
    return rows(path, steps), rows(path, "SELECT tag, value FROM extra ORDER BY tag")


REQUESTED = [("Größe",), ("S2",)]
KEPT = [(0x00080201, "+0100"), (0x00104000, "deaf")]


def test_an_arrival_brings_them(tmp_path):
    path = take(tmp_path, arrival(1), arrival(2))

    assert kept(path) == (REQUESTED, KEPT)


def test_a_ledger_made_anew_has_them_and_what_is_kept_by_now(tmp_path):
    path = take(tmp_path, arrival(1), arrival(2))
    extra = {"series": ["ProtocolName"]}
    config = Config.model_validate({"archive": {"extra_attributes": extra}})
    folder = DataFolder(tmp_path)
    assert folder.ledger == path

    rebuild_ledger(folder, config)

    assert kept(path) == (REQUESTED, [*KEPT, (0x00181030, "Head")])


def test_what_failed_to_be_recorded_is_brought_by_the_next_one(tmp_path):
    bench = Bench(tmp_path, synced=False, policy=DuplicatePolicy.KEEP_BOTH)

    async def main():
        bench.intake.start(asyncio.get_running_loop())
        bench.ledger.path.rename(tmp_path / "away")
        await bench.bring(arrival(1))
        (tmp_path / "away").rename(bench.ledger.path)
        bench.intake.ledger_recovered()
        await bench.bring(arrival(2))
        await bench.intake.stop()

    asyncio.run(main())
    bench.vault.close()
    bench.ledger.close()

    assert kept(bench.ledger.path)[0] == REQUESTED
