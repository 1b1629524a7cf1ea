"""`hilum find`, `get` and `move` against archives of others: DCMTK's dcmqrscp, and Orthanc."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid
from trials.gateway import free_port

SRC = Path(__file__).parents[2] / "src"
# (patient's name, character set, study date, modality, series, instances in each)
STUDIES = (
    ("Müller^Jürgen", "ISO_IR 100", "20240131", "CT", 2, 2),
    ("Muller^Hans", "ISO_IR 100", "20250615", "MR", 1, 3),
    ("Щука", "ISO_IR 144", "20250701", "CT", 1, 1),
    ("Yamada^Tarou=山田^太郎=やまだ^たろう", "ISO_IR 192", "20260203", "CT", 1, 1),
)


@pytest.fixture(scope="module")
def instances(tmp_path_factory):
    """Files of all studies; gives the folder and the study UIDs in their order."""
    folder = tmp_path_factory.mktemp("studies")
    uids = []
    for number, (name, charset, date, modality, series, count) in enumerate(STUDIES):
        study = generate_uid()
        uids.append(study)
        for _ in range(series):
            series_uid = generate_uid()
            for index in range(count):
                one = _instance(number, name, charset, date, modality)
                one.StudyInstanceUID, one.SeriesInstanceUID = study, series_uid
                one.InstanceNumber = index + 1
                one.save_as(folder / f"{one.SOPInstanceUID}.dcm")
    return folder, uids


def _instance(number, name, charset, date, modality):
    source = "CT_small.dcm" if modality == "CT" else "MR_small.dcm"
    data_set = pydicom.dcmread(get_testdata_file(source))
    data_set.SpecificCharacterSet = charset
    data_set.PatientName, data_set.PatientID = name, f"P{number}"
    data_set.StudyDate, data_set.Modality = date, modality
    data_set.AccessionNumber = f"A{number}"
    data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return data_set


@pytest.fixture(scope="module", params=["dcmqrscp", "Orthanc"])
def archive(request, tmp_path_factory, peer_environment, instances):
    """An archive with all studies; gives its address, and the port where it thinks we are."""
    folder = tmp_path_factory.mktemp("archive")
    with _running(request.param, folder, peer_environment) as (address, ours):
        done = hilum("send", address, instances[0], "--quiet")
        assert done.returncode == 0, done.stdout + done.stderr
        yield address, ours


@contextmanager
def _running(program, folder, peer_environment):
    if shutil.which(program, path=peer_environment["PATH"]) is None:
        pytest.skip(f"{program} is not installed (make peers)")
    port, ours = free_port(), free_port()
    command = {"dcmqrscp": _dcmqrscp, "Orthanc": _orthanc}[program](folder, port, ours)
    process = subprocess.Popen(
        command,
        env=peer_environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield f"ARCHIVE@127.0.0.1:{port}", ours
    finally:
        process.terminate()
        process.wait(20)


def _dcmqrscp(folder, port, ours):
    (folder / "db").mkdir()
    (folder / "qr.cfg").write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 131072\nMaxAssociations = 16\n"
        "HostTable BEGIN\n"
        f"us = (HILUM, 127.0.0.1, {ours})\nnobody = (NOBODY, 127.0.0.1, {free_port()})\n"
        "HostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nARCHIVE {folder}/db RW (200, 1024mb) ANY\nAETable END\n"
    )
    return ["dcmqrscp", "-c", folder / "qr.cfg"]


def _orthanc(folder, port, ours):
    configuration = {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "HttpServerEnabled": False,
        "DefaultEncoding": "Utf8",  # what it answers in, whatever the question is in
        "DicomPort": port,
        "DicomAet": "ARCHIVE",
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowMove": True,
        "DicomModalities": {
            "us": ["HILUM", "127.0.0.1", ours],
            "nobody": ["NOBODY", "127.0.0.1", free_port()],
        },
        "Plugins": [],
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration))
    return ["Orthanc", folder / "orthanc.json"]


def _wait_for(port, process):
    for _ in range(400):
        assert process.poll() is None, "the archive ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the archive does not listen")


def hilum(*arguments):
    return subprocess.run(
        _command(arguments), env=_environment(), capture_output=True, text=True, check=False
    )


def _command(arguments):
    return [sys.executable, "-m", "hilum", *[str(argument) for argument in arguments]]


def _environment():
    return {**os.environ, "PYTHONPATH": str(SRC), "PYTHONUTF8": "1"}


def found(address, *arguments):
    done = hilum("find", address, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def names(matches):
    return {match["00100010"]["Value"][0].get("Alphabetic") for match in matches}


def test_names_come_in_every_character_set(archive):
    matches = found(archive[0])

    assert names(matches) == {"Müller^Jürgen", "Muller^Hans", "Щука", "Yamada^Tarou"}


@pytest.mark.parametrize(
    ("arguments", "patients"),
    [
        (["--name", "M*"], {"Müller^Jürgen", "Muller^Hans"}),
        (["--name", "Müller*"], {"Müller^Jürgen"}),
        (["--name", "M?ller^Hans"], {"Muller^Hans"}),
        (["--date", "2025"], {"Muller^Hans", "Щука"}),
        (["--date", "20250616-"], {"Щука", "Yamada^Tarou"}),
        (["--date=-202412"], {"Müller^Jürgen"}),
        (["--patient", "P1"], {"Muller^Hans"}),
        (["--accession", "A0"], {"Müller^Jürgen"}),
        (["-k", "0010,0020=P2"], {"Щука"}),
        (["--name", "Nobody*"], set()),
    ],
)
def test_studies_are_found_by(archive, arguments, patients):
    assert names(found(archive[0], *arguments)) == patients


def test_every_level_answers(archive, instances):
    address, study = archive[0], instances[1][0]
    patients = found(address, "-L", "patient")
    series = found(address, "-L", "series", "--study", study)
    first = series[0]["0020000E"]["Value"][0]
    images = found(address, "-L", "image", "--study", study, "--series", first)

    assert names(patients) == {"Müller^Jürgen", "Muller^Hans", "Щука", "Yamada^Tarou"}
    assert [one["00080060"]["Value"] for one in series] == [["CT"], ["CT"]]
    assert sorted(int(one["00200013"]["Value"][0]) for one in images) == [1, 2]


def test_a_limit_cancels_and_releases(archive):
    done = hilum("find", archive[0], "--limit", 1)

    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 2
    assert "there are more" in done.stderr


def files_in(folder):
    return {path.stem: pydicom.dcmread(path) for path in folder.rglob("*.dcm")}


def test_get_brings_whole_studies_as_they_are_stored(archive, instances, tmp_path):
    done = hilum("get", archive[0], "--name", "M*", "--to", tmp_path, "--quiet")

    assert done.returncode == 0, done.stdout + done.stderr
    files = files_in(tmp_path)
    assert len(files) == 7
    assert {str(one.PatientName) for one in files.values()} == {"Müller^Jürgen", "Muller^Hans"}
    for uid, one in files.items():
        sent = pydicom.dcmread(instances[0] / f"{uid}.dcm")
        assert one.PixelData == sent.PixelData
        assert one.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID


def test_get_leaves_compressed_instances_as_they_are(tmp_path, peer_environment):
    """Not with dcmqrscp, which sends RLE on the context of another syntax."""
    source = get_testdata_file("MR_small_RLE.dcm")
    study = pydicom.dcmread(source).StudyInstanceUID
    (tmp_path / "archive").mkdir()
    # One of its own: the others find what is in theirs.
    with _running("Orthanc", tmp_path / "archive", peer_environment) as (address, _):
        assert hilum("send", address, source, "-q").returncode == 0

        done = hilum("get", address, "--study", study, "--to", tmp_path / "got", "-q")
    (got,) = files_in(tmp_path / "got").values()

    assert done.returncode == 0, done.stdout + done.stderr
    assert got.file_meta.TransferSyntaxUID == pydicom.uid.RLELossless
    assert got.PixelData == pydicom.dcmread(source).PixelData


@pytest.mark.parametrize("level", ["series", "image"])
def test_get_brings_less_than_a_study(archive, instances, tmp_path, level):
    address, study = archive[0], instances[1][0]
    series = found(address, "-L", "series", "--study", study)[0]["0020000E"]["Value"][0]
    arguments = ["--study", study, "--series", series]
    if level == "image":
        (first, _) = found(address, "-L", "image", *arguments)
        arguments += ["--instance", first["00080018"]["Value"][0]]

    done = hilum("get", address, *arguments, "--to", tmp_path, "--quiet")

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(files_in(tmp_path)) == (2 if level == "series" else 1)


def test_get_of_a_patient(archive, tmp_path):
    done = hilum("get", archive[0], "-L", "patient", "--patient", "P1", "--to", tmp_path, "-q")

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(files_in(tmp_path)) == 3


def test_move_to_ourselves(archive, instances, tmp_path):
    address, ours = archive
    study = instances[1][0]

    done = hilum("move", address, "--study", study, "--to", tmp_path, "--port", ours, "-q", "-v")

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(files_in(tmp_path)) == 4
    assert "opened an association" in done.stderr


def test_move_to_somebody_who_is_not_there_says_so(archive, instances):
    done = hilum("move", archive[0], "--study", instances[1][0], "-aem", "NOBODY", "-q")

    assert done.returncode == 1
    assert "0 instances moved" in done.stdout
    assert "can it reach it there" in done.stdout


def test_move_to_somebody_unknown_says_what_to_configure(archive, instances):
    done = hilum("move", archive[0], "--study", instances[1][0], "-aem", "STRANGER", "-q")

    assert done.returncode == 1
    # Orthanc answers C000 where the standard has A801.
    assert "'STRANGER'" in done.stdout
    assert "destination" in done.stdout


def test_a_peer_that_dcmtk_sends_to(needs, instances, tmp_path, peer_environment):
    needs("storescu")
    port = free_port()
    receiver = subprocess.Popen(
        _command(["recv", tmp_path / "in", port, "-q"]),
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "listening" in receiver.stderr.readline()

    sent = subprocess.run(
        ["storescu", "-R", "+sd", "-xr", "-aec", "X", "127.0.0.1", str(port), instances[0]],
        env={**peer_environment, "PATH": f"/usr/bin:{peer_environment['PATH']}"},  # DCMTK's own
        check=False,
    )
    receiver.send_signal(signal.SIGINT)
    said, _ = receiver.communicate(timeout=20)

    assert sent.returncode == 0
    assert receiver.returncode == 0
    assert said.startswith("9 instances in ")
    assert len(files_in(tmp_path / "in")) == 9
