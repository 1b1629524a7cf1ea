"""Clients of DICOMweb that others made, against a gateway that holds real files."""

import json
import shutil
import subprocess
import warnings
from collections import Counter
from pathlib import Path

import pydicom
import pytest
from conftest import PEER_SECONDS_MAX
from dicomweb_client.api import DICOMwebClient

SCRIPT = Path(__file__).with_name("dicomweb_client.js")
# Of these, what a data set says is read as it stands; others mean bulk data or computed values.
COMPARED = frozenset(
    ("AE", "AS", "CS", "DA", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "US", "UT")
)


@pytest.fixture(scope="session")
def base(archive_gateway):
    return f"http://127.0.0.1:{archive_gateway.web_port}/dicom-web"


@pytest.fixture(scope="session")
def python(base):
    return DICOMwebClient(base)


@pytest.fixture
def node(base):
    """Call methods of the JavaScript client: a list of (name, options) becomes one of results."""
    if (
        shutil.which("node") is None
        or not (SCRIPT.parent / "node_modules/dicomweb-client").exists()
    ):
        pytest.skip("dicomweb-client is not installed (make peers)")

    def call(*calls, root=base):
        asked = [{"call": name, "options": options} for name, options in calls]
        done = subprocess.run(
            ["node", str(SCRIPT), root],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=PEER_SECONDS_MAX,
            check=True,
        )
        return json.loads(done.stdout)

    return call


def value(data_set, tag):
    return data_set.get(tag, {}).get("Value", [None])[0]


@pytest.fixture(scope="session")
def studies(python):
    """All studies that have an address."""
    found = python.search_for_studies(get_remaining=True)
    return [one for one in found if "00081190" in one]


def test_python_finds_each_study_by_what_it_says_of_it(python, studies):
    assert len(studies) > 20
    for study in studies[:40]:
        filters = {
            "StudyInstanceUID": value(study, "0020000D"),
            "StudyDate": value(study, "00080020") or "",
            "PatientID": value(study, "00100020") or "",
            "ModalitiesInStudy": value(study, "00080061") or "",
        }
        [again] = python.search_for_studies(search_filters=filters)
        assert again == study


def test_python_pages_through_all_without_missing_or_repeating_any(python, studies):
    paged = []
    while page := python.search_for_studies(limit=7, offset=len(paged)):
        paged += page

    assert [one for one in paged if "00081190" in one] == studies


def test_python_finds_series_and_instances_at_every_level(python, studies):
    flat = Counter(value(one, "0020000D") for one in python.search_for_instances())
    for study in studies[:10]:
        uid = value(study, "0020000D")
        series = python.search_for_series(uid)
        found = [
            instance
            for one in series
            for instance in python.search_for_instances(uid, value(one, "0020000E"))
        ]
        assert len(series) == value(study, "00201206")
        assert len(found) == len(python.search_for_instances(uid)) == value(study, "00201208")
        assert flat[uid] == len(found)


def test_python_is_given_the_fields_it_asks_for(python, studies):
    uid = value(studies[0], "0020000D")

    [found] = python.search_for_studies(
        search_filters={"StudyInstanceUID": uid},
        fields=["StudyDescription", "00081030", "00321060"],
    )

    assert {"00081030", "00321060"} <= found.keys()


def test_python_finds_names_by_wildcards_and_sounds(python, studies):
    named = next(one for one in studies if "Alphabetic" in (value(one, "00100010") or {}))
    name = value(named, "00100010")["Alphabetic"]

    wild = python.search_for_studies(search_filters={"PatientName": f"{name[:3].lower()}*"})
    fuzzy = python.search_for_studies(
        fuzzymatching=True, search_filters={"PatientName": name.partition("^")[0]}
    )

    assert named in wild
    assert named in fuzzy


def test_python_reads_of_each_instance_what_its_file_says(python, studies, corpus):
    """Metadata equals pydicom's reading, value by value."""
    once = [
        uid for uid, number in Counter(one.instance_uid for one in corpus).items() if number == 1
    ]
    files = {file.instance_uid: file.path for file in corpus if file.instance_uid in once}
    compared = 0
    wrong = []
    for study in studies:
        for described in python.retrieve_study_metadata(value(study, "0020000D")):
            path = files.get(value(described, "00080018"))
            if path is not None:
                own = read_by_pydicom(path)
                compared += len(own)
                wrong += [(path.name, tag) for tag in own if not same(described, own, tag)]

    assert not wrong
    assert compared > 1000


def read_by_pydicom(path):
    with warnings.catch_warnings(action="ignore"):
        data_set = pydicom.dcmread(path, force=True, stop_before_pixels=True)
        read = {}
        for element in data_set:
            if element.VR in COMPARED and element.tag != 0x00080005:
                one = pydicom.Dataset()
                one.add(element)
                read |= json.loads(one.to_json())
    return {tag: element for tag, element in read.items() if element.get("Value")}


def same(described, own, tag):
    """Compare values; pydicom knows VRs of private attributes, and keeps spaces between values."""
    ours = described.get(tag, {})
    if ours.get("vr") == "UN" or "BulkDataURI" in ours:
        return True
    return [plain(one) for one in ours.get("Value", [])] == [
        plain(one) for one in own[tag]["Value"]
    ]


def plain(one):
    return "" if one is None else str(one).strip()


def test_python_reads_metadata_at_every_level_alike(python, studies):
    for study in studies[:10]:
        uid = value(study, "0020000D")
        whole = python.retrieve_study_metadata(uid)
        for one in whole[:3]:
            series, instance = value(one, "0020000E"), value(one, "00080018")
            assert python.retrieve_instance_metadata(uid, series, instance) == one
            assert one in python.retrieve_series_metadata(uid, series)


def test_node_finds_and_reads_what_python_does(node, python, studies):
    uid = value(studies[0], "0020000D")
    [series] = python.search_for_series(uid)[:1]
    series_uid = value(series, "0020000E")
    instance_uid = value(python.search_for_instances(uid, series_uid)[0], "00080018")
    named = {"studyInstanceUID": uid, "seriesInstanceUID": series_uid}

    found = node(
        ("searchForStudies", {"queryParams": {"StudyInstanceUID": uid}}),
        ("searchForSeries", {"studyInstanceUID": uid}),
        ("searchForInstances", named),
        ("searchForInstances", {}),
        ("retrieveStudyMetadata", {"studyInstanceUID": uid}),
        ("retrieveSeriesMetadata", named),
        ("retrieveInstanceMetadata", {**named, "sopInstanceUID": instance_uid}),
        ("searchForStudies", {"queryParams": {"StudyInstanceUID": "1.2.3.4.5.6"}}),
        ("searchForStudies", {"queryParams": {"limit": "x"}}),
    )

    values = [one.get("value") for one in found]
    assert values[0] == python.search_for_studies(search_filters={"StudyInstanceUID": uid})
    assert values[1] == python.search_for_series(uid)
    assert values[2] == python.search_for_instances(uid, series_uid)
    assert values[3] == python.search_for_instances()
    assert values[4] == python.retrieve_study_metadata(uid)
    assert values[5] == python.retrieve_series_metadata(uid, series_uid)
    assert values[6] == [python.retrieve_instance_metadata(uid, series_uid, instance_uid)] or (
        values[6] == python.retrieve_instance_metadata(uid, series_uid, instance_uid)
    )
    assert values[7] == []
    assert found[8]["status"] == 400
