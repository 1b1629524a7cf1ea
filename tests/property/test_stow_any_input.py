"""STOW-RS takes any body: what it calls stored is held as it was sent, and nothing is a 500."""

import asyncio
import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stow_rig import BOUNDARY, ENDING, MULTIPART, Rig, file_of, instances, part

from hilum.dicom.part10 import read_file_meta

FEW = instances(3, pixel_bytes=64)
METADATA = json.dumps(
    [
        {
            "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.7"]},
            "00080018": {"vr": "UI", "Value": ["1.2.3.4"]},
            "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
            "0020000E": {"vr": "UI", "Value": ["1.2.3.1"]},
            "7FE00010": {"vr": "OW", "BulkDataURI": "bulk"},
        }
    ]
).encode()
FILES = b"".join(part(file_of(one), "application/dicom") for one in FEW) + ENDING
MIXED = (
    part(file_of(FEW[0]), "application/dicom")
    + part(METADATA, "application/dicom+json")
    + part(b"\xff\xd8\xff\xd9", "image/jpeg", "bulk")
    + part(bytes(100), "application/octet-stream", "bulk")
    + ENDING
)
KINDS = (
    MULTIPART,
    f"multipart/related; boundary={BOUNDARY}",
    f'multipart/related; type="application/dicom+json"; boundary={BOUNDARY}',
    f'multipart/related; type="application/dicom+xml"; boundary={BOUNDARY}',
    "application/dicom",
    "application/dicom+json",
)
QUICK = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def ask(tmp_path):
    """Ask one door again and again."""
    with asyncio.Runner() as runner, contextlib.ExitStack() as stack:
        rig = Rig(tmp_path)
        runner.run(rig.__aenter__())
        stack.callback(lambda: runner.run(rig.__aexit__()))

        def ask(body, kind, step, **named):
            return rig, runner.run(rig.store(body, kind, step=step, **named))

        yield ask


def data_sets_of(rig, uid):
    """Give the data sets that are held under a UID, all versions."""
    for payload in rig.bench.ledger.find([uid])[uid]:
        with (rig.bench.root / payload.path).open("rb") as stream:
            meta = read_file_meta(stream)
            stream.seek(meta.data_set_offset)
            yield stream.read()


@st.composite
def mutated(draw):
    body = bytearray(draw(st.sampled_from((FILES, MIXED))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(body) - 1))
        match draw(st.integers(0, 4)):
            case 0:
                body[at] = draw(st.integers(0, 255))
            case 1:
                del body[at : at + draw(st.integers(1, 300))]
            case 2:
                body[at:at] = draw(st.binary(max_size=40))
            case 3:
                body[at:at] = body[at : at + draw(st.integers(1, 500))]
            case _:
                body[at:at] = f"\r\n--{BOUNDARY}\r\n".encode()
        if not body:
            return b""
    return bytes(body)


@QUICK
@given(step=st.integers(1, 3000), body=st.sampled_from((FILES, MIXED)))
def test_any_split_gives_the_same_answer(ask, step, body):
    _, whole = ask(body, KINDS[1], 1 << 20)
    _, split = ask(body, KINDS[1], step)

    assert (split.status, split.json) == (whole.status, whole.json)


@QUICK
@given(body=mutated(), kind=st.sampled_from(KINDS), step=st.sampled_from((100, 4096, 1 << 20)))
def test_what_is_called_stored_is_held_as_it_was_sent(ask, body, kind, step):
    rig, answer = ask(body, kind, step)

    assert answer.status in {200, 202, 400, 409, 413, 415}
    if answer.status in {200, 202}:
        for uid in answer.stored:
            assert uid == "1.2.3.4" or any(held in body for held in data_sets_of(rig, uid))
    assert rig.bench.drafts() == 0
    assert rig.bench.intake.open_receptions == rig.bench.intake.carriers == 0
    assert "RequestFailed" not in rig.bench.telemetry.names()


@QUICK
@given(end=st.integers(0, len(FILES)), is_gone=st.booleans())
def test_a_cut_body_stores_only_what_was_whole(ask, end, is_gone):
    rig, answer = ask(FILES[:end], MULTIPART, 1000, is_cut=is_gone)

    whole = [one.sop_instance_uid for one in FEW if one.data_set in FILES[:end]]
    if answer is None:
        assert is_gone
    elif answer.status in {200, 202}:
        # The last part ends where the next boundary begins.
        assert set(answer.stored) <= set(whole)
        assert len(answer.stored) >= len(whole) - 1
    else:
        assert answer.status in {400, 409}
    assert rig.bench.drafts() == 0
