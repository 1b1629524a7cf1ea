"""Real clients find, move and get what Hilum holds; every byte is the one that is stored."""

import asyncio
import contextlib
import itertools
import json
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pydicom
import pytest
from dimse_asker import EXPLICIT, IMPLICIT, Asker
from trials.gateway import free_port
from xxhash import xxh3_128

from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.dimse.service.identifier import encode_identifier, read_identifier
from hilum.dimse.service.query import find_request
from hilum.dimse.service.retrieve import get_request, move_request
from hilum.kernel.names import UID, AETitle
from hilum.query.identifier import QUERY_RETRIEVE_LEVEL
from hilum.query.level import Level, Model
from hilum.testing.datasets import CT, MR, instance, write_part10

HILUM = [sys.executable, "-c", "from hilum.cli import main; main()"]
MODELS = {"-P": Model.PATIENT_ROOT, "-S": Model.STUDY_ROOT, "-O": Model.PATIENT_STUDY_ONLY}
STUDY, SYNTAX = "0020,000d", "0008,3002"
ROOT = Model.STUDY_ROOT
# What one association asks for in a test of the corpus: each kind needs a context of its own.
KINDS_AT_ONCE = 100


@pytest.fixture
def dcmtk(peer_environment):
    """Run DCMTK's own program; others of that name may come first on the path."""
    path = "/usr/bin:/bin:/usr/local/bin"

    def run(program, *arguments, check=True):
        found = shutil.which(program, path=path)
        if found is None:
            pytest.skip(f"{program} is not installed (make peers)")
        done = subprocess.run(
            [found, *map(str, arguments)],
            env=peer_environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        text = (done.stdout + done.stderr).decode("latin-1")
        assert not check or done.returncode == 0, text[-2000:]
        return text

    return run


class Site:
    """A gateway that holds something, and peers to move to."""

    def __init__(self, gateway, made, ports):
        self.gateway = gateway
        self.made = made
        self.ports = ports

    @property
    def target(self):
        return "127.0.0.1", self.gateway.port

    def of_study(self, study):
        return {one.sop_instance_uid: one.data_set for one in self.made[study]}

    @staticmethod
    def uid_of(made):
        return made[0].study_instance_uid


@pytest.fixture
def site(start_gateway, tmp_path):
    ports = {title: free_port() for title in ("WS", "DEST", "ORTHANC")}
    peers = "".join(
        f'[peers.{title.lower()}]\nae_title = "{title}"\nhost = "127.0.0.1"\nport = {port}\n'
        'may = ["echo", "store", "find", "move", "get"]\n'
        for title, port in ports.items()
    )
    gateway = start_gateway(durability="process", more=peers)
    made = {
        study: [
            instance(seed=10 * study + n, study=study, series=n % 2, sop_class=(CT, MR)[n % 2])
            for n in range(4)
        ]
        for study in (1, 2)
    }
    files = tmp_path / "files"
    files.mkdir()
    for one in itertools.chain(*made.values()):
        write_part10(files / f"{one.sop_instance_uid}.dcm", one)
    send(gateway, files)
    return Site(gateway, made, ports)


def send(gateway, folder):
    subprocess.run(
        [*HILUM, "send", f"HILUM@127.0.0.1:{gateway.port}", str(folder)],
        capture_output=True,
        check=False,
        timeout=100,
    )


def data_set_of(path):
    """Give what is behind the file meta group."""
    content = path.read_bytes()
    length = int.from_bytes(content[140:144], "little")
    return content[144 + length :]


def data_sets_in(folder):
    return {
        str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID): data_set_of(
            path
        )
        for path in Path(folder).iterdir()
    }


