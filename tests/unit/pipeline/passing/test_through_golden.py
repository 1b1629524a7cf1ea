"""Every way an archive can answer a store, over sockets, and what the sender is told at both doors.

The rows are in tests/golden/store_through. With HILUM_UPDATE_GOLDEN=1 they are written anew; then
read whether they are right. Whatever they say, success and warnings are held against what the
archive has.
"""

import os
from pathlib import Path

import pytest
from through_rig import ThroughRig

from hilum.dicomweb.store_result import (
    FailedInstance,
    StoredInstance,
    StoreResult,
    store_result_json,
)
from hilum.dimse.status import Category, Service, category
from hilum.dimse.upper.negotiation import Policy
from hilum.dimse.upper.pdu import AssociateReject
from hilum.dimse.upper.reasons import PresentationReason, RejectResult, UserReason
from hilum.testing.datasets import instance
from hilum.testing.http_server import Deafness, HangUp, Reply, Silence
from hilum.testing.peer import Abort
from hilum.testing.peer import HangUp as PeerHangUp
from hilum.testing.peer import Silence as PeerSilence

GOLDEN = Path(__file__).parents[3] / "golden/store_through"
IMAGE = instance(seed=1, pixel_bytes=200_000)
JSON = {"Content-Type": "application/dicom+json"}
CODES = [
    *(201, 203, 205, 206, 226, 299, 300, 302, 304, 305),
    *range(400, 418),
    *(421, 422, 423, 424, 425, 426, 428, 429, 431, 444, 451, 499),
    *range(500, 512),
    *(520, 598),
]
REASONS = [
    *(0x0105, 0x0106, 0x0110, 0x0111, 0x0112, 0x0115, 0x0117, 0x0119, 0x0122, 0x0124),
    *(0x0210, 0x0211, 0x0212, 0x0213, 0xA700, 0xA770, 0xA7FF, 0xA900, 0xA901, 0xA9FF),
    *(0xC000, 0xC122, 0xCFFF),
]
STATUSES = [
    0x0000,
    0xB000,
    0xB006,
    0xB007,
    0x0001,
    0x0107,
    0x0116,
    0xB123,
    *REASONS,
    0xFE00,
    0xFF00,
]
STORED = frozenset({0x0000, 0xB000, 0xB006, 0xB007, 0x0001, 0x0107, 0x0116, 0xB123})


def about(status, *, reason=None, warning=None, **how):
    """Answer with a body that names every instance."""

    def on_request(request):
        uids = [part.sop_instance_uid for part in request.parts]
        if reason is None:
            result = StoreResult({uid: StoredInstance(warning=warning) for uid in uids})
        else:
            result = StoreResult(failed={uid: FailedInstance(reason=reason) for uid in uids})
        return Reply(status, JSON, store_result_json(result), **how)

    return on_request


def fixed(*answer, **how):
    return lambda _: Reply(*answer, **how)


def raising(kind):
    def on_request(_):
        raise kind

    return on_request


def moved(location):
    """Send the first request of each connection elsewhere."""

    def on_request(request):
        if request.target.endswith("/other"):
            return about(200)(request)
        return Reply(307, {"Location": location})

    return on_request


# Name: (what the server does, whether it has the instance then).
SERVERS = {
    "200 names it": (about(200), True),
    "200 names it, in chunks": (about(200, is_chunked=True), True),
    "200 names it, compressed though we asked not to": (about(200, is_gzipped=True), True),
    "200 names it, and closes": (about(200, closes=True), True),
    "202 names it": (about(202), True),
    "409 names it as stored": (about(409), True),
    **{f"200 warns {w:04X}": (about(200, warning=w), True) for w in (0xB000, 0xB006, 0xB007, 1)},
    "202 warns B000": (about(202, warning=0xB000), True),
    **{f"200 names it as failed {r:04X}": (about(200, reason=r), False) for r in (0x0110, 0xA700)},
    **{f"202 names it as failed {r:04X}": (about(202, reason=r), False) for r in REASONS},
    **{f"409 names it as failed {r:04X}": (about(409, reason=r), False) for r in REASONS},
    "409 names it as there already, B00E": (about(409, reason=0xB00E), False),
    "409 names it as being stored, B00F": (about(409, reason=0xB00F), False),
    "409 names it without a reason": (about(409, reason=0), False),
    "400 names it as failed C000": (about(400, reason=0xC000), False),
    "200 without a body": (fixed(200), False),
    "204": (fixed(204), False),
    "200 names nothing": (fixed(200, JSON, store_result_json(StoreResult())), False),
    "200 names another": (
        fixed(200, JSON, store_result_json(StoreResult({"1.2": StoredInstance()}))),
        False,
    ),
    "200 with a page": (fixed(200, {"Content-Type": "text/html"}, b"<html>Log in</html>"), False),
    "200 with broken JSON": (fixed(200, JSON, b'{"00081199":'), False),
    "200 with another type": (fixed(200, {"Content-Type": "image/png"}, b"\x89PNG"), False),
    "200 cut": (about(200, cut_at=20), False),
    "200 stalls after its head": (about(200, stalls=True), False),
    "no answer": (raising(Silence), False),
    "reset instead of an answer": (raising(HangUp), False),
    "307 to another place of it": (moved("/dicom-web/other"), True),
    "307 to another host": (moved("http://example.org/dicom-web/other"), False),
    "307 in circles": (fixed(307, {"Location": "/dicom-web/studies"}), False),
    "307 to nowhere": (fixed(307), False),
    "503 in 90 s": (fixed(503, {"Retry-After": "90"}), False),
    **{str(code): (fixed(code), False) for code in CODES if code != 201},
    "201 names it": (about(201), True),
}
# As above, by `on_head`: before the body was read.
EARLY = {
    "413 before the body": fixed(413),
    "503 before the body": fixed(503),
    "401 before the body": fixed(401),
    "reset before the body": raising(HangUp),
    "deaf": raising(Deafness),
}
TRANSIENT = AssociateReject(RejectResult.TRANSIENT, PresentationReason.LOCAL_LIMIT_EXCEEDED)
PERMANENT = AssociateReject(RejectResult.PERMANENT, UserReason.CALLED_AE_TITLE_NOT_RECOGNIZED)


