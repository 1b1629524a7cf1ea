"""A program of the hospital has studies brought from a DIMSE archive, by plain JSON."""

import json
import time
import urllib.request

import peer_archives
import pytest
from dicomweb_client.api import DICOMwebClient
from trials.gateway import Settings
from trials.targets import GatewayTarget

SECONDS_MAX = 20


@pytest.fixture(scope="module")
def archive(tmp_path_factory, peer_environment):
    files, studies = peer_archives.make_files(tmp_path_factory.mktemp("files"), compressed=False)
    folder = tmp_path_factory.mktemp("archive")
    with peer_archives.dcmqrscp(folder, peer_environment, files, studies) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, gateway_logs, archive):
    more = (
        f'[destinations.pacs]\ntype = "dimse"\nhost = "127.0.0.1"\nport = {archive.port}\n'
        f'ae_title = "{peer_archives.TITLE}"\n'
    )
    settings = Settings(level="debug", durability="process", more=more)
    gateway = GatewayTarget(tmp_path_factory.mktemp("gateway"), settings)
    gateway_logs.append(gateway.log)
    gateway.start()
    yield gateway
    gateway.stop()


def api(gateway, path, body=None):
    address = f"http://127.0.0.1:{gateway.web_port}/api/v1/{path}"
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(address, data, headers)
    with urllib.request.urlopen(request, timeout=SECONDS_MAX) as answer:
        return json.load(answer)


def settled(gateway, fetch_id):
    end = time.monotonic() + SECONDS_MAX
    while time.monotonic() < end:
        found = api(gateway, f"fetches/{fetch_id}")
        if found["state"] not in {"waiting", "active"}:
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def test_a_study_is_brought_once_and_found_here(archive, gateway):
    theirs = DICOMwebClient(f"http://127.0.0.1:{gateway.web_port}/dicom-web")
    study = next(iter(archive.studies))

    first = settled(gateway, api(gateway, "fetch", {"study": study, "from": "pacs"})["id"])
    again = settled(gateway, api(gateway, "fetch", {"study": study, "from": "pacs"})["id"])

    held = theirs.search_for_instances(study_instance_uid=study)
    assert first["state"] == again["state"] == "done"
    assert first["fetched"] == again["held"] == len(held) > 0
    assert again["fetched"] == 0


def test_what_the_archive_has_not_is_told(gateway):
    found = settled(gateway, api(gateway, "fetch", {"study": "1.2.3", "from": "pacs"})["id"])

    assert found["state"] == "failed"
    assert found["reason"] == "there is no such thing in that archive"
