"""A DICOMweb destination against servers of other makers, as real processes."""

import asyncio
import hashlib
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from dicom_receivers import ask, orthanc

from hilum.destinations.dicomweb.destination import DicomWebDestination
from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.dicom.part10 import read_file_meta
from hilum.kernel.errors import Rejected
from hilum.kernel.names import UID
from hilum.kernel.outcome import Delivered
from hilum.pipeline.ports import Parcel
from hilum.service.clock import SystemClock
from hilum.testing.datasets import instance
from hilum.testing.http_server import Reply, ScriptedServer
from hilum.testing.payloads import MemoryPayloads

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
FILES_PER_SYNTAX = 4
FILE_BYTES_MAX = 20_000_000


class Stock:
    """Payloads with their parcels."""

    def __init__(self):
        self.payloads = MemoryPayloads()
        self.parcels = []

    def add(self, sop_class, sop_instance, syntax, data_set, study="1.2", series="1.2.3"):
        path = f"instances/{len(self.parcels)}"
        self.payloads.put(path, data_set)
        self.parcels.append(
            Parcel(
                delivery_id=len(self.parcels),
                sop_class_uid=UID(sop_class),
                sop_instance_uid=UID(sop_instance),
                series_instance_uid=UID(series),
                study_instance_uid=UID(study),
                transfer_syntax_uid=UID(syntax),
                size=len(data_set),
                path=path,
            )
        )

    def generated(self, count, **how):
        for seed in range(count):
            made = instance(seed=seed, **how)
            self.add(
                made.sop_class_uid,
                made.sop_instance_uid,
                made.transfer_syntax_uid,
                made.data_set,
                made.study_instance_uid,
                made.series_instance_uid,
            )
        return self

    def deliver(self, url, **settings):
        """Verify, deliver everything over one session; give the outcomes in order."""

        async def run():
            made = DicomWebDestinationSettings(type="dicomweb", url=url, **settings)
            destination = DicomWebDestination("peer", made, self.payloads, SystemClock())
            try:
                await destination.verify()
                session = destination.session()
                given = {id(p): o async for p, o in session.deliver(self.parcels)}
                await session.aclose()
            finally:
                await destination.aclose()
            return [given[id(parcel)] for parcel in self.parcels]

        return asyncio.run(run())


@contextmanager
def stow_orthanc(folder, **settings):
    """Run Orthanc with its DICOMweb plugin; give its REST root."""
    if not PLUGIN.exists():
        pytest.skip("the DICOMweb plugin of Orthanc is not installed (make peers)")
    web = {"Enable": True, "Root": "/dicom-web/"}
    with orthanc(folder, Plugins=[str(PLUGIN)], DicomWeb=web, **settings) as (_, root):
        wait_until_it_listens(int(root.rpartition(":")[2]))
        yield root


