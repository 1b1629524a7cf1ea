"""A watched folder with a real intake behind it: nothing is removed before it is durable."""

import asyncio
from pathlib import Path

import pytest
from intake_bench import Bench, Listening

from hilum.dicom.part10 import file_meta
from hilum.kernel.names import AETitle
from hilum.ledger.errors import LedgerUnavailable
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.sources.folder.door import FolderDoor
from hilum.sources.folder.events import FileAdopted, FileSetAside
from hilum.sources.folder.looking import Lookout
from hilum.sources.folder.settings import FolderSourceSettings
from hilum.testing.datasets import GeneratedInstance, instance

INSTANCE = instance(seed=1, pixel_bytes=100)


def part10(generated: GeneratedInstance) -> bytes:
    head = file_meta(
        sop_class_uid=generated.sop_class_uid,
        sop_instance_uid=generated.sop_instance_uid,
        transfer_syntax_uid=generated.transfer_syntax_uid,
    )
    return head + generated.data_set


class Scene:
    def __init__(self, tmp_path: Path, **settings) -> None:
        self.bench = Bench(tmp_path, synced=False, policy=DuplicatePolicy.KEEP_BOTH)
        self.settings = FolderSourceSettings(
            path=tmp_path / "in", settle_seconds=0.001, failed=tmp_path / "bad", **settings
        )
        self.settings.path.mkdir()
        self.telemetry = Listening()
        self.door = FolderDoor(
            "scans",
            self.settings,
            intake=self.bench.intake,
            own_title=AETitle("HILUM"),
            clock=self.bench.clock,
            telemetry=self.telemetry,
        )

    def told(self, kind):
        return [event for event in self.telemetry.events if isinstance(event, kind)]


def run(tmp_path, scenario, **settings):
    async def main() -> None:
        scene = Scene(tmp_path, **settings)
        scene.bench.intake.start(asyncio.get_running_loop())
        try:
            await scenario(scene)
        finally:
            await scene.bench.intake.stop()
            scene.bench.ledger.close()

    asyncio.run(main())


async def look_twice(scene: Scene) -> bool:
    scene.door._lookout.look(0.0)
    return await scene.door._take_all(scene.door._lookout.look(1.0))


@pytest.mark.parametrize("pixel_bytes", [100, 3_000_000])
def test_a_finished_file_is_held_and_then_gone(tmp_path, pixel_bytes):
    generated = instance(seed=2, pixel_bytes=pixel_bytes)

    async def scenario(scene: Scene) -> None:
        (scene.settings.path / "sub").mkdir()
        (scene.settings.path / "sub" / "a.dcm").write_bytes(part10(generated))

        await look_twice(scene)

        (held,) = scene.bench.ledger.find([generated.sop_instance_uid])[generated.sop_instance_uid]
        assert (scene.bench.root / held.path).read_bytes().endswith(generated.data_set)
        assert not list(scene.settings.path.rglob("*.dcm"))
        assert scene.told(FileAdopted) == [FileAdopted("scans", generated.sop_instance_uid)]

    run(tmp_path, scenario)


def test_a_file_without_meta_information_is_taken(tmp_path):
    async def scenario(scene: Scene) -> None:
        (scene.settings.path / "a").write_bytes(INSTANCE.data_set)

        await look_twice(scene)

        assert scene.bench.ledger.find([INSTANCE.sop_instance_uid])[INSTANCE.sop_instance_uid]

    run(tmp_path, scenario)


def test_files_can_be_moved_instead_and_never_over_others(tmp_path):
    async def scenario(scene: Scene) -> None:
        for _ in range(2):
            (scene.settings.path / "a.dcm").write_bytes(part10(INSTANCE))
            await look_twice(scene)

        assert sorted(path.name for path in (tmp_path / "done").iterdir()) == ["a.dcm", "a.dcm.1"]

    run(tmp_path, scenario, after="move", done=tmp_path / "done")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"holiday photograph" * 20, "not a DICOM file"),
        (part10(INSTANCE)[:-20], "ends"),
    ],
)
def test_a_bad_file_is_set_aside_with_the_reason(tmp_path, content, why):
    async def scenario(scene: Scene) -> None:
        (scene.settings.path / "Doe^Jane.dcm").write_bytes(content)

        await look_twice(scene)

        assert (tmp_path / "bad" / "Doe^Jane.dcm").read_bytes() == content
        assert why in (tmp_path / "bad" / "Doe^Jane.dcm.reason.txt").read_text()
        (event,) = scene.told(FileSetAside)
        assert "Doe" not in str(event)

    run(tmp_path, scenario)


def test_without_room_the_file_stays(tmp_path):
    async def scenario(scene: Scene) -> None:
        (scene.settings.path / "a.dcm").write_bytes(part10(INSTANCE))

        scene.bench.records.fault = LedgerUnavailable("broken")

        has_room = await look_twice(scene)

        assert not has_room
        assert (scene.settings.path / "a.dcm").exists()

    run(tmp_path, scenario)


def test_a_file_that_is_still_written_to_is_not_finished(tmp_path):
    lookout = Lookout(tmp_path, settle_seconds=2)
    file = tmp_path / "a.dcm"
    file.write_bytes(b"1")

    assert lookout.look(0) == []
    file.write_bytes(b"12")
    assert lookout.look(3) == []
    assert [found.path for found in lookout.look(6)] == [file]


def test_unfinished_names_hidden_files_and_links_are_left_alone(tmp_path):
    lookout = Lookout(tmp_path, settle_seconds=0)
    for name in ("a.part", ".hidden", "b.TMP"):
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / "link").symlink_to("/etc/passwd")

    assert lookout.look(0) == []


@pytest.mark.parametrize("settings", [{"after": "move"}, {"done": "/elsewhere"}])
def test_after_and_done_must_agree(tmp_path, settings):
    with pytest.raises(ValueError, match="done"):
        FolderSourceSettings(path=tmp_path, **settings)


def test_folders_for_finished_files_are_not_watched_themselves(tmp_path):
    with pytest.raises(ValueError, match="watched folder"):
        FolderSourceSettings(path=tmp_path, after="move", done=tmp_path / "done")


def test_two_doors_on_one_folder_take_turns(tmp_path):
    async def scenario(scene: Scene) -> None:
        async with scene.door._alone() as first, scene.door._alone() as second:
            assert (first, second) == (True, False)
        async with scene.door._alone() as again:
            assert again

    run(tmp_path, scenario)


def test_stopping_ends_the_watch(tmp_path):
    async def scenario(scene: Scene) -> None:
        watching = asyncio.create_task(scene.door.run())
        await asyncio.sleep(0)
        scene.door.stop()

        await asyncio.wait_for(watching, 5)

    run(tmp_path, scenario)
