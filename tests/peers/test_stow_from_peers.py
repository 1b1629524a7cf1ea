"""Clients of other makers store in us by STOW-RS: what they brought is held as they sent it."""

import io
import json
import shutil
import subprocess
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest
from dicom_receivers import ask, orthanc
from dicomweb_client.api import DICOMwebClient
from xxhash import xxh3_128

from hilum.dicom.part10 import file_meta
from hilum.testing.datasets import instance

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
BOUNDARY = "a-boundary-of-ours"
IN_A_REQUEST = 20


def file_of(generated):
    return (
        file_meta(
            sop_class_uid=generated.sop_class_uid,
            sop_instance_uid=generated.sop_instance_uid,
            transfer_syntax_uid=generated.transfer_syntax_uid,
        )
        + generated.data_set
    )


def root_of(gateway):
    return f"http://127.0.0.1:{gateway.web_port}/dicom-web"


def body_of(contents):
    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    parts = [head + content + b"\r\n" for content in contents]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def store(gateway, contents):
    """Store files by the standard library; give the answer."""
    kind = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
    request = urllib.request.Request(
        f"{root_of(gateway)}/studies",
        data=body_of(contents),
        headers={"Content-Type": kind, "Accept": "application/dicom+json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def held_after_stopping(gateway):
    gateway.stop()
    holding = gateway.holding()
    assert holding.faults == []
    return holding.versions


def digests(generated):
    return {one.sop_instance_uid: {xxh3_128(one.data_set).digest()} for one in generated}


def test_dicomweb_client_stores_and_deletes(start_gateway, monkeypatch):
    monkeypatch.setenv("HILUM__SOURCES__WEB__LOCAL_DELETE", "true")
    gateway = start_gateway()
    client = DICOMwebClient(root_of(gateway))
    made = [instance(seed=seed, study=seed % 2) for seed in range(1, 7)]
    data_sets = [pydicom.dcmread(io.BytesIO(file_of(one))) for one in made]

    answer = client.store_instances(data_sets)
    client.store_instances([data_sets[0]], study_instance_uid=made[0].study_instance_uid)
    found = client.search_for_studies()
    client.delete_study(made[0].study_instance_uid)

    stored = [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence]
    assert sorted(stored) == sorted(one.sop_instance_uid for one in made)
    assert len(found) == 2
    assert set(held_after_stopping(gateway)) == {
        one.sop_instance_uid for one in made if one.study_instance_uid != made[0].study_instance_uid
    }


@contextmanager
def orthanc_that_knows(gateway, folder):
    """Start an Orthanc that has us among its DICOMweb servers; give the address of its web side."""
    if not PLUGIN.exists():
        pytest.skip("Orthanc's DICOMweb plugin is not installed")
    servers = {"hilum": {"Url": root_of(gateway) + "/", "ChunkedTransfers": True}}
    settings = {"Plugins": [str(PLUGIN)], "DicomWeb": {"Enable": True, "Servers": servers}}
    with orthanc(folder / "orthanc", **settings) as (_, web):
        yield web


def asked_of_orthanc(web, what, question):
    return post(
        f"{web}/dicom-web/servers/hilum/{what}", json.dumps(question).encode(), "application/json"
    )


def test_orthanc_stores_a_study(start_gateway, tmp_path):
    gateway = start_gateway()
    made = [instance(seed=seed) for seed in range(1, 31)]

    with orthanc_that_knows(gateway, tmp_path) as web:
        for one in made:
            post(f"{web}/instances", file_of(one), "application/dicom")
        wanted = {"Resources": ask(f"{web}/studies"), "Synchronous": True}
        told = asked_of_orthanc(web, "stow", wanted)

    assert told["InstancesCount"] == "30"
    assert set(held_after_stopping(gateway)) == {one.sop_instance_uid for one in made}


def test_orthanc_searches_and_retrieves_a_study(start_gateway, tmp_path):
    gateway = start_gateway()
    made = [instance(seed=seed) for seed in range(1, 31)]
    store(gateway, [file_of(one) for one in made])
    study = made[0].study_instance_uid

    with orthanc_that_knows(gateway, tmp_path) as web:
        question = {"Uri": "/studies", "Arguments": {"StudyInstanceUID": study}}
        found = asked_of_orthanc(web, "qido", question)
        wanted = {"Resources": [{"Study": study}], "Synchronous": True}
        asked_of_orthanc(web, "retrieve", wanted)
        there = ask(f"{web}/instances?expand")

    assert len(found) == 1
    assert {one["MainDicomTags"]["SOPInstanceUID"] for one in there} == {
        one.sop_instance_uid for one in made
    }


def post(url, content, kind):
    request = urllib.request.Request(url, data=content, headers={"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize("how", ["whole", "chunked", "alone"])
def test_curl_stores(start_gateway, tmp_path, how):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    gateway = start_gateway()
    made = [instance(seed=seed, pixel_bytes=2_000_000) for seed in (1, 2)]
    if how == "alone":
        made = made[:1]
        (tmp_path / "body").write_bytes(file_of(made[0]))
        kind = "application/dicom"
    else:
        (tmp_path / "body").write_bytes(body_of([file_of(one) for one in made]))
        kind = f"multipart/related; type=application/dicom; boundary={BOUNDARY}"
    chunked = ["-H", "Transfer-Encoding: chunked"] if how == "chunked" else []

    done = subprocess.run(
        [
            *("curl", "-sS", "--fail", "-H", f"Content-Type: {kind}", *chunked),
            *("--data-binary", f"@{tmp_path / 'body'}", f"{root_of(gateway)}/studies"),
        ],
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert held_after_stopping(gateway) == digests(made)


def test_the_whole_corpus_is_held_as_it_was_sent(start_gateway, corpus):
    gateway = start_gateway(durability="process")
    usable = [file for file in corpus if file.path.stat().st_size < 30_000_000]
    sent, refused, stored = {}, {}, set()

    for at in range(0, len(usable), IN_A_REQUEST):
        few = usable[at : at + IN_A_REQUEST]
        answer = store(gateway, [file.path.read_bytes() for file in few])
        for item in answer.get("00081199", {}).get("Value", []):
            stored.add(item["00081155"]["Value"][0])
        for item in answer.get("00081198", {}).get("Value", []):
            refused[item["00081155"]["Value"][0]] = item["00081197"]["Value"][0]
        for file in few:
            sent.setdefault(file.instance_uid, set()).add(xxh3_128(file.data_set).digest())
    held = held_after_stopping(gateway)

    assert stored | set(refused) == set(sent)
    assert set(held) == stored
    assert all(held[uid] <= sent[uid] for uid in held)
    assert all(held[uid] == sent[uid] for uid in stored - set(refused))
    assert set(refused.values()) <= {0xC000, 0xA900}
    # Only what no reader reads to its end.
    assert len(refused) < len(sent) / 20
