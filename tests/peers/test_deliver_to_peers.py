"""A DIMSE destination against receivers of other makers, as real processes."""

import asyncio
import hashlib

import pydicom
import pytest
from dicom_receivers import ask, orthanc, storescp
from tls_files import make_tls_files

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.destination import DimseDestination
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.tls import client_context
from hilum.dicom.part10 import read_file_meta
from hilum.dicom.syntaxes import UNCOMPRESSED
from hilum.kernel.errors import Rejected
from hilum.kernel.names import UID, AETitle
from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused
from hilum.pipeline.ports import Parcel
from hilum.testing.datasets import (
    IMPLICIT_VR_LITTLE_ENDIAN,
    instance,
)
from hilum.testing.payloads import MemoryPayloads

# Of each transfer syntax of the corpus; what the receivers do depends on nothing else.
FILES_PER_SYNTAX = 6
FILE_BYTES_MAX = 20_000_000
OPTIONS = RequestorOptions(response_timeout_seconds=20)


class Stock:
    """Payloads with their parcels."""

    def __init__(self):
        self.payloads = MemoryPayloads()
        self.parcels = []

    def add(self, sop_class, sop_instance, syntax, data_set):
        path = f"instances/{len(self.parcels)}"
        self.payloads.put(path, data_set)
        parcel = Parcel(
            delivery_id=len(self.parcels),
            sop_class_uid=UID(sop_class),
            sop_instance_uid=UID(sop_instance),
            series_instance_uid=UID("1.2.3"),
            study_instance_uid=UID("1.2"),
            transfer_syntax_uid=UID(syntax),
            size=len(data_set),
            path=path,
        )
        self.parcels.append(parcel)
        return parcel

    def generated(self, count, **how):
        for seed in range(count):
            made = instance(seed=seed, **how)
            self.add(
                made.sop_class_uid, made.sop_instance_uid, made.transfer_syntax_uid, made.data_set
            )
        return self

    def deliver(self, port, *, title="ANY-SCP", options=OPTIONS):
        """Deliver everything over one session; give the outcomes in order."""

        async def run():
            address = Address("127.0.0.1", port, AETitle(title), AETitle("HILUM"))
            destination = DimseDestination("peer", address, options, self.payloads)
            session = destination.session()
            given = {id(p): o async for p, o in session.deliver(self.parcels)}
            await session.aclose()
            return [given[id(parcel)] for parcel in self.parcels]

        return asyncio.run(run())


@pytest.fixture(scope="module")
def corpus_stock(corpus):
    """Some files of each transfer syntax, each instance once."""
    stock, per_syntax, seen = Stock(), {}, set()
    for file in corpus:
        number = per_syntax.get(file.transfer_syntax, 0)
        if number >= FILES_PER_SYNTAX or file.instance_uid in seen or not file.is_well_named:
            continue
        if len(file.data_set) > FILE_BYTES_MAX:
            continue
        per_syntax[file.transfer_syntax] = number + 1
        seen.add(file.instance_uid)
        stock.add(file.sop_class, file.instance_uid, file.transfer_syntax, file.data_set)
    return stock


def received(folder):
    """Read what storescp wrote: transfer syntax and digest of the data set by instance."""
    found = {}
    for path in folder.iterdir():
        if path.suffix == ".log":
            continue
        with path.open("rb") as file:
            meta = read_file_meta(file)
            file.seek(meta.data_set_offset)
            digest = hashlib.sha256(file.read()).hexdigest()
            found[meta.sop_instance_uid] = (meta.transfer_syntax_uid, digest)
    return found


def test_storescp_gets_every_syntax_it_takes_byte_for_byte(tmp_path, corpus_stock):
    with storescp(tmp_path, "+B", "+xa") as port:
        outcomes = corpus_stock.deliver(port)

    arrived = received(tmp_path)
    delivered = 0
    for parcel, outcome in zip(corpus_stock.parcels, outcomes, strict=True):
        if not isinstance(outcome, Delivered):
            # What DCMTK knows no name of is refused by context, never lost.
            assert isinstance(outcome, Refused), outcome
            assert "does not take" in outcome.reason or "answered" in outcome.reason
            continue
        delivered += 1
        syntax, digest = arrived[parcel.sop_instance_uid]
        if outcome.remark.startswith("sent in"):
            continue  # converted on the way: see the next test
        assert syntax == parcel.transfer_syntax_uid
        reader = corpus_stock.payloads.open_payload(parcel.path)
        whole = memoryview(bytearray(reader.size))
        reader.read_into(whole)
        reader.close()
        padded = bytes(whole) + b"\0" * (len(whole) & 1)
        assert digest == hashlib.sha256(padded).hexdigest()
    assert delivered > len(outcomes) / 2


