"""What clients of others fetch from a gateway that holds real files: bytes, frames, bulk data."""

import base64
import warnings
from io import BytesIO
from urllib.request import Request, urlopen
from zipfile import ZipFile

import pydicom
import pytest
from corpus import corpus_folder
from pydicom.encaps import generate_frames
from test_dicomweb_clients import base, node, python, studies, value  # noqa: F401 - fixtures

from hilum.dicom.part10 import read_file_meta
from hilum.kernel.names import is_uid

EXPLICIT = "1.2.840.10008.1.2.1"
STORED = (("application/dicom", "*"),)
IMAGES = (("image/*", "*"),)
AS_STORED = (("application/octet-stream", "*"),)


@pytest.fixture(scope="session")
def instances(python):  # noqa: F811 - a fixture
    """Every instance that has an address, by its UIDs."""
    found = python.search_for_instances()
    named = [
        tuple(value(one, tag) or "" for tag in ("0020000D", "0020000E", "00080018"))
        for one in found
    ]
    return [one for one in named if all(map(is_uid, one))]


@pytest.fixture(scope="session")
def sent(corpus):
    """The data sets that were sent, by instance: some of the corpus share a UID."""
    by_uid = {}
    for file in corpus:
        by_uid.setdefault(file.instance_uid, []).append(file)
    return by_uid


def even(data_set):
    """Give a data set as it is sent: of an even length."""
    return data_set + bytes(len(data_set) & 1)


def files_of(url, accept):
    with urlopen(Request(url, headers={"Accept": accept})) as answer:
        return answer.read()


def test_instances_are_fetched_as_they_were_sent(base, instances, sent):  # noqa: F811
    compared = 0
    for study, series, uid in instances:
        url = f"{base}/studies/{study}/series/{series}/instances/{uid}"
        content = files_of(url, "application/dicom; transfer-syntax=*")
        meta = read_file_meta(BytesIO(content))
        data_set = content[meta.data_set_offset :]
        # Who sends may have to choose another syntax than a file has.
        alike = [one for one in sent[uid] if one.transfer_syntax == meta.transfer_syntax_uid]
        assert not alike or data_set in [even(one.data_set) for one in alike], uid
        compared += bool(alike)

    assert compared > 100


def test_python_reads_instances_series_and_studies(python, studies):  # noqa: F811
    for study in studies[:25]:
        uid = value(study, "0020000D")
        with warnings.catch_warnings(action="ignore"):
            whole = python.retrieve_study(uid, media_types=STORED)
            assert len(whole) == value(study, "00201208")
            first = whole[0]
            series = python.retrieve_series(uid, first.SeriesInstanceUID, media_types=STORED)
            alone = python.retrieve_instance(
                uid, first.SeriesInstanceUID, first.SOPInstanceUID, media_types=STORED
            )
            assert first.SOPInstanceUID in [one.SOPInstanceUID for one in series]
            assert alone == first  # values are read here


def test_python_is_given_explicit_little_endian_when_it_names_nothing(python, studies):  # noqa: F811
    syntaxes = set()
    for study in studies[:40]:
        with warnings.catch_warnings(action="ignore"):
            for one in python.iter_study(value(study, "0020000D")):
                syntaxes.add(one.file_meta.TransferSyntaxUID)

    assert EXPLICIT in syntaxes
    assert not syntaxes & {"1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"}


def test_python_fetches_frames_that_are_those_of_pydicom(python, instances, sent):  # noqa: F811
    compared = 0
    for study, series, uid in instances:
        if len(sent[uid]) > 1:
            continue
        with warnings.catch_warnings(action="ignore"):
            own = pydicom.dcmread(sent[uid][0].path, force=True)
        if "PixelData" not in own or not own["PixelData"].is_undefined_length:
            continue
        number = int(own.get("NumberOfFrames") or 1)
        frames = list(generate_frames(own.PixelData, number_of_frames=number))
        numbers = [*range(1, min(number, 20) + 1)]
        got = python.retrieve_instance_frames(study, series, uid, numbers, media_types=AS_STORED)
        assert got == frames[: len(numbers)], uid
        compared += 1

    # Where there is no corpus, pydicom's own files stand for it, fifteen of them with frames.
    assert compared > (10 if corpus_folder().name == "test_files" else 20)


def test_python_fetches_pictures_of_codecs_as_such(python, instances, sent):  # noqa: F811
    study, series, uid = next(
        one for one in instances if sent[one[2]][0].transfer_syntax == "1.2.840.10008.1.2.4.90"
    )

    [frame] = python.retrieve_instance_frames(study, series, uid, [1], media_types=IMAGES)

    assert frame.startswith(b"\xff\x4f\xff\x51")


def test_python_follows_addresses_of_bulk_data(python, studies):  # noqa: F811
    followed = 0
    for study in studies:
        for described in python.retrieve_study_metadata(value(study, "0020000D")):
            for element in described.values():
                uri = element.get("BulkDataURI")
                if uri:
                    parts = python.retrieve_bulkdata(uri, media_types=AS_STORED)
                    assert parts
                    followed += 1

    assert followed > 50


def test_python_fetches_a_range_of_bulk_data(python, studies):  # noqa: F811
    for study in studies:
        for described in python.retrieve_study_metadata(value(study, "0020000D")):
            uri = described.get("7FE00010", {}).get("BulkDataURI")
            if uri:
                request = Request(
                    uri, headers={"Accept": "application/octet-stream", "Range": "bytes=2-9"}
                )
                try:
                    with urlopen(request) as answer:
                        assert (answer.status, len(answer.read())) == (206, 8)
                        return
                except OSError:
                    continue
    pytest.fail("no instance has plain pixels")


def test_node_fetches_what_python_does(node, python, instances):  # noqa: F811
    study, series, uid = instances[0]
    named = {"studyInstanceUID": study, "seriesInstanceUID": series, "sopInstanceUID": uid}

    instance, whole, frames = node(
        ("retrieveInstance", named),
        ("retrieveStudy", {"studyInstanceUID": study}),
        ("retrieveInstanceFrames", {**named, "frameNumbers": "1"}),
    )

    assert base64.b64decode(instance["bytes"][0])[128:132] == b"DICM"
    with warnings.catch_warnings(action="ignore"):
        assert len(whole["bytes"]) == len(python.retrieve_study(study, media_types=STORED))
    assert "bytes" in frames or frames["status"] in {404, 406}


def test_a_zip_of_a_study_has_all_its_files(base, studies):  # noqa: F811
    for study in studies[:10]:
        content = files_of(f"{base}/studies/{value(study, '0020000D')}", "application/zip")
        archive = ZipFile(BytesIO(content))
        assert archive.testzip() is None
        assert len(archive.namelist()) == value(study, "00201208")
