"""Stores that go through between the two languages, with peers of other makers on both sides."""

import hashlib
import io
import shutil
import subprocess
import time
from pathlib import Path

import pydicom
import pytest
from dicom_receivers import ask, dcmqrscp, orthanc, storescp
from dicomweb_client.api import DICOMwebClient
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from test_commitment_with_peers import Reports, asking, references_of, request
from test_stow_to_peers import kept_by, stow_orthanc

from hilum.dicom.part10 import file_meta, read_file_meta
from hilum.testing.datasets import CT, instance

STORE_JS = Path(__file__).with_name("dcmjs_store.js")
MADE = [instance(seed=seed, study=1, pixel_bytes=40_000) for seed in range(12)]
WELL_KNOWN = "1.2.840.10008.1.20.1.1"


@pytest.fixture
def files(tmp_path):
    """Write the instances that are sent as files."""
    folder = tmp_path / "files"
    folder.mkdir()
    for number, one in enumerate(MADE):
        (folder / f"{number:02}.dcm").write_bytes(part10(one))
    return sorted(folder.iterdir())


@pytest.fixture
def through_web(start_gateway, tmp_path):
    """Give a gateway whose entity CLOUD hands stores to Orthanc's DICOMweb, and Orthanc's root."""
    with stow_orthanc(tmp_path / "orthanc") as root:
        yield start_gateway(more=bridge(f'type = "dicomweb"\nurl = "{root}/dicom-web"')), root


def part10(one):
    meta = file_meta(
        sop_class_uid=one.sop_class_uid,
        sop_instance_uid=one.sop_instance_uid,
        transfer_syntax_uid=one.transfer_syntax_uid,
    )
    return meta + one.data_set


def bridge(destination):
    return (
        f"[destinations.cloud]\n{destination}\n"
        '[entities.CLOUD]\nanswers = ["cloud"]\nstores = { through = "cloud" }\n'
    )


def digests_of(made):
    return {one.sop_instance_uid: hashlib.sha256(one.data_set).hexdigest() for one in made}


def data_sets_below(folder):
    """Give the digests of the data sets of all Part 10 files below a folder."""
    found = {}
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        if content[128:132] == b"DICM":
            meta = read_file_meta(io.BytesIO(content))
            data_set = content[meta.data_set_offset :]
            found[meta.sop_instance_uid] = hashlib.sha256(data_set).hexdigest()
    return found


def held_by(gateway):
    vault = gateway.data / "vault"
    folders = (vault / "incoming", vault / "instances")
    return [p for folder in folders for p in folder.rglob("*") if p.is_file()]