@contextlib.contextmanager
def storescp(folder, port, *options):
    """Run DCMTK's receiver, which keeps the bytes as they come."""
    program = shutil.which("storescp", path="/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("storescp is not installed (make peers)")
    folder.mkdir()
    process = subprocess.Popen(
        [program, "+B", "-od", str(folder), *options, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        yield
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port):
    import socket

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    pytest.fail(f"nothing listens on {port}")


def keys(model, level, one, *, patient):
    """Give the keys of a question or retrieval at `level`, as DCMTK takes them."""
    values = {
        Level.PATIENT: ("0010,0020", patient),
        Level.STUDY: (STUDY, one.study_instance_uid),
        Level.SERIES: ("0020,000e", one.series_instance_uid),
        Level.IMAGE: ("0008,0018", one.sop_instance_uid),
    }
    wanted = [f"0008,0052={level.name}"]
    wanted += [
        f"{tag}={value}"
        for at, (tag, value) in values.items()
        if at <= level and at in model.levels
    ]
    return [word for key in wanted for word in ("-k", key)]


CASES = [(option, level) for option, model in MODELS.items() for level in model.levels]


@pytest.mark.parametrize(("option", "level"), CASES)
def test_dcmtk_finds_moves_and_gets_at_each_level_of_each_model(
    site, dcmtk, tmp_path, option, level
):
    model, made = MODELS[option], site.made[2]
    chosen = keys(model, level, made[1], patient="GEN00000002")
    calling = ("-aet", "WS", "-aec", "HILUM")
    expected = {
        Level.PATIENT: made,
        Level.STUDY: made,
        Level.SERIES: made[1::2],
        Level.IMAGE: made[1:2],
    }[level]
    wanted = {one.sop_instance_uid: one.data_set for one in expected}

    found = dcmtk("findscu", "-v", option, *calling, *site.target, *chosen)
    got = tmp_path / "got"
    got.mkdir()
    dcmtk("getscu", option, "+B", *calling, "-od", got, *site.target, *chosen)
    moved = tmp_path / "moved"
    with storescp(moved, site.ports["DEST"]):
        dcmtk("movescu", option, *calling, "-aem", "DEST", *site.target, *chosen)

    assert found.count("Find Response") == 1 + found.count("Final Find Response")
    assert "Success" in found
    assert data_sets_in(got) == wanted
    assert data_sets_in(moved) == wanted


def test_dcmtk_moves_to_itself_and_hears_of_unknown_destinations(site, dcmtk, tmp_path):
    calling = ("-v", "-S", "-aet", "WS", "-aec", "HILUM")
    chosen = keys(ROOT, Level.STUDY, site.made[1][0], patient="")
    moved = tmp_path / "moved"
    moved.mkdir()

    dcmtk(
        *("movescu", *calling, "-aem", "WS", "--port", site.ports["WS"], "-od", moved),
        *(*site.target, *chosen),
    )
    refused = dcmtk("movescu", *calling, "-aem", "NOBODY", *site.target, *chosen, check=False)

    assert set(data_sets_in(moved)) == set(site.of_study(1))
    assert "MoveDestinationUnknown" in refused


def test_what_is_stored_as_dcmtk_does_not_take_it_is_put_into_what_it_takes(site, dcmtk, tmp_path):
    got, files = tmp_path / "got", tmp_path / "implicit"
    got.mkdir()
    files.mkdir()
    one = instance(seed=77, study=3, syntax=IMPLICIT)
    write_part10(files / "one.dcm", one)
    send(site.gateway, files)

    # It proposes explicit little endian and nothing else.
    calling = ("-S", "+xe", "+B", "-aet", "WS", "-aec", "HILUM")
    chosen = keys(ROOT, Level.STUDY, one, patient="")
    dcmtk("getscu", *calling, "-od", got, *site.target, *chosen)

    (path,) = got.iterdir()
    read = pydicom.dcmread(path)
    assert read.file_meta.TransferSyntaxUID == EXPLICIT
    assert read.PixelData in one.data_set
    assert data_set_of(path) == instance(seed=77, study=3, syntax=EXPLICIT).data_set


def test_pynetdicom_finds_gets_and_moves(site, tmp_path):
    from pynetdicom import AE, build_role, evt

    study = site.uid_of(site.made[2])
    came = {}

    def keep(event):
        came[str(event.request.AffectedSOPInstanceUID)] = event.request.DataSet.getvalue()
        return 0x0000

    ae = AE("WS")
    for uid in (ROOT.find_uid, ROOT.move_uid, ROOT.get_uid):
        ae.add_requested_context(uid)
    for uid in (CT, MR):
        ae.add_requested_context(uid, EXPLICIT)
    association = ae.associate(
        *site.target,
        ae_title="HILUM",
        ext_neg=[build_role(uid, scp_role=True) for uid in (CT, MR)],
        evt_handlers=[(evt.EVT_C_STORE, keep)],
    )
    assert association.is_established
    wanted = pydicom.Dataset()
    wanted.QueryRetrieveLevel, wanted.StudyInstanceUID, wanted.PatientName = "STUDY", study, ""
    found = list(association.send_c_find(wanted, ROOT.find_uid))
    got = list(association.send_c_get(wanted, ROOT.get_uid))
    with storescp(tmp_path / "moved", site.ports["DEST"]):
        moved = list(association.send_c_move(wanted, "DEST", ROOT.move_uid))
    association.release()

    assert [status.Status for status, _ in found] == [0xFF00, 0x0000]
    assert found[0][1].StudyInstanceUID == study
    assert got[-1][0].Status == moved[-1][0].Status == 0x0000
    assert came == site.of_study(2)
    assert data_sets_in(tmp_path / "moved") == site.of_study(2)


@pytest.mark.parametrize("what", ["find", "get", "move"])
def test_dcmjs_finds_gets_and_moves(site, needs, tmp_path, what):
    needs("node")
    here = Path(__file__).parent
    if not (here / "node_modules/dcmjs-dimse").exists():
        pytest.skip("dcmjs-dimse is not installed (make peers)")
    study = site.uid_of(site.made[1])

    with storescp(tmp_path / "moved", site.ports["DEST"]):
        done = subprocess.run(
            ["node", here / "dcmjs_ask.js", str(site.gateway.port), "HILUM", what, study, "DEST"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    answer = json.loads(done.stdout)
    assert answer["status"] == 0, answer
    if what == "find":
        assert answer["came"] == [study]
    elif what == "get":
        assert sorted(answer["came"]) == sorted(site.of_study(1))
    else:
        assert data_sets_in(tmp_path / "moved") == site.of_study(1)


def test_orthanc_queries_and_retrieves(site, start_orthanc):
    ask = start_orthanc(
        DicomServerEnabled=True,
        DicomAet="ORTHANC",
        DicomPort=site.ports["ORTHANC"],
        DicomModalities={"hilum": ["HILUM", "127.0.0.1", site.gateway.port]},
    )
    study = site.uid_of(site.made[2])
    question = {"Level": "Study", "Query": {"StudyInstanceUID": study, "PatientName": ""}}

    query = ask("POST", "/modalities/hilum/query", json.dumps(question).encode())
    answers = ask("GET", f"/queries/{query['ID']}/answers")
    ask("POST", f"/queries/{query['ID']}/retrieve", b"ORTHANC")
    held = ask("GET", "/instances?expand")

    assert len(answers) == 1
    assert {one["MainDicomTags"]["SOPInstanceUID"] for one in held} == set(site.of_study(2))


def test_gdcm_is_answered(site, needs, logged):
    needs("gdcmscu")
    # Debian's gdcmscu 3.0.21 ends in an exception of its own after any answer, Orthanc's too.
    subprocess.run(
        [
            "gdcmscu",
            "--find",
            "--studyroot",
            "--study",
            "--key",
            "10,10=",
            "--key",
            "20,d=",
            "--call",
            "HILUM",
            "--aetitle",
            "WS",
            "127.0.0.1",
            str(site.gateway.port),
        ],
        capture_output=True,
        timeout=30,
        check=False,
    )

    assert "2 matches at the study level (0x0000)" in logged(site.gateway, "Answered C-FIND")


@pytest.fixture
def receiver(start_gateway):
    """Who takes every class and syntax: another Hilum."""
    return start_gateway(
        durability="process",
        ae_title="DEST",
        level="info",
        dimse={"accept_private_sop_classes": "true"},
    )


@pytest.fixture
def full(start_gateway, receiver, tmp_path, corpus):
    """A gateway that holds what it took of the corpus, and knows a receiver."""
    gateway = start_gateway(
        durability="process",
        level="info",
        dimse={"accept_private_sop_classes": "true"},
        more=f'[peers.dest]\nae_title = "DEST"\nhost = "127.0.0.1"\nport = {receiver.port}\n',
    )
    files = tmp_path / "corpus"
    files.mkdir()
    for number, file in enumerate(corpus):
        (files / f"{number:05}.dcm").symlink_to(file.path)
    send(gateway, files)
    return gateway


async def kinds_held(gateway):
    """Find all instances, by class and syntax, with a relational question."""
    offer = [(ROOT.find_uid, b"\1")]
    asker = await Asker.open(gateway.port, [(ROOT.find_uid, [EXPLICIT])], extended=offer)
    builder = DataSetBuilder("").texts(QUERY_RETRIEVE_LEVEL, "IMAGE")
    for tag in (tags.SOP_CLASS_UID, tags.SOP_INSTANCE_UID, 0x00083002):
        builder.empty(tag, vr="UI")
    context = asker.context(ROOT.find_uid)
    question = encode_identifier(builder.data_set, EXPLICIT)
    asker.send(context.id, find_request(1, UID(ROOT.find_uid)), question)
    kinds = defaultdict(list)
    *matches, (_, last, _) = await asker.responses()
    for _, _, data in matches:
        match = read_identifier(data, EXPLICIT)
        kind = match.text(tags.SOP_CLASS_UID), match.text(0x00083002)
        kinds[kind].append(match.text(tags.SOP_INSTANCE_UID))
    await asker.release()
    assert last.status == 0
    return kinds


def by_uids(uids):
    builder = DataSetBuilder("").texts(QUERY_RETRIEVE_LEVEL, "IMAGE")
    return encode_identifier(builder.texts(tags.SOP_INSTANCE_UID, *uids).data_set, EXPLICIT)


@pytest.mark.corpus
def test_everything_that_is_held_comes_back_byte_for_byte_by_c_get(full):
    gateway = full
    came = {}

    async def fetch():
        kinds = await kinds_held(gateway)
        for at in range(0, len(kinds), KINDS_AT_ONCE):
            chosen = list(kinds)[at : at + KINDS_AT_ONCE]
            asker = await Asker.open(
                gateway.port,
                [(ROOT.get_uid, [EXPLICIT]), *((kind[0], [kind[1]]) for kind in chosen)],
                roles=[(uid, False, True) for uid in {kind[0] for kind in chosen}],
                extended=[(ROOT.get_uid, b"\1")],
            )
            for kind in chosen:
                context = asker.context(ROOT.get_uid)
                asker.send(context.id, get_request(1, UID(ROOT.get_uid)), by_uids(kinds[kind]))
                *got, (_, last, _) = await asker.responses()
                assert last.status == 0
                for used, command, data in got:
                    if data is not None:
                        assert used.transfer_syntax == kind[1]
                        came[command.affected_sop_instance_uid] = xxh3_128(data).digest()
            await asker.release()

    asyncio.run(fetch())
    held = gateway.holding()
    assert held.faults == []
    assert len(held.digests) > 10
    assert came == held.digests


@pytest.mark.corpus
def test_everything_that_is_held_arrives_byte_for_byte_by_c_move(full, receiver):
    gateway = full

    async def move():
        kinds = await kinds_held(gateway)
        offer = [(ROOT.move_uid, b"\1")]
        asker = await Asker.open(gateway.port, [(ROOT.move_uid, [EXPLICIT])], extended=offer)
        context = asker.context(ROOT.move_uid)
        request = move_request(1, UID(ROOT.move_uid), destination=AETitle("DEST"))
        uids = [uid for some in kinds.values() for uid in some]
        asker.send(context.id, request, by_uids(uids))
        last = (await asker.responses())[-1][1]
        await asker.release()
        assert last.status == 0, (last.status, last.error_comment)

    asyncio.run(move())
    assert receiver.holding().digests == gateway.holding().digests


def test_our_own_client_finds_gets_and_moves(site, tmp_path):
    def hilum(*arguments):
        done = subprocess.run(
            [*HILUM, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    peer, study = f"HILUM@127.0.0.1:{site.gateway.port}", site.uid_of(site.made[2])

    found = hilum("find", peer, "--study", study, "--json")
    hilum("get", peer, "--study", study, "--to", tmp_path / "got")
    moving = ("--study", study, "--calling", "WS", "--to", tmp_path / "moved")
    hilum("move", peer, *moving, "--port", site.ports["WS"])

    assert study in found
    for folder in ("got", "moved"):
        files = list((tmp_path / folder).rglob("*.dcm"))
        assert {data_set_of(path) for path in files} == set(site.of_study(2).values())
