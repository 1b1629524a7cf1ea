"""Clients of DICOMweb use archives that only know DIMSE as if they were web archives."""

import io
import json
import shutil
import subprocess
import urllib.request
from pathlib import Path

import peer_archives
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from peer_archives import asked, data_set_of
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid
from trials.gateway import Settings
from trials.targets import GatewayTarget

SCRIPT = Path(__file__).with_name("dicomweb_client.js")
DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'


@pytest.fixture(scope="module", params=["dcmqrscp", "orthanc"])
def archive(request, tmp_path_factory, peer_environment):
    is_plain = request.param == "dcmqrscp"
    files, studies = peer_archives.make_files(
        tmp_path_factory.mktemp("files"), compressed=not is_plain
    )
    folder = tmp_path_factory.mktemp("archive")
    more = {} if is_plain else {"has_web": False}
    start = getattr(peer_archives, request.param)
    with start(folder, peer_environment, files, studies, **more) as running:
        yield running


@pytest.fixture(scope="module", params=["get", "move"])
def bridge(request, tmp_path_factory, gateway_logs, archive):
    """A gateway whose entity OLD is an archive that is fetched from by C-GET, or by C-MOVE."""
    more = (
        f'[destinations.pacs]\ntype = "dimse"\nhost = "127.0.0.1"\nport = {archive.port}\n'
        f'ae_title = "{peer_archives.TITLE}"\narchive = {{ retrieve = "{request.param}" }}\n'
        '[entities.OLD]\nanswers = ["pacs"]\nstores = { through = "pacs" }\n'
        "deadline_seconds = 30\n"  # archives that fork are slow on a busy machine
    )
    settings = Settings(level="debug", durability="process", more=more)
    gateway = GatewayTarget(tmp_path_factory.mktemp("gateway"), settings)
    if request.param == "move":
        gateway.port = archive.known_ports["HILUM"]  # where the archive moves things to
    gateway_logs.append(gateway.log)
    gateway.start()
    gateway.root = f"http://127.0.0.1:{gateway.web_port}/aets/OLD/rs"
    yield gateway
    gateway.stop()


def value(found, tag):
    return found.get(tag, {}).get("Value", [None])[0]


def test_python_finds_all_of_it(archive, bridge):
    client = DICOMwebClient(bridge.root)

    studies = client.search_for_studies()
    names = {value(one, "0020000D"): value(one, "00100010") for one in studies}

    assert set(names) >= set(archive.studies)  # others are stored by a test below
    for study, (name, *_) in zip(archive.studies, peer_archives.STUDIES, strict=True):
        alphabetic, *others = name.split("=")
        assert names[study]["Alphabetic"] == alphabetic
        assert names[study].get("Ideographic", "") == (others[0] if others else "")
    for study, series, instance in archive.places():
        assert series in [value(one, "0020000E") for one in client.search_for_series(study)]
        found = client.search_for_instances(study, series)
        assert instance in [value(one, "00080018") for one in found]
    flat = {value(one, "00080018") for one in client.search_for_instances()}
    assert flat >= set(archive.files)


@pytest.mark.parametrize(
    ("keys", "numbers"),
    [
        ({"PatientID": "P1"}, {1}),
        ({"PatientName": "M*"}, {0, 1}),
        ({"StudyDate": "20250101-20251231"}, {1, 2}),
        ({"ModalitiesInStudy": "MR"}, {1}),
        ({"AccessionNumber": "A3"}, {3}),
        ({"PatientID": "NOBODY"}, set()),
    ],
    ids=str,
)
def test_python_finds_what_it_looks_for(archive, bridge, keys, numbers):
    found = DICOMwebClient(bridge.root).search_for_studies(search_filters=keys)

    wanted = {archive.studies[number] for number in numbers}
    assert {value(one, "0020000D") for one in found} == wanted


def test_pages_of_a_search_make_up_the_whole(archive, bridge):
    paged = []
    while page := asked(f"{bridge.root}/instances?limit=3&offset={len(paged)}"):
        paged += [value(one, "00080018") for one in page]

    assert len(paged) == len(set(paged))
    assert set(paged) >= set(archive.files)


def test_python_fetches_studies_series_and_instances(archive, bridge):
    client = DICOMwebClient(bridge.root)
    study, series, instance = archive.places()[0]

    fetched = {
        "study": client.retrieve_study(study),
        "series": client.retrieve_series(study, series),
        "instance": [client.retrieve_instance(study, series, instance)],
    }

    assert len(fetched["study"]) == len(archive.data_sets(study=study))
    assert len(fetched["series"]) == len(archive.data_sets(series=series))
    held = pydicom.dcmread(archive.files[instance][0])
    assert fetched["instance"][0].PixelData == held.PixelData