def leftovers_of(gateway):
    """Give what is still spooled, once that had a moment to go."""
    deadline = time.monotonic() + 5
    while (left := held_by(gateway)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def test_storescu_reaches_a_web_archive(through_web, files, peer_environment):
    gateway, root = through_web
    program = shutil.which("storescu", path="/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("storescu is not installed (make peers)")

    done = subprocess.run(
        [program, "-aec", "CLOUD", "127.0.0.1", str(gateway.port), *map(str, files)],
        env=peer_environment,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert kept_by(root) == digests_of(MADE)
    assert leftovers_of(gateway) == []


def test_dcmjs_reaches_a_web_archive(through_web, files, needs, peer_environment):
    needs("node")
    gateway, root = through_web
    modules = Path(__file__).with_name("node_modules")
    if not modules.exists():
        pytest.skip("dcmjs-dimse is not installed (make peers)")

    done = subprocess.run(
        ["node", str(STORE_JS), str(gateway.port), "CLOUD", *map(str, files)],
        env=peer_environment,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.decode().split() == ["0000"] * len(files), done.stderr
    assert set(kept_by(root)) == set(digests_of(MADE))


def test_pynetdicom_hears_what_a_web_archive_refuses(through_web):
    gateway, root = through_web
    nameless = pydicom.dcmread(io.BytesIO(part10(MADE[0])))
    del nameless.StudyInstanceUID  # Orthanc wants one
    nameless.SOPInstanceUID = nameless.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    ae = AE("CT1")
    ae.add_requested_context(CT, [ExplicitVRLittleEndian])
    association = ae.associate("127.0.0.1", gateway.port, ae_title="CLOUD")

    statuses = [
        association.send_c_store(one).Status
        for one in (nameless, pydicom.dcmread(io.BytesIO(part10(MADE[1]))))
    ]
    association.release()

    assert statuses[0] >> 12 in {0x0, 0xA, 0xC}
    assert statuses[0] != 0
    assert statuses[1] == 0
    assert set(kept_by(root)) == {MADE[1].sop_instance_uid}


def test_a_web_archive_that_is_gone_is_out_of_resources(start_gateway, files, peer_environment):
    program = shutil.which("storescu", path="/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("storescu is not installed (make peers)")
    gateway = start_gateway(more=bridge('type = "dicomweb"\nurl = "http://127.0.0.1:1/rs"'))

    done = subprocess.run(
        [program, "-v", "-aec", "CLOUD", "127.0.0.1", str(gateway.port), str(files[0])],
        env=peer_environment,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert b"OutOfResources" in done.stdout + done.stderr
    assert leftovers_of(gateway) == []


def test_dicomweb_client_reaches_storescp(start_gateway, tmp_path):
    with storescp(tmp_path / "storescp", "+uf") as port:
        gateway = start_gateway(
            more=bridge(f'type = "dimse"\nae_title = "SCP"\nhost = "127.0.0.1"\nport = {port}')
        )
        stow(gateway)

        assert data_sets_below(tmp_path / "storescp") == digests_of(MADE)
    assert leftovers_of(gateway) == []


def test_dicomweb_client_reaches_dcmqrscp(start_gateway, tmp_path):
    with dcmqrscp(tmp_path / "qr") as port:
        gateway = start_gateway(
            more=bridge(f'type = "dimse"\nae_title = "QRSCP"\nhost = "127.0.0.1"\nport = {port}')
        )
        stow(gateway)

        assert data_sets_below(tmp_path / "qr" / "db") == digests_of(MADE)


def test_dicomweb_client_reaches_orthanc_over_dimse(start_gateway, tmp_path):
    with orthanc(tmp_path / "orthanc") as (port, root):
        gateway = start_gateway(
            more=bridge(f'type = "dimse"\nae_title = "ORTHANC"\nhost = "127.0.0.1"\nport = {port}')
        )
        stow(gateway)

        assert len(ask(f"{root}/instances")) == len(MADE)
        assert kept_by(root) == digests_of(MADE)


def stow(gateway):
    """Store all of it in one request; whatever is not said to be stored raises."""
    client = DICOMwebClient(f"http://127.0.0.1:{gateway.web_port}/aets/CLOUD/rs")
    answer = client.store_instances([pydicom.dcmread(io.BytesIO(part10(one))) for one in MADE])
    stored = [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence]
    assert sorted(stored) == sorted(one.sop_instance_uid for one in MADE)
    assert not answer.get("FailedSOPSequence")


@pytest.mark.parametrize("kind", ["web", "dimse"])
def test_commitment_is_what_the_archive_has(start_gateway, tmp_path, kind):
    with stow_orthanc(tmp_path / "orthanc") as root, dcmqrscp(tmp_path / "qr") as port:
        destination = {
            "web": f'type = "dicomweb"\nurl = "{root}/dicom-web"',
            "dimse": f'type = "dimse"\nae_title = "QRSCP"\nhost = "127.0.0.1"\nport = {port}',
        }[kind]
        ct1 = '[peers.ct1]\nae_title = "CT1"\nhost = "127.0.0.1"\nmay = ["commit"]\n'
        gateway = start_gateway(more=bridge(destination) + ct1)
        stow(gateway)
        reports = Reports()

        with asking(gateway.port, reports, "CLOUD") as association:
            wanted = [*references_of(MADE[:3]), (CT, "1.2.3.4.5")]
            status, _ = association.send_n_action(
                request("2.25.77", wanted), 1, "1.2.840.10008.1.20.1", WELL_KNOWN
            )
            assert status.Status == 0
            _, _, committed, failed = reports.wait()

        # dcmqrscp does not say of which class an instance is, which is no conflict.
        assert committed == {one.sop_instance_uid for one in MADE[:3]}
        assert failed == {"1.2.3.4.5": 0x0112}
