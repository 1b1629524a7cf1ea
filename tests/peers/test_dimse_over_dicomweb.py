"""Programs that only know DIMSE use Orthanc's DICOMweb as if it were a PACS: all comes through."""

import json
import shutil
import subprocess
from pathlib import Path

import peer_archives
import pydicom
import pytest
from peer_archives import data_sets_in, storescp
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid
from trials.gateway import free_port

HERE = Path(__file__).parent
ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
LEVELS = ("STUDY", "SERIES", "IMAGE")
# What a workstation asks for at each level, unique keys of it and above among it.
ASKED = {
    "STUDY": (
        *("StudyInstanceUID", "PatientID", "PatientName", "StudyDate", "AccessionNumber"),
        *("ModalitiesInStudy", "NumberOfStudyRelatedInstances", "StudyDescription"),
    ),
    "SERIES": ("SeriesInstanceUID", "Modality", "SeriesNumber", "SeriesDescription"),
    "IMAGE": ("SOPInstanceUID", "SOPClassUID", "InstanceNumber"),
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory, peer_environment):
    files, studies = peer_archives.make_files(tmp_path_factory.mktemp("files"))
    folder = tmp_path_factory.mktemp("orthanc")
    with peer_archives.orthanc(folder, peer_environment, files, studies) as running:
        yield running


@pytest.fixture
def bridge(start_gateway, archive):
    """A gateway whose entity CLOUD is Orthanc's DICOMweb; it can move to DEST."""
    port = free_port()
    gateway = start_gateway(
        durability="process",
        more=(
            f'[destinations.cloud]\ntype = "dicomweb"\nurl = "{archive.root}"\n'
            '[entities.CLOUD]\nanswers = ["cloud"]\nstores = { through = "cloud" }\n'
            f'[peers.dest]\nae_title = "DEST"\nhost = "127.0.0.1"\nport = {port}\n'
        ),
    )
    gateway.dest = port
    return gateway


@pytest.fixture
def dcmtk(peer_environment):
    """Run DCMTK's own program; others of that name may come first on the path."""

    def run(program, *arguments):
        found = shutil.which(program, path="/usr/bin:/usr/local/bin")
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
        assert done.returncode == 0, text[-2000:]
        return text

    return run


def found(port, called, level, **keys):
    """Ask with pynetdicom; give each match's values as they are asked for, sorted."""
    from pynetdicom import AE

    ae = AE("WS")
    ae.add_requested_context(ROOT_FIND)
    association = ae.associate("127.0.0.1", port, ae_title=called)
    assert association.is_established
    question = pydicom.Dataset()
    question.QueryRetrieveLevel = level
    question.SpecificCharacterSet = "ISO_IR 192"
    for keyword in ASKED[level]:
        setattr(question, keyword, "" if keyword != "NumberOfStudyRelatedInstances" else None)
    for keyword, value in keys.items():
        setattr(question, keyword, value)
    answers = list(association.send_c_find(question, ROOT_FIND))
    association.release()
    assert answers[-1][0].Status == 0x0000
    return sorted(
        tuple(str(match.get(keyword, "")) for keyword in ASKED[level]) for _, match in answers[:-1]
    )


QUESTIONS = [
    {},
    {"PatientName": "M*"},
    {"PatientName": "Müller^Jürgen"},
    {"PatientName": "Щука"},
    {"StudyDate": "20250101-20251231"},
    {"StudyDate": "-20250615"},
    {"PatientID": "P1"},
    {"AccessionNumber": "A?"},
    {"ModalitiesInStudy": "MR"},
    {"PatientID": "NOBODY"},
]


@pytest.mark.parametrize("keys", QUESTIONS, ids=str)
def test_a_study_search_gives_what_the_archive_itself_gives(archive, bridge, keys):
    direct = found(archive.port, "ARCHIVE", "STUDY", **keys)

    assert found(bridge.port, "CLOUD", "STUDY", **keys) == direct


def test_a_list_of_uids_is_looked_for(archive, bridge):
    wanted = archive.studies[1:3]

    matches = found(bridge.port, "CLOUD", "STUDY", StudyInstanceUID="\\".join(wanted))

    assert sorted(match[0] for match in matches) == sorted(wanted)


def test_series_and_images_are_found_below_what_is_named(archive, bridge):
    for study, series, _ in archive.places():
        named = {"StudyInstanceUID": study}
        assert found(bridge.port, "CLOUD", "SERIES", **named) == found(
            archive.port, "ARCHIVE", "SERIES", **named
        )
        named["SeriesInstanceUID"] = series
        assert found(bridge.port, "CLOUD", "IMAGE", **named) == found(
            archive.port, "ARCHIVE", "IMAGE", **named
        )


