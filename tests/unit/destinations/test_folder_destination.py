"""What is particular to a folder; what every destination promises is in the compliance suite."""

import asyncio
import errno
import os

import pytest
from destination_rigs import FolderRig

from hilum.destinations.folder.destination import FolderDestination
from hilum.destinations.folder.failures import outcome_of
from hilum.destinations.folder.template import read_template
from hilum.destinations.folder.writing import UNFINISHED, Style
from hilum.dicom.part10 import read_file_meta
from hilum.kernel.errors import Rejected, Unreachable
from hilum.kernel.names import AETitle
from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused
from hilum.testing.datasets import IMPLICIT_VR_LITTLE_ENDIAN
from hilum.vault.disk import SystemDisk

pytestmark = pytest.mark.asyncio

PATTERN = "{PatientID}/{SOPInstanceUID}.dcm"


def destination(rig, folder, *, disk=None, pattern=PATTERN, **style):
    rig.folder = folder
    made = Style(read_template(pattern), AETitle("US"), **style)
    return FolderDestination("folder", folder, made, rig.payloads, disk=disk)


async def delivered(to, parcels):
    return [outcome async for _, outcome in to.session().deliver(parcels)]


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.dcm"))


async def test_a_file_has_a_meta_header_without_our_seal_and_its_bytes_unchanged(tmp_path):
    rig = FolderRig()
    parcel = rig.parcel(1, syntax=IMPLICIT_VR_LITTLE_ENDIAN)

    assert await delivered(destination(rig, tmp_path), [parcel]) == [Delivered()]

    (name,) = names(tmp_path)
    assert name == f"GEN00000000/{parcel.sop_instance_uid}.dcm"
    with (tmp_path / name).open("rb") as file:
        meta = read_file_meta(file)
    assert meta.transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN
    assert meta.source_ae_title == "US"
    assert meta.private_creator_uid == ""
    assert meta.tolerated == ()
    assert rig.arrived() == [(parcel.sop_instance_uid, rig.digest(parcel))]


async def test_the_same_bytes_are_delivered_once(tmp_path):
    rig = FolderRig()
    parcel = rig.parcel(1)
    to = destination(rig, tmp_path)

    assert await delivered(to, [parcel]) == await delivered(to, [parcel]) == [Delivered()]
    assert len(names(tmp_path)) == 1


@pytest.mark.parametrize(
    ("policy", "kind", "files"),
    [("keep_both", Delivered, 2), ("overwrite", Delivered, 1), ("refuse", Refused, 1)],
)
async def test_other_bytes_under_a_name_are_handled_by_policy(tmp_path, policy, kind, files):
    rig = FolderRig()
    parcel = rig.parcel(1)
    to = destination(rig, tmp_path, other_bytes=policy)
    await delivered(to, [parcel])
    first = rig.digest(parcel)
    changed = rig.parcel(1, pixel_bytes=4096)

    (outcome,) = await delivered(to, [changed])

    assert isinstance(outcome, kind)
    assert len(names(tmp_path)) == files
    kept = {digest for _, digest in rig.arrived()}
    expected = {
        "keep_both": {first, rig.digest(changed)},
        "overwrite": {rig.digest(changed)},
        "refuse": {first},
    }
    assert kept == expected[policy]
    # Sent again, it is found whichever name it got.
    again = await delivered(to, [changed])
    assert isinstance(again[0], kind)
    assert len(names(tmp_path)) == files


async def test_a_name_reserved_before_a_crash_is_taken_over(tmp_path):
    rig = FolderRig()
    parcel = rig.parcel(1)
    reserved = tmp_path / "GEN00000000" / f"{parcel.sop_instance_uid}.dcm"
    reserved.parent.mkdir()
    reserved.touch()

    assert await delivered(destination(rig, tmp_path), [parcel]) == [Delivered()]
    assert len(names(tmp_path)) == 1
    assert rig.arrived() == [(parcel.sop_instance_uid, rig.digest(parcel))]


async def test_without_hard_links_names_are_still_never_taken_twice(tmp_path, monkeypatch):
    def no_links(*_, **__):
        raise OSError(errno.EOPNOTSUPP, "no")

    monkeypatch.setattr(os, "link", no_links)
    rig = FolderRig()
    to = destination(rig, tmp_path)
    outcomes = await delivered(to, [rig.parcel(1)])
    outcomes += await delivered(to, [rig.parcel(1, pixel_bytes=4096)])

    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    assert len(names(tmp_path)) == 2


class FailingDisk(SystemDisk):
    def __init__(self, number, *, after=0):
        self.number = number
        self.left = after

    def write(self, descriptor, pieces, *, size):
        if not self.left:
            raise OSError(self.number, os.strerror(self.number))
        self.left -= 1
        super().write(descriptor, pieces, size=size)


@pytest.mark.parametrize(
    ("number", "failing"),
    [
        (errno.ENOSPC, Failing.BUSY),
        (errno.EDQUOT, Failing.BUSY),
        (errno.EACCES, Failing.UNWELCOME),
        (errno.EROFS, Failing.UNWELCOME),
        (errno.EIO, Failing.UNREACHABLE),
        (errno.ESTALE, Failing.UNREACHABLE),
    ],
)
async def test_what_hinders_one_hinders_all_and_leaves_nothing(tmp_path, number, failing):
    rig = FolderRig()
    disk = FailingDisk(number, after=3)  # the second file fails in its middle

    outcomes = await delivered(destination(rig, tmp_path, disk=disk), rig.parcels(4))

    assert outcomes[0] == Delivered()
    assert [outcome.failing for outcome in outcomes[1:]] == [
        failing,
        Failing.UNTRIED,
        Failing.UNTRIED,
    ]
    assert len(names(tmp_path)) == 1
    assert list((tmp_path / UNFINISHED).iterdir()) == []


async def test_a_name_that_cannot_be_made_concerns_one_instance():
    assert isinstance(outcome_of(OSError(errno.ENAMETOOLONG, "long"), "x"), Refused)
    assert isinstance(outcome_of(OSError(errno.ENOTDIR, "no folder"), "x"), Refused)


async def test_a_missing_folder_is_not_made_because_its_disk_may_not_be_mounted(tmp_path):
    rig = FolderRig()
    missing = tmp_path / "missing"
    to = destination(rig, missing)

    (outcome,) = await delivered(to, [rig.parcel(1)])

    assert isinstance(outcome, Deferred)
    assert outcome.failing is Failing.UNREACHABLE
    assert not missing.exists()
    with pytest.raises(Unreachable, match="Does it exist"):
        await to.verify()
    assert not missing.exists()


async def test_verification_says_that_we_may_not_write(tmp_path):
    to = destination(FolderRig(), tmp_path, disk=FailingDisk(errno.EACCES))

    with pytest.raises(Rejected, match="user write there"):
        await to.verify()


async def test_a_cancelled_writing_stops_and_leaves_nothing(tmp_path):
    rig = FolderRig()
    started, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    class SlowDisk(SystemDisk):
        def write(self, descriptor, pieces, *, size):
            loop.call_soon_threadsafe(started.set)
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(5)
            super().write(descriptor, pieces, size=size)

    session = destination(rig, tmp_path, disk=SlowDisk()).session()

    async def deliver():
        async for _ in session.deliver([rig.parcel(1)]):
            pass

    task = asyncio.create_task(deliver())
    await started.wait()
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert names(tmp_path) == []
    assert list((tmp_path / UNFINISHED).iterdir()) == []
    assert rig.payloads.open_now == 0
