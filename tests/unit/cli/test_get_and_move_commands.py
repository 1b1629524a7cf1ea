import asyncio
import json
import os
import signal

import pytest
from query_peer import WAIT, QueryPeer, Say, match, store

from hilum.cli.app import run
from hilum.cli.querying.keeping import Folder
from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.requestor import VERIFICATION_CONTEXT, associate
from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.dicom.part10 import read_file_meta
from hilum.dimse.command import CommandField, encode_command
from hilum.dimse.service.ending import COMPLETE, ended, unknown_destination
from hilum.dimse.service.query import find_ended
from hilum.dimse.service.retrieve import (
    failed_list,
    retrieve_ended,
    retrieve_pending,
)
from hilum.dimse.service.suboperations import SubOperations
from hilum.dimse.status import SUCCESS
from hilum.dimse.upper.items import PresentationContext
from hilum.kernel.names import UID, AETitle
from hilum.sources.dimse.receiver import Receiver
from hilum.testing.datasets import CT, instance

INSTANCES = [instance(seed=seed) for seed in range(3)]
STUDY = "1.2.3"


def hilum(*arguments):
    return run([str(argument) for argument in arguments])


def archive(asked):
    """Have one study, and say all about it."""
    if asked.command.command_field == CommandField.C_FIND_RQ:
        builder = DataSetBuilder().texts(tags.STUDY_INSTANCE_UID, STUDY)
        builder.texts(0x00080062, CT).texts(0x00201208, str(len(INSTANCES)))
        yield match(asked, builder.data_set)
        yield Say(find_ended(asked.command, COMPLETE))
        return
    work = SubOperations(len(INSTANCES))
    for one in INSTANCES:
        if asked.command.command_field == CommandField.C_GET_RQ:
            work.stored(one.sop_instance_uid, (yield store(asked, one)))
        else:
            work.stored(one.sop_instance_uid, SUCCESS)
        yield Say(retrieve_pending(asked.command, work.counts))
    data = failed_list(work.failed, asked.context.transfer_syntax) if work.has_failed else None
    yield Say(retrieve_ended(asked.command, work.ending(), work), data)


@pytest.fixture
def peer():
    with QueryPeer(archive).in_a_thread() as listening:
        yield listening


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_get_makes_part_10_files_named_by_their_uids(peer, tmp_path, capsys):
    code = hilum("get", f"PEER@{peer.host}:{peer.port}", "--study", STUDY, "--to", tmp_path / "new")

    said = capsys.readouterr().out
    files = files_in(tmp_path / "new")
    assert code == 0
    assert said.startswith(f"3 instances from PEER (127.0.0.1:{peer.port}) in {tmp_path}/new: ")
    assert {path.stem for path in files} == {one.sop_instance_uid for one in INSTANCES}
    for path in files:
        with path.open("rb") as stream:
            meta = read_file_meta(stream)
        one = next(one for one in INSTANCES if one.sop_instance_uid == path.stem)
        assert meta.transfer_syntax_uid == one.transfer_syntax_uid
        assert path.read_bytes()[meta.data_set_offset :] == one.data_set
    assert len(list((tmp_path / "new").iterdir())) == len({path.parts[-3] for path in files})


def test_what_is_not_named_by_uids_is_looked_for_first(peer, tmp_path):
    code = hilum("get", f"{peer.host}:{peer.port}", "--accession", "A1", "--to", tmp_path, "-q")

    first, *_, last = [asked.identifier for asked in peer.asked]
    assert code == 0
    assert first.text(tags.ACCESSION_NUMBER) == "A1"
    assert last.text(tags.STUDY_INSTANCE_UID) == STUDY
    assert tags.ACCESSION_NUMBER not in last


def test_the_same_again_is_told_and_kept_once(peer, tmp_path, capsys):
    for _ in range(2):
        code = hilum("get", f"{peer.host}:{peer.port}", "--study", STUDY, "--to", tmp_path, "-q")

    assert code == 0
    assert "3 instances had been there, with the same bytes" in capsys.readouterr().out
    assert len(files_in(tmp_path)) == 3


def test_other_bytes_under_a_uid_are_kept_beside(peer, tmp_path, capsys):
    hilum("get", f"{peer.host}:{peer.port}", "--study", STUDY, "--to", tmp_path, "-q")
    files_in(tmp_path)[0].write_bytes(b"mine")

    hilum("get", f"{peer.host}:{peer.port}", "--study", STUDY, "--to", tmp_path, "-q")

    assert "1 instance kept beside a file with other bytes" in capsys.readouterr().out
    assert len(files_in(tmp_path)) == 4
    assert b"mine" in [path.read_bytes() for path in files_in(tmp_path)]


def test_a_get_that_fails_in_part_says_what_and_exits_with_1(tmp_path, capsys):
    def script(asked):
        if asked.command.command_field == CommandField.C_FIND_RQ:
            yield from archive(asked)
            return
        work = SubOperations(2)
        work.stored(INSTANCES[0].sop_instance_uid, (yield store(asked, INSTANCES[0])))
        work.not_stored(UID("1.2.3.9"))
        data = failed_list(work.failed, asked.context.transfer_syntax)
        yield Say(retrieve_ended(asked.command, work.ending(), work), data)

    with QueryPeer(script).in_a_thread() as peer:
        code = hilum("get", f"{peer.host}:{peer.port}", "--study", STUDY, "--to", tmp_path, "-q")
        code_of_json = hilum(
            "get", f"{peer.host}:{peer.port}", "--study", STUDY, "--to", tmp_path, "-q", "--json"
        )

    lines = capsys.readouterr().out.splitlines()
    assert (code, code_of_json) == (1, 1)
    assert "1 instance failed at the peer" in lines
    assert "    1.2.3.9" in lines
    said = json.loads(lines[-1])
    assert (said["kept"], said["failed"]) == (1, 1)
    assert said["failed_sop_instance_uids"] == ["1.2.3.9"]