def test_storescp_that_takes_only_implicit_gets_what_is_uncompressed_converted(
    tmp_path, corpus_stock
):
    with storescp(tmp_path, "+xi") as port:
        outcomes = corpus_stock.deliver(port)

    arrived = received(tmp_path)
    converted = 0
    for parcel, outcome in zip(corpus_stock.parcels, outcomes, strict=True):
        if parcel.transfer_syntax_uid not in UNCOMPRESSED:
            assert isinstance(outcome, Refused)
        elif isinstance(outcome, Delivered):
            assert arrived[parcel.sop_instance_uid][0] == IMPLICIT_VR_LITTLE_ENDIAN
            converted += parcel.transfer_syntax_uid != IMPLICIT_VR_LITTLE_ENDIAN
        else:
            assert isinstance(outcome, Refused), outcome
    assert converted


def test_what_storescp_got_converted_has_the_values_it_had(tmp_path):
    stock = Stock().generated(3, pixel_bytes=1_200_000)
    with storescp(tmp_path, "+xi") as port:
        outcomes = stock.deliver(port)

    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    for path in tmp_path.glob("*2.25*"):
        got = pydicom.dcmread(path)
        seed = int(got.InstanceNumber) - 1
        made = instance(seed=seed, pixel_bytes=1_200_000, syntax=IMPLICIT_VR_LITTLE_ENDIAN)
        assert got.file_meta.TransferSyntaxUID == IMPLICIT_VR_LITTLE_ENDIAN
        assert got.PixelData == made.data_set[-1_200_000:]
        assert got.PatientID == "GEN00000000"


def test_orthanc_gets_what_it_takes_and_names_what_it_does_not(tmp_path, corpus_stock):
    with orthanc(tmp_path) as (port, web):
        outcomes = corpus_stock.deliver(port, title="ORTHANC")
        held = ask(f"{web}/instances")

    delivered = [outcome for outcome in outcomes if isinstance(outcome, Delivered)]
    assert len(delivered) > len(outcomes) / 2
    # Orthanc calls an instance by patient, study, series and instance: some of ours are alike.
    assert len(held) >= len(delivered) * 0.9
    # What it cannot index it calls "out of resources" (seen: Orthanc 1.10).
    others = [outcome for outcome in outcomes if isinstance(outcome, Deferred)]
    assert all("0xA700" in outcome.reason for outcome in others)


def test_orthanc_with_another_title_is_unwelcome(tmp_path):
    with orthanc(tmp_path) as (port, _):
        first, second = Stock().generated(2).deliver(port, title="NOBODY")

    assert first.failing is Failing.UNWELCOME
    assert "Is 'NOBODY' the AE title of the peer" in first.reason
    assert second.failing is Failing.UNTRIED


@pytest.mark.parametrize(
    ("option", "left"), [("--abort-after", 0), ("--abort-during", 0), ("--refuse", 0)]
)
def test_storescp_that_ends_in_the_middle_is_tried_again_later(tmp_path, option, left):
    with storescp(tmp_path, option) as port:
        outcomes = Stock().generated(3, pixel_bytes=1_200_000).deliver(port)

    assert left == sum(isinstance(outcome, Delivered) for outcome in outcomes)
    first, *rest = outcomes
    assert isinstance(first, Deferred)
    expected = Failing.UNWELCOME if option == "--refuse" else Failing.UNREACHABLE
    assert first.failing is expected
    assert {outcome.failing for outcome in rest} == {Failing.UNTRIED}


def test_storescp_over_tls_wants_our_certificate(tmp_path):
    files = make_tls_files(tmp_path, "hospital")
    out = tmp_path / "out"
    with storescp(out, "+tls", files.key, files.certificate, "+cf", files.ca) as port:
        tls = client_context(ca=files.ca, certificate=files.certificate, key=files.key)
        options = RequestorOptions(tls=tls, response_timeout_seconds=20)
        outcomes = Stock().generated(5, pixel_bytes=1_200_000).deliver(port, options=options)
        bare = RequestorOptions(tls=client_context(ca=files.ca), response_timeout_seconds=20)
        (refused,) = Stock().generated(1).deliver(port, options=bare)

    assert outcomes == [Delivered()] * 5
    assert len(received(out)) == 5
    assert refused.failing in (Failing.UNWELCOME, Failing.UNREACHABLE)
    assert "certificate" in refused.reason


def test_storescp_answers_the_question_whether_it_is_there(tmp_path):
    async def verify(port):
        address = Address("127.0.0.1", port, AETitle("ANY-SCP"), AETitle("HILUM"))
        await DimseDestination("peer", address, OPTIONS, MemoryPayloads()).verify()

    with storescp(tmp_path) as port:
        asyncio.run(verify(port))
    with storescp(tmp_path, "--refuse") as port, pytest.raises(Rejected):
        asyncio.run(verify(port))