def status_of(status):
    return {"on_store": lambda _: status}


PEERS = {
    **{f"{s:04X}": (status_of(s), s in STORED) for s in STATUSES},
    "abort instead of an answer": ({"on_store": raising(Abort)}, False),
    "connection closed instead of an answer": ({"on_store": raising(PeerHangUp)}, False),
    "no answer": ({"on_store": raising(PeerSilence)}, False),
    "abort in the middle of the data set": ({"aborts_after": 100_000}, False),
    "reads no more": ({"reads_bytes_max": 20_000}, False),
    "no word": ({"is_mute": True}, False),
    "reject, transient": ({"reject": lambda _: TRANSIENT}, False),
    "reject, permanent": ({"reject": lambda _: PERMANENT}, False),
    "no context for the class": (
        {"policy": Policy(abstract_syntaxes=frozenset({"1.2.840.10008.1.1"}))},
        False,
    ),
    "nobody listens": ({"port": 1}, False),
}


async def row_of(rig):
    """Store at both doors; give what is told, after holding it against what the archive has."""
    status, _ = await rig.c_store(IMAGE)
    rig.profile("harmony")
    harmony, comment = await rig.c_store(IMAGE)
    rig.profile("standard")
    answered = await rig.stow(IMAGE)
    kinds = {category(one, Service.STORE) for one in (status, harmony)}
    web = f"STOW {answered.status}"
    if wait := answered.headers.get("retry-after"):
        web += f" in {wait} s"
    if answered.stored:
        item = answered.json["00081199"]["Value"][0]
        warning = item.get("00081196", {}).get("Value", [0])[0]
        web += f" stored {warning:04X}" if warning else " stored"
    else:
        web += f" failed {answered.failed[IMAGE.sop_instance_uid]:04X}"
    return kinds, bool(answered.stored), f"{status:04X} | {harmony:04X} | {web} | {comment or '-'}"


def rows(name):
    path = GOLDEN / name
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return dict(line.split(" -> ") for line in lines if line and not line.startswith("#"))


def hold(name, case, row):
    """Compare with the golden row, or write it."""
    if not os.environ.get("HILUM_UPDATE_GOLDEN"):
        assert rows(name).get(case) == row
        return
    path = GOLDEN / name
    told = {**rows(name), case: row}
    head = "# What the archive does -> C-STORE | the same by the profile harmony | STOW | comment\n"
    path.write_text(head + "".join(f"{k} -> {v}\n" for k, v in told.items()), encoding="utf-8")


def judged(kinds, is_stored, *, has_it):
    assert kinds <= ({Category.SUCCESS, Category.WARNING} if has_it else {Category.FAILURE})
    assert is_stored == has_it


@pytest.mark.asyncio
@pytest.mark.parametrize("case", SERVERS)
async def test_what_a_server_answers_is_told(tmp_path, case):
    on_request, has_it = SERVERS[case]
    async with ThroughRig(tmp_path).open() as rig:
        rig.server.on_request = on_request
        rig.use_server()

        kinds, is_stored, row = await row_of(rig)

        judged(kinds, is_stored, has_it=has_it)
        assert rig.drafts() == 0
    hold("servers.txt", case, row)


@pytest.mark.asyncio
@pytest.mark.parametrize("case", EARLY)
async def test_what_a_server_answers_early_is_told(tmp_path, case):
    async with ThroughRig(tmp_path).open() as rig:
        rig.server.on_head = EARLY[case]
        rig.use_server()

        kinds, is_stored, row = await row_of(rig)

        judged(kinds, is_stored, has_it=False)
    hold("servers_early.txt", case, row)


@pytest.mark.asyncio
@pytest.mark.parametrize("case", PEERS)
async def test_what_a_peer_answers_is_told(tmp_path, case):
    conduct, has_it = PEERS[case]
    async with ThroughRig(tmp_path).open() as rig:
        for name, value in conduct.items():
            setattr(rig.peer, name, value)
        rig.use_peer()

        kinds, is_stored, row = await row_of(rig)

        judged(kinds, is_stored, has_it=has_it)
        assert rig.drafts() == 0
    hold("peers.txt", case, row)


@pytest.mark.parametrize(
    ("name", "cases"),
    [("servers.txt", SERVERS), ("servers_early.txt", EARLY), ("peers.txt", PEERS)],
)
def test_no_row_is_left_over(name, cases):
    assert list(rows(name)) == list(cases)
