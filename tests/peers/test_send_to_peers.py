"""`hilum send` and `hilum echo` against receivers of other makers, as real processes."""

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pydicom
import pytest
from dicom_receivers import ask, dcmqrscp, orthanc, storescp
from tls_files import make_tls_files

from hilum.dicom.part10 import read_file_meta
from hilum.testing.datasets import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    MR,
    SECONDARY_CAPTURE,
    instance,
    write_part10,
)

HILUM = [sys.executable, "-c", "from hilum.cli import main; main()"]
COUNT = 40


def hilum(*arguments, **options):
    return subprocess.run(
        [*HILUM, *map(str, arguments)],
        capture_output=True, text=True, timeout=100, check=False, **options,
    )  # fmt: skip


def sent(port, *arguments, title="ANY-SCP"):
    """Send, and give the exit code and the summary."""
    done = hilum("send", f"{title}@127.0.0.1:{port}", *arguments, "--json")
    assert not done.stderr or "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def several(tmp_path):
    """Instances of several classes, in two syntaxes, of several sizes."""
    made = [
        instance(
            seed=number,
            study=number // 10,
            sop_class=(MR, SECONDARY_CAPTURE)[number % 2],
            syntax=(EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)[number // 2 % 2],
            pixel_bytes=(2, 8192, 131_072, 2_097_152)[number % 4],
        )
        for number in range(COUNT)
    ]
    (tmp_path / "study").mkdir()
    for number, each in enumerate(made):
        write_part10(tmp_path / "study" / f"{number}", each)
    return made


def data_sets(folder: Path):
    """Read what a receiver wrote: SOP instance UID to the bytes of the data set."""
    found = {}
    for path in folder.iterdir():
        if path.suffix == ".log":
            continue
        with path.open("rb") as stream:
            meta = read_file_meta(stream)
            stream.seek(meta.data_set_offset)
            found[meta.sop_instance_uid] = stream.read()
    return found


@pytest.mark.parametrize("associations", [1, 3])
def test_storescp_gets_every_data_set_byte_for_byte(tmp_path, several, associations):
    with storescp(tmp_path / "out", "+B", "--fork") as port:
        code, summary = sent(port, tmp_path / "study", "--associations", associations)

    assert (code, summary["sent"]) == (0, COUNT)
    expected = {each.sop_instance_uid: each.data_set for each in several}
    assert data_sets(tmp_path / "out") == expected


@pytest.mark.usefixtures("several")
def test_storescp_with_nagle_and_small_pdus_is_no_reason_to_wait(tmp_path):
    """Without quick acknowledgements this took 40 ms an instance (Nagle against delayed ACK)."""
    with storescp(tmp_path / "out", "-pdu", 4096) as port:
        code, summary = sent(port, tmp_path / "study")

    assert code == 0
    assert summary["seconds"] < 40 * 0.044


@pytest.mark.usefixtures("several")
def test_orthanc_has_every_instance_after_success(tmp_path):
    with orthanc(tmp_path / "orthanc") as (port, root):
        code, summary = sent(port, tmp_path / "study", "--associations", 2, title="ORTHANC")
        statistics = ask(f"{root}/statistics")

    assert (code, summary["sent"]) == (0, COUNT)
    assert statistics["CountInstances"] == COUNT


@pytest.mark.usefixtures("several")
def test_dcmqrscp_has_every_instance_after_success(tmp_path):
    with dcmqrscp(tmp_path / "qr") as port:
        code, _ = sent(port, tmp_path / "study", title="QRSCP")

    assert code == 0
    assert len(list((tmp_path / "qr" / "db").glob("*.dcm"))) == COUNT


def test_the_corpus_arrives_byte_for_byte_in_every_transfer_syntax(tmp_path, corpus):
    """What storescp cannot take is named; what it answered success for is what was in a file."""
    names = tmp_path / "names"
    names.write_text("\n".join(str(each.path) for each in corpus))
    # DCMTK aborts on an odd number of bytes (PS3.8 §E.1): these get a zero byte.
    data_sets_of_files = {each.data_set + b"\0" * (len(each.data_set) % 2) for each in corpus}

    with storescp(tmp_path / "out", "+B", "+xa", "--promiscuous") as port:
        _, summary = sent(port, "--from-list", names, "--damaged")

    received = data_sets(tmp_path / "out")
    assert summary["sent"] > 0.9 * summary["instances"]
    assert summary["bad_files"] == []
    assert len(received) > 0.8 * summary["sent"]  # some files are copies of each other
    assert [uid for uid, each in received.items() if each not in data_sets_of_files] == []


def test_compressed_instances_are_not_decompressed_behind_anybody_s_back(tmp_path):
    """The default storescp takes no compressed syntax: that is said, not repaired."""
    source = Path(pydicom.__file__).parent / "data" / "test_files"
    files = [source / "MR_small_RLE.dcm", source / "MR_small.dcm"]
    with storescp(tmp_path / "out") as port:
        done = hilum("send", f"127.0.0.1:{port}", *files)

    assert done.returncode == 1
    assert "1 of 2 instances sent" in done.stdout
    assert "refused MR Image Storage in RLE Lossless" in done.stdout
    assert "it does not support the transfer syntax (PS3.8 Table 9-18, 4)" in done.stdout


@pytest.mark.parametrize("repeat", [1, 20])
def test_every_receiver_answers_echoes(tmp_path, repeat):
    with storescp(tmp_path / "out") as port:
        done = hilum("echo", "127.0.0.1", port, "-v", "-aec", "X", "--repeat", repeat)
    with orthanc(tmp_path / "orthanc") as (port, _):
        other = hilum("echo", f"ORTHANC@127.0.0.1:{port}", "--repeat", repeat)

    assert (done.returncode, other.returncode) == (0, 0)
    assert "OFFIS_DCMTK" in done.stdout
    assert "Success (0x0000)" in other.stdout


def test_orthanc_s_refusals_are_explained(tmp_path):
    with orthanc(tmp_path / "orthanc", DicomAlwaysAllowEcho=False) as (port, _):
        wrong_title = hilum("echo", f"WRONG@127.0.0.1:{port}")
        unknown_caller = hilum("echo", f"ORTHANC@127.0.0.1:{port}")

    assert (wrong_title.returncode, unknown_caller.returncode) == (1, 1)
    assert "called AE title not recognized (PS3.8 Table 9-21, 1/7)" in wrong_title.stderr
    assert "does it know 'HILUM' and allow it echoes?" in unknown_caller.stderr


def test_storescp_that_refuses_everybody_is_named(tmp_path):
    with storescp(tmp_path / "out", "--refuse") as port:
        done = hilum("echo", f"127.0.0.1:{port}")

    assert done.returncode == 1
    assert "rejected our association" in done.stderr


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize("when", ["--abort-during", "--abort-after"])
def test_a_receiver_that_aborts_every_store_ends_the_run_with_everything_accounted_for(
    tmp_path, when
):
    with storescp(tmp_path / "out", when) as port:
        code, summary = sent(port, tmp_path / "study", "--retries", 0)

    assert (code, summary["sent"], summary["failed"]) == (1, 0, COUNT)


@pytest.mark.usefixtures("several")
def test_a_zip_of_a_study_is_sent_as_it_is(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as made:
        for file in (tmp_path / "study").iterdir():
            made.write(file, file.name)
    with storescp(tmp_path / "out", "+B") as port:
        code, summary = sent(port, tmp_path / "a.zip")

    assert (code, summary["sent"]) == (0, COUNT)
    assert len(data_sets(tmp_path / "out")) == COUNT


def test_mutual_tls_with_storescp(tmp_path, several):
    hospital = make_tls_files(tmp_path / "tls", "hospital")
    device = make_tls_files(tmp_path / "tls", "device")
    options = ["+tls", hospital.key, hospital.certificate, "+cf", device.ca, "+B"]
    with storescp(tmp_path / "out", *options) as port:
        code, _ = sent(
            port, tmp_path / "study",
            "--ca", hospital.ca, "--certificate", device.certificate, "--key", device.key,
        )  # fmt: skip
        without_ours = hilum("echo", f"127.0.0.1:{port}", "--ca", hospital.ca)
        wrong_authority = hilum("echo", f"127.0.0.1:{port}", "--ca", device.ca)
        without_tls = hilum("echo", f"127.0.0.1:{port}", "-ta", 5)

    assert code == 0
    assert data_sets(tmp_path / "out") == {each.sop_instance_uid: each.data_set for each in several}
    assert "certificate from us" in without_ours.stderr
    assert "we do not trust its certificate" in wrong_authority.stderr
    assert "Does its port want TLS?" in without_tls.stderr


@pytest.mark.usefixtures("several")
def test_a_killed_run_is_resumed_and_nothing_is_missing_or_confirmed_for_nothing(tmp_path):
    """kill -9 three times at different moments; the journal never claims what storescp has not."""
    journal = tmp_path / "journal"
    with storescp(tmp_path / "out", "+B") as port:
        target = f"127.0.0.1:{port}"
        for stores in (1, 10, 25):
            _kill_after(stores, journal, target, tmp_path / "study")
            confirmed = {line.split()[1] for line in journal.read_text().splitlines()[1:]}
            assert confirmed <= set(data_sets(tmp_path / "out"))
        code, summary = sent(port, tmp_path / "study", "--resume", journal)

    assert code == 0
    assert summary["sent"] + summary["already_confirmed"] == COUNT
    assert summary["already_confirmed"] >= 25
    assert len(data_sets(tmp_path / "out")) == COUNT


def _kill_after(stores, journal, target, folder):
    """Begin to send slowly; kill when the journal has so many lines."""
    process = subprocess.Popen(
        [*HILUM, "send", target, str(folder), "--resume", str(journal), "--rate", "40MB"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while process.poll() is None:
            if journal.exists() and journal.read_bytes().count(b"\n") > stores:
                break
            os.sched_yield()
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