def parts_of(url):
    """Give the data sets of a multipart answer, by SOP Instance UID."""
    request = urllib.request.Request(url, headers={"Accept": DICOM})
    with urllib.request.urlopen(request, timeout=60) as answer:
        boundary = answer.headers.get_param("boundary")
        body = answer.read()
    data_sets = {}
    for part in body.split(b"--" + boundary.encode())[1:-1]:
        content = part[part.index(b"\r\n\r\n") + 4 : -2]
        read = pydicom.dcmread(io.BytesIO(content), specific_tags=["SOPInstanceUID"])
        data_sets[str(read.SOPInstanceUID)] = data_set_of(content)
    return data_sets


def test_every_byte_is_the_archives(archive, bridge):
    for study in archive.studies:
        assert parts_of(f"{bridge.root}/studies/{study}") == archive.data_sets(study=study)


def test_metadata_is_that_of_the_files(archive, bridge):
    for study in archive.studies:
        described = asked(f"{bridge.root}/studies/{study}/metadata")
        for one in described:
            held = pydicom.dcmread(archive.files[value(one, "00080018")][0])
            assert value(one, "00100020") == held.PatientID
            assert value(one, "00280010") == held.Rows
            assert value(one, "0020000E") == held.SeriesInstanceUID
            assert "7FE00010" in one
        assert len(described) == len(archive.data_sets(study=study))


def test_frames_bulk_data_and_pictures_come_of_what_was_fetched(archive, bridge):
    client = DICOMwebClient(bridge.root)
    study, series, instance = archive.places()[0]
    held = pydicom.dcmread(archive.files[instance][0])

    [frame] = client.retrieve_instance_frames(study, series, instance, [1])
    picture = client.retrieve_instance_rendered(study, series, instance)

    assert frame == held.PixelData
    assert picture[:4] in (b"\x89PNG", b"\xff\xd8\xff\xe0")


def test_what_is_not_there_is_not_found(bridge):
    with pytest.raises(urllib.error.HTTPError) as refused:
        asked(f"{bridge.root}/studies/1.2.3.4", accept=DICOM)

    assert refused.value.code == 404
    refused.value.close()
    assert (asked(f"{bridge.root}/studies?StudyInstanceUID=1.2.3.4") or []) == []


def test_npm_client_finds_and_fetches(archive, bridge, needs):
    needs("node")
    if not (SCRIPT.parent / "node_modules/dicomweb-client").exists():
        pytest.skip("dicomweb-client is not installed (make peers)")
    study, series, instance = archive.places()[0]
    place = {
        "studyInstanceUID": study,
        "seriesInstanceUID": series,
        "sopInstanceUID": instance,
    }
    calls = [
        {"call": "searchForStudies", "options": {"queryParams": {"PatientID": "P0"}}},
        {"call": "retrieveSeriesMetadata", "options": place},
        {"call": "retrieveInstance", "options": place},
    ]

    done = subprocess.run(
        ["node", SCRIPT, bridge.root],
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    searched, described, fetched = json.loads(done.stdout)
    assert [value(one, "0020000D") for one in searched["value"]] == [study]
    assert len(described["value"]) == len(archive.data_sets(series=series))
    assert len(fetched["bytes"]) == 1


def test_what_is_stored_over_http_is_in_the_archive(archive, bridge, tmp_path):
    new = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    new.StudyInstanceUID, new.SOPInstanceUID = generate_uid(), generate_uid()
    new.file_meta.MediaStorageSOPInstanceUID = new.SOPInstanceUID
    written = io.BytesIO()
    new.save_as(written)

    DICOMwebClient(bridge.root).store_instances([new])
    program = shutil.which("getscu", path="/usr/bin:/usr/local/bin")
    subprocess.run(
        [
            *(program, "-S", "+B", "-aet", "WS", "-aec", peer_archives.TITLE, "-od", tmp_path),
            *("-k", "0008,0052=STUDY", "-k", f"0020,000d={new.StudyInstanceUID}"),
            *("127.0.0.1", str(archive.port)),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )

    [path] = tmp_path.iterdir()
    assert pydicom.dcmread(path).PixelData == new.PixelData