def keys_of(level, place):
    study, series, instance = place
    keys = [f"0008,0052={level}", f"0020,000d={study}"]
    keys += [f"0020,000e={series}"] if level != "STUDY" else []
    keys += [f"0008,0018={instance}"] if level == "IMAGE" else []
    return [word for key in keys for word in ("-k", key)]


def wanted_of(archive, level, place):
    study, series, instance = place
    there = archive.data_sets(study=study, series=None if level == "STUDY" else series)
    return {instance: there[instance]} if level == "IMAGE" else there


@pytest.mark.parametrize("level", LEVELS)
def test_dcmtk_finds_gets_and_moves_what_the_cloud_has(archive, bridge, dcmtk, tmp_path, level):
    place = archive.places()[0]
    target = ("-aet", "WS", "-aec", "CLOUD", "127.0.0.1", bridge.port)
    chosen = keys_of(level, place)
    got, moved = tmp_path / "got", tmp_path / "moved"
    got.mkdir()

    listed = dcmtk("findscu", "-v", "-S", *target, *chosen)
    dcmtk("getscu", "-S", "+B", "-od", got, *target, *chosen)
    with storescp(moved, bridge.dest):
        dcmtk("movescu", "-S", "-aem", "DEST", *target, *chosen)

    assert "Success" in listed
    assert data_sets_in(got) == data_sets_in(moved) == wanted_of(archive, level, place)


def test_compressed_images_are_moved_as_they_are_held(archive, bridge, dcmtk, tmp_path):
    target = ("-aet", "WS", "-aec", "CLOUD", "127.0.0.1", bridge.port)
    moved = tmp_path / "moved"

    with storescp(moved, bridge.dest):
        for study in archive.studies:
            keys = ("-k", "0008,0052=STUDY", "-k", f"0020,000d={study}")
            dcmtk("movescu", "-S", "-aem", "DEST", *target, *keys)

    assert data_sets_in(moved) == archive.data_sets()


def test_pynetdicom_gets_everything(archive, bridge):
    came = peer_archives.got(bridge.port, "CLOUD", archive.files, archive.studies)

    assert came == archive.data_sets()


@pytest.mark.parametrize("what", ["find", "get", "move"])
def test_dcmjs_finds_gets_and_moves_what_the_cloud_has(archive, bridge, needs, tmp_path, what):
    needs("node")
    if not (HERE / "node_modules/dcmjs-dimse").exists():
        pytest.skip("dcmjs-dimse is not installed (make peers)")
    study = archive.studies[0]

    with storescp(tmp_path / "moved", bridge.dest):
        done = subprocess.run(
            ["node", HERE / "dcmjs_ask.js", str(bridge.port), "CLOUD", what, study, "DEST"],
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
        assert sorted(answer["came"]) == sorted(archive.data_sets(study=study))
    else:
        assert data_sets_in(tmp_path / "moved") == archive.data_sets(study=study)


def test_what_nobody_has_is_neither_found_nor_fetched(bridge, dcmtk, tmp_path):
    target = ("-aet", "WS", "-aec", "CLOUD", "127.0.0.1", bridge.port)
    chosen = ("-k", "0008,0052=STUDY", "-k", "0020,000d=1.2.3.4")

    listed = dcmtk("findscu", "-v", "-S", *target, *chosen)
    dcmtk("getscu", "-S", "+B", "-od", tmp_path, *target, *chosen)

    assert "Find Response: 1" not in listed
    assert not list(tmp_path.iterdir())


def test_what_storescu_stores_is_in_the_cloud_byte_for_byte(archive, bridge, dcmtk, tmp_path):
    new = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    new.StudyInstanceUID, new.SOPInstanceUID = generate_uid(), generate_uid()
    new.file_meta.MediaStorageSOPInstanceUID = new.SOPInstanceUID
    path = tmp_path / "new.dcm"
    new.save_as(path)

    said = dcmtk("storescu", "-v", "-aec", "CLOUD", "127.0.0.1", bridge.port, path)
    got = tmp_path / "got"
    got.mkdir()
    target = ("-aet", "WS", "-aec", "ARCHIVE", "127.0.0.1", archive.port)
    chosen = ("-k", "0008,0052=STUDY", "-k", f"0020,000d={new.StudyInstanceUID}")
    dcmtk("getscu", "-S", "+B", "-od", got, *target, *chosen)

    assert "Status: 0x0000" in said or "Success" in said
    # Orthanc drops the padding behind the pixels.
    [(uid, data_set)] = data_sets_in(got).items()
    assert uid == new.SOPInstanceUID
    assert peer_archives.data_set_of(path.read_bytes()).startswith(data_set)
