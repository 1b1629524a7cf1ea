"""`?dicomdir=true`: a ZIP that makes a disc, as pydicom's FileSet reads it."""

import io
import re
import warnings
import zipfile

import pytest
from pydicom import fileset
from web_retrieval import WebRig, header

from hilum.sources.web import medium
from hilum.sources.web.door import ROOT
from hilum.testing.datasets import instance


@pytest.fixture
def rig():
    made = WebRig()
    yield made
    assert made.payloads.open_now == 0


@pytest.fixture
def made(rig):
    kept = [instance(seed=seed) for seed in range(3)] + [instance(seed=9, series=1)]
    for one in kept:
        rig.keep(one)
    return kept


class Folder:
    """What a FileSet wants for changes, which nobody makes here; its own ones warn at their end."""

    def __init__(self):
        self.name = "/nowhere"

    def cleanup(self):
        pass


@pytest.fixture
def file_set(tmp_path, monkeypatch):
    """Unpack an answer, and read its directory as pydicom does."""
    monkeypatch.setattr(fileset, "TemporaryDirectory", Folder)

    def read(answer):
        archive = zipfile.ZipFile(io.BytesIO(answer.content))
        assert archive.testzip() is None
        archive.extractall(tmp_path)
        with warnings.catch_warnings(action="error"):
            return fileset.FileSet(tmp_path / "DICOMDIR")

    return read


def medium_of(rig, made, accept="*/*", dicomdir="true", **headers):
    named = {"accept": accept} | {name.replace("_", "-"): one for name, one in headers.items()}
    address = f"{ROOT}/studies/{made[0].study_instance_uid}"
    return rig.client.get(address, params={"dicomdir": dicomdir}, headers=named)


def test_a_study_is_a_file_set(rig, made, file_set):
    answer = medium_of(rig, made)

    assert (answer.status_code, header(answer, "content-type")) == (200, "application/zip")
    assert int(header(answer, "content-length")) == len(answer.content)
    found = file_set(answer)
    assert {one.SOPInstanceUID for one in found} == {one.sop_instance_uid for one in made}
    for one in found:
        loaded = one.load()
        assert loaded.SOPInstanceUID == one.SOPInstanceUID
        assert loaded.PatientID == one.PatientID
        assert loaded.SeriesNumber == one.SeriesNumber
        assert loaded.InstanceNumber == one.InstanceNumber


def test_names_are_those_of_a_disc(rig, made):
    archive = zipfile.ZipFile(io.BytesIO(medium_of(rig, made).content))

    names = archive.namelist()

    assert names[:2] == ["DICOMDIR", "DICOM/ST000001/SE000001/IM000001"]
    for name in names:
        assert all(re.fullmatch(r"[A-Z0-9_]{1,8}", part) for part in name.split("/")), name


def test_what_cannot_be_read_is_not_in_the_directory(rig, made, file_set):
    rig.payloads.remove("2.dcm")

    answer = medium_of(rig, made)

    assert answer.status_code == 206
    assert "left out" in header(answer, "warning")
    assert len(file_set(answer)) == 3


def test_what_has_no_metadata_is_in_the_directory_all_the_same(rig, made, file_set):
    rig.archive.without_metadata.add(made[1].sop_instance_uid)

    answer = medium_of(rig, made)

    found = file_set(answer)
    assert {one.SOPInstanceUID for one in found} == {one.sop_instance_uid for one in made}


def test_who_has_it_gets_nothing(rig, made):
    tag = header(medium_of(rig, made), "etag")

    assert medium_of(rig, made, if_none_match=tag).status_code == 304
    assert tag != header(
        rig.get(f"/studies/{made[0].study_instance_uid}", "application/zip"), "etag"
    )


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"dicomdir": "maybe"}, 400),
        ({"accept": "application/dicom"}, 406),
        ({"dicomdir": "false", "accept": "application/dicom"}, 406),
    ],
)
def test_what_is_no_medium_is_refused(rig, made, asked, status):
    assert medium_of(rig, made, **asked).status_code == status


def test_without_it_an_archive_has_no_directory(rig, made):
    answer = medium_of(rig, made, "application/zip", dicomdir="false")

    assert "DICOMDIR" not in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()


def test_there_is_a_most_for_one_medium(rig, made, monkeypatch):
    monkeypatch.setattr(medium, "INSTANCES_MAX", 3)

    answer = medium_of(rig, made)

    assert (answer.status_code, "at most 3" in answer.json()["detail"]) == (413, True)