def test_nothing_that_matches_is_said_and_exits_with_2(tmp_path, capsys):
    def script(asked):
        yield Say(find_ended(asked.command, COMPLETE))

    with QueryPeer(script).in_a_thread() as peer:
        code = hilum("get", f"{peer.host}:{peer.port}", "--accession", "A", "--to", tmp_path, "-q")

    assert code == 2
    assert "matches" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["get", "move"])
def test_a_whole_archive_is_not_retrieved_by_accident(command, tmp_path, capsys):
    code = hilum(command, "127.0.0.1:9", "--name", "*", "--to", tmp_path)

    assert code == 2
    assert "say what to retrieve" in capsys.readouterr().err


def test_move_says_how_many_went_where(peer, capsys):
    code = hilum("move", f"{peer.host}:{peer.port}", "--study", STUDY, "-aem", "WS", "-q")

    assert code == 0
    assert peer.asked[-1].command.move_destination == "WS"
    assert capsys.readouterr().out.startswith("3 instances moved from ANY-SCP (127.0.0.1:")


def test_an_unknown_destination_says_what_to_configure_where(tmp_path, capsys):
    def script(asked):
        yield Say(encode_command(ended(asked.command, unknown_destination())))

    with QueryPeer(script).in_a_thread() as peer:
        code = hilum("move", f"PACS@{peer.host}:{peer.port}", "--study", "1.2,1.3,1.4", "-q",
                     "--to", tmp_path, "--port", 0)  # fmt: skip

    said = capsys.readouterr().out
    assert code == 1
    assert "PACS does not know the AE title 'HILUM': add it there" in said
    assert "2 of 3 were not begun" in said


def test_move_needs_somewhere_to_move_to(capsys):
    code = hilum("move", "127.0.0.1:9", "--study", STUDY)

    assert code == 2
    assert "--destination AET, or --to folder" in capsys.readouterr().err


async def _store(port, one, called="HILUM"):
    contexts = [
        VERIFICATION_CONTEXT,
        PresentationContext(3, one.sop_class_uid, (one.transfer_syntax_uid,)),
    ]
    address = Address("127.0.0.1", port, AETitle(called), AETitle("US"))
    requestor = await associate(address, contexts, RequestorOptions())
    try:
        assert await requestor.echo() == SUCCESS
        response = await requestor.store(
            3, 2, one.sop_class_uid, one.sop_instance_uid, [one.data_set]
        )
    finally:
        await requestor.release()
    return response.status


async def _received(folder, one):
    async with Receiver("127.0.0.1", 0, folder, called=AETitle("HILUM")).listening() as port:
        return await _store(port, one)


def test_the_receiver_keeps_what_it_answers_success_for(tmp_path):
    folder = Folder(tmp_path, synced=True)
    with folder.ready():
        status = asyncio.run(_received(folder, INSTANCES[0]))

    assert status == SUCCESS
    assert [path.stem for path in files_in(tmp_path)] == [INSTANCES[0].sop_instance_uid]
    assert not list(tmp_path.glob(".*"))


def test_the_receiver_refuses_what_is_cut_short(tmp_path):
    whole = INSTANCES[0]
    cut = type(whole)(**{**vars_of(whole), "data_set": whole.data_set[:-200]})
    folder = Folder(tmp_path, synced=False)
    with folder.ready():
        status = asyncio.run(_received(folder, cut))

    assert status >> 12 == 0xC
    assert not files_in(tmp_path)
    assert sum(folder.kept.refused.values()) == 1


def vars_of(one):
    return {name: getattr(one, name) for name in type(one).__dataclass_fields__}


class FullDisk:
    """A disk on which files can be made, but not filled."""

    def __init__(self, disk):
        self._disk = disk

    def __getattr__(self, name):
        return getattr(self._disk, name)

    def write(self, *_, **__):
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_answered_out_of_resources_and_stops_the_run(tmp_path):
    folder = Folder(tmp_path, synced=False)
    folder.disk = FullDisk(folder.disk)
    stopped = []
    folder.when_broken = lambda: stopped.append(True)
    with folder.ready():
        status = asyncio.run(_received(folder, INSTANCES[0]))

    assert status == 0xA700
    assert stopped == [True]
    assert "No space left" in folder.broken
    assert not files_in(tmp_path)


def test_ctrl_c_cancels_a_get_and_keeps_what_came(tmp_path, capsys):
    def script(asked):
        if asked.command.command_field == CommandField.C_FIND_RQ:
            yield from archive(asked)
            return
        work = SubOperations(3)
        work.stored(INSTANCES[0].sop_instance_uid, (yield store(asked, INSTANCES[0])))
        os.kill(os.getpid(), signal.SIGINT)
        yield WAIT
        yield Say(retrieve_ended(asked.command, work.canceled(), work))

    with QueryPeer(script).in_a_thread() as peer:
        code = hilum("get", f"{peer.host}:{peer.port}", "--study", STUDY, "--to", tmp_path, "-q")

    assert code == 1
    assert peer.asked[-1].is_cancelled
    assert peer.releases == 2
    assert len(files_in(tmp_path)) == 1
    assert capsys.readouterr().out.startswith("1 instance from ")