def wait_until_it_listens(port):
    """Wait for its HTTP port, which it opens after the DICOM port."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail("Orthanc does not listen for HTTP")


def kept_by(root):
    """Give the digests of the data sets that an Orthanc has, by SOP instance UID."""
    found = {}
    for name in ask(f"{root}/instances"):
        with urllib.request.urlopen(f"{root}/instances/{name}/file", timeout=30) as answer:
            meta = read_file_meta(answer)
        with urllib.request.urlopen(f"{root}/instances/{name}/file", timeout=30) as answer:
            answer.read(meta.data_set_offset)
            digest = hashlib.sha256(answer.read()).hexdigest()
        found[meta.sop_instance_uid] = digest
    return found


def sent_by(stock):
    contents = stock.payloads._contents
    return {
        parcel.sop_instance_uid: hashlib.sha256(contents[parcel.path]).hexdigest()
        for parcel in stock.parcels
    }


@pytest.mark.parametrize("chunked", [False, True])
def test_orthanc_takes_everything_byte_for_byte(tmp_path, chunked):
    stock = Stock().generated(70, pixel_bytes=40_000)

    with stow_orthanc(tmp_path / "orthanc") as root:
        outcomes = stock.deliver(f"{root}/dicom-web", chunked=chunked, request_instances_max=25)
        kept = kept_by(root)

    assert outcomes == [Delivered()] * 70
    assert kept == sent_by(stock)


def test_orthanc_takes_every_syntax_of_the_corpus(tmp_path, corpus):
    stock, per_syntax, seen = Stock(), {}, set()
    for file in corpus:
        number = per_syntax.get(file.transfer_syntax, 0)
        known = file.instance_uid in seen or not file.is_well_named
        if known or number >= FILES_PER_SYNTAX or len(file.data_set) > FILE_BYTES_MAX:
            continue
        per_syntax[file.transfer_syntax] = number + 1
        seen.add(file.instance_uid)
        stock.add(file.sop_class, file.instance_uid, file.transfer_syntax, file.data_set)

    with stow_orthanc(tmp_path / "orthanc") as root:
        outcomes = stock.deliver(f"{root}/dicom-web")
        kept = kept_by(root)

    sent = sent_by(stock)
    for parcel, outcome in zip(stock.parcels, outcomes, strict=True):
        uid = parcel.sop_instance_uid
        # What it refuses it must not have; what it took must be what we sent.
        assert isinstance(outcome, Delivered) == (uid in kept), outcome
        assert kept.get(uid, sent[uid]) == sent[uid]
    # Some files of the corpus lack a patient or a study, and Orthanc wants them.
    assert sum(isinstance(outcome, Delivered) for outcome in outcomes) > len(outcomes) * 0.75


def test_orthanc_refuses_nonsense_and_takes_the_rest(tmp_path):
    stock = Stock().generated(3)
    stock.add("1.2.840.10008.5.1.4.1.1.2", "1.2.3.4", "1.2.840.10008.1.2.1", b"\xff" * 4000)
    stock.parcels[1], stock.parcels[3] = stock.parcels[3], stock.parcels[1]

    with stow_orthanc(tmp_path / "orthanc") as root:
        outcomes = stock.deliver(f"{root}/dicom-web")
        kept = kept_by(root)

    assert not isinstance(outcomes[1], Delivered)
    assert outcomes[:1] + outcomes[2:] == [Delivered()] * 3
    assert len(kept) == 3


def test_orthanc_that_wants_a_login(tmp_path):
    users = {"RegisteredUsers": {"us": "secret"}, "AuthenticationEnabled": True}
    login = {"type": "basic", "user": "us", "password": "secret"}
    stock = Stock().generated(2)

    with stow_orthanc(tmp_path / "orthanc", **users) as root:
        assert stock.deliver(f"{root}/dicom-web", auth=login) == [Delivered()] * 2
        with pytest.raises(Rejected, match="Is auth right"):
            stock.deliver(f"{root}/dicom-web", auth={**login, "password": "guess"})


def test_orthanc_at_another_path(tmp_path):
    with (
        stow_orthanc(tmp_path / "orthanc") as root,
        pytest.raises(Rejected, match="Is the path in url right") as caught,
    ):
        Stock().deliver(f"{root}/dicomweb")

    assert f"{root}/dicomweb/studies?limit=1" in str(caught.value)


@contextmanager
def oidc_provider(secret, method):
    """Run a certified OpenID provider; give its root."""
    script = Path(__file__).with_name("oidc_provider.mjs")
    node = shutil.which("node")
    if node is None or not (script.parent / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("oidc-provider is not installed (make peers)")
    process = subprocess.Popen(
        [node, script],
        env={**os.environ, "SECRET": secret, "METHOD": method},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@pytest.mark.parametrize(
    ("method", "way"), [("client_secret_basic", "basic"), ("client_secret_post", "body")]
)
def test_an_openid_provider_gives_a_token_that_it_knows(method, way):
    secret = "p&w: +%/"  # what must be encoded on its way
    shown = []

    def react(request):
        shown.append(request.headers["authorization"])
        return Reply(200)

    async def verify(root, password):
        async with ScriptedServer(on_request=react).listening() as server:
            settings = DicomWebDestinationSettings(
                type="dicomweb",
                url=f"http://127.0.0.1:{server.port}",
                auth={
                    "type": "oauth2",
                    "token_url": f"{root}/token",
                    "client_id": "gateway",
                    "client_secret": password,
                    "client_authentication": way,
                    "scope": "dicom.write",
                },
            )
            destination = DicomWebDestination("peer", settings, MemoryPayloads(), SystemClock())
            try:
                await destination.verify()
            finally:
                await destination.aclose()

    with oidc_provider(secret, method) as root:
        asyncio.run(verify(root, secret))
        with pytest.raises(Rejected, match="invalid_client"):
            asyncio.run(verify(root, "guess"))
        (authorization,) = shown
        request = urllib.request.Request(f"{root}/me-too", headers={"Authorization": authorization})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
