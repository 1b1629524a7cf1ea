"""Whatever an archive answers, who asks a gateway before it hears what the golden table says.

Archives are scripted, and asked over real sockets by a real gateway; nobody waits beyond deadlines,
and nothing is a success that is not one.
"""

import asyncio
import contextlib
import http.client
import threading
import time
from pathlib import Path

import pytest
from dimse_archive import DimseArchive
from query_peer import ABORT, HANG_UP, WAIT, QueryPeer
from scripted_archive import ROOT, ScriptedArchive
from trials import wire_queries
from trials.gateway import Settings
from trials.targets import GatewayTarget

from hilum.dimse.service.ending import Ending
from hilum.dimse.upper.pdu import AssociateReject
from hilum.dimse.upper.reasons import AcseReason, PresentationReason, RejectResult, UserReason
from hilum.testing.datasets import instance
from hilum.testing.http_server import HangUp, Reply, Silence

GOLDEN = Path(__file__).parents[1] / "golden/bridge_statuses/ailments.txt"
HELD = [instance(seed=n, study=1, series=1, pixel_bytes=60_000) for n in (1, 2, 3)]
STUDY = HELD[0].study_instance_uid
DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'
# Of a silent archive: its own deadline, what is tried again, and a busy machine.
SECONDS_MAX = 12.0
DEADLINES = (
    "response_timeout_seconds = 0.5\nconnect_timeout_seconds = 2\nkeep_alive_seconds = 0.1\n"
)


def golden(kind):
    """Give (what is answered, by what) of the rows of one kind: HTTP, C-FIND, lost."""
    rows = {}
    for line in GOLDEN.read_text().splitlines():
        said, arrow, told = line.partition(" -> ")
        name, _, what = said.partition(" ")
        if arrow and name == kind and not line.startswith("#"):
            answers = dict(part.split(" ", 1) for part in told.split(" | ") if " " in part)
            rows[what] = {key: value.split(" ")[0] for key, value in answers.items()}
    return rows


@contextlib.contextmanager
def in_a_thread(listening):
    """Run a server in a loop of its own for as long as the context lasts."""
    ready, over = threading.Event(), threading.Event()

    async def listen():
        async with listening():
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(listen()), name="archive")
    thread.start()
    try:
        assert ready.wait(20)
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def cloud():
    archive = ScriptedArchive(HELD)
    with in_a_thread(archive.server.listening):
        yield archive


@pytest.fixture(scope="module")
def pacs():
    archive = DimseArchive(held=HELD)
    peer = QueryPeer(archive.script)
    peer.archive = archive
    with in_a_thread(peer.listening):
        yield peer


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, gateway_logs, cloud, pacs):
    more = (
        f'[destinations.cloud]\ntype = "dicomweb"\n{DEADLINES}stall_timeout_seconds = 0.5\n'
        f'url = "http://127.0.0.1:{cloud.server.port}{ROOT}"\n'
        f'[destinations.pacs]\ntype = "dimse"\n{DEADLINES}association_timeout_seconds = 0.5\n'
        f'host = "127.0.0.1"\nport = {pacs.port}\nae_title = "PACS"\n'
        'archive = { retrieve = "get", keep_alive_seconds = 0.1 }\n'
        '[entities.CLOUD]\nanswers = ["cloud"]\ndeadline_seconds = 3\n'
        '[entities.OLD]\nanswers = ["pacs"]\ndeadline_seconds = 3\n'
        "[cache]\nbytes_max = 0\n"
    )
    settings = Settings(level="debug", durability="process", more=more)
    gateway = GatewayTarget(tmp_path_factory.mktemp("gateway"), settings)
    gateway_logs.append(gateway.log)
    gateway.start()
    yield gateway
    gateway.stop()


def found(gateway):
    """Give the status of a C-FIND, and how many matches came."""
    with wire_queries.associated(gateway.port, "CLOUD", seconds_max=SECONDS_MAX) as connection:
        wire_queries.find(connection)
        heard = wire_queries.outcome(connection)
        connection.release()
    return f"{heard.status:04X}", heard.matches


def got(gateway):
    """Give the status of a C-GET, and how many instances came."""
    with wire_queries.associated(gateway.port, "CLOUD", seconds_max=SECONDS_MAX) as connection:
        wire_queries.get(connection, STUDY)
        heard = wire_queries.outcome(connection)
        connection.release()
    return f"{heard.status:04X}", len(heard.instances)


def asked(gateway, path, accept):
    """Give the status code of a GET at the entity over DIMSE, its head and its body."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.web_port, timeout=SECONDS_MAX)
    connection.request("GET", f"/aets/OLD/rs{path}", headers={"Accept": accept})
    answer = connection.getresponse()
    try:
        body = answer.read()
    except (http.client.IncompleteRead, ConnectionError):
        body = None  # cut: nobody takes it for the whole
    connection.close()
    return str(answer.status), body


def searched(gateway):
    return asked(gateway, "/studies", "application/dicom+json")


def fetched(gateway):
    return asked(gateway, f"/studies/{STUDY}", DICOM)


def heal(gateway, cloud):
    """Have the archive answer well again: one that fails again and again is spared for a while."""
    cloud.quirk = lambda _: None
    deadline = time.monotonic() + 30
    while found(gateway) != ("0000", 1):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_search(request):
    """Tell whether a request is QIDO-RS."""
    return request.target.partition("?")[0].rpartition("/")[2] in {"studies", "series", "instances"}


# Good codes are no ailments; who asks for patience is left alone for so long.
HTTP_ROWS = {code: row for code, row in golden("HTTP").items() if code.isdigit() and code >= "300"}


@pytest.mark.parametrize("code", HTTP_ROWS)
def test_each_code_of_a_web_archive_ends_a_find_as_the_table_says(gateway, cloud, code):
    cloud.quirk = lambda _: Reply(int(code))
    began = time.monotonic()

    status, matches = found(gateway)

    assert (status, matches) == (HTTP_ROWS[code]["find"], 0)
    assert time.monotonic() - began < SECONDS_MAX
    heal(gateway, cloud)


@pytest.mark.parametrize("code", HTTP_ROWS)
def test_each_code_of_a_web_archive_ends_a_get_without_success(gateway, cloud, code):
    """Searches go well, so that something is to be fetched; nothing can be."""
    cloud.quirk = lambda request: None if is_search(request) else Reply(int(code))
    began = time.monotonic()

    status, instances = got(gateway)

    assert instances == 0
    # Each instance has failed (A702), or the whole as the table says.
    assert status in {"A702", HTTP_ROWS[code]["retrieve"]}
    assert time.monotonic() - began < SECONDS_MAX
    heal(gateway, cloud)


def raises(error):
    """Do something else than answer."""

    def quirk(_):
        raise error

    return quirk


JSON = {"Content-Type": "application/dicom+json"}
BROKEN_SEARCHES = {
    "no JSON": lambda _: Reply(200, JSON, b"[{not JSON"),
    "half of it": lambda _: Reply(200, JSON, b"[" + b" " * 50, cut_at=10),
    "a page of a login": lambda _: Reply(200, {"Content-Type": "text/html"}, b"<html>log in"),
    "a number": lambda _: Reply(200, JSON, b"7"),
    "no gzip": lambda _: Reply(200, {**JSON, "Content-Encoding": "gzip"}, b"nothing of that kind"),
    "a head and silence": lambda _: Reply(200, JSON, b"[]" * 100, stalls=True),
    "silence": raises(Silence()),
    "a reset": raises(HangUp()),
    "a circle of redirections": lambda request: Reply(302, {"Location": request.target}),
}


@pytest.mark.parametrize("what", BROKEN_SEARCHES)
def test_a_broken_answer_to_a_search_is_no_success(gateway, cloud, what):
    cloud.quirk = BROKEN_SEARCHES[what]
    began = time.monotonic()

    status, matches = found(gateway)

    assert matches == 0
    assert status in {"A700", "C001"}, status
    assert time.monotonic() - began < SECONDS_MAX
    heal(gateway, cloud)


MULTIPART = 'multipart/related; type="application/dicom"; boundary=b'
BROKEN_RETRIEVALS = {
    "another boundary": lambda _: Reply(200, {"Content-Type": MULTIPART}, b"--c\r\n\r\nx\r\n--c--"),
    "no parts": lambda _: Reply(200, {"Content-Type": MULTIPART}, b"--b--\r\n"),
    "a cut body": lambda _: Reply(200, {"Content-Type": MULTIPART}, b"--b\r\n" * 99, cut_at=20),
    "a lying length": lambda _: Reply(
        200, {"Content-Type": MULTIPART, "Content-Length": "99999"}, b"--b\r\n\r\n", closes=True
    ),
    "silence after the head": lambda _: Reply(
        200, {"Content-Type": MULTIPART}, b"--b\r\n", stalls=True
    ),
    "silence": raises(Silence()),
    "a reset": raises(HangUp()),
    "text": lambda _: Reply(200, {"Content-Type": "text/plain"}, b"no DICOM here"),
    "nothing": lambda _: Reply(200, {"Content-Type": MULTIPART}, b""),
    "no content": lambda _: Reply(204),
}


@pytest.mark.parametrize("what", BROKEN_RETRIEVALS)
def test_a_broken_answer_to_a_retrieval_is_no_success(gateway, cloud, what):
    quirk = BROKEN_RETRIEVALS[what]
    cloud.quirk = lambda request: None if is_search(request) else quirk(request)
    began = time.monotonic()

    status, instances = got(gateway)

    assert instances == 0
    assert status not in {"0000", "B000"}, status
    assert time.monotonic() - began < SECONDS_MAX
    heal(gateway, cloud)


# ---- archives that only know DIMSE ---------------------------------------------------------------


def heal_pacs(gateway, pacs):
    pacs.script, pacs.greets = pacs.archive.script, lambda _: None
    pacs.archive.find_ending = pacs.archive.get_ending = None
    deadline = time.monotonic() + 30
    while searched(gateway)[0] != "200":
        assert time.monotonic() < deadline
        time.sleep(0.1)


FIND_ROWS = golden("C-FIND")
# Those that are no failures are other answers of a C-FIND: matches, warnings, success, cancel.
NO_FAILURES = {"0000", "FF00", "FE00", "B000", "B001"}


@pytest.mark.parametrize("status", sorted(set(FIND_ROWS) - NO_FAILURES))
def test_each_failure_of_a_find_is_the_code_of_the_table(gateway, pacs, status):
    pacs.archive.find_ending = Ending(int(status, 16))

    code, body = searched(gateway)

    assert code == FIND_ROWS[status]["QIDO"]
    assert b"pacs" in body
    heal_pacs(gateway, pacs)


RETRIEVE_ROWS = {**golden("C-MOVE"), **golden("C-GET")}


@pytest.mark.parametrize("status", sorted(set(RETRIEVE_ROWS) - NO_FAILURES))
def test_each_failure_of_a_get_is_no_good_answer(gateway, pacs, status):
    pacs.archive.get_ending = Ending(int(status, 16))
    began = time.monotonic()

    code, body = fetched(gateway)

    assert code == RETRIEVE_ROWS[status]["WADO"] or (code == "502" and body)
    assert time.monotonic() - began < SECONDS_MAX
    heal_pacs(gateway, pacs)


def at_the_door():
    """Have the next question come by an association of its own."""
    time.sleep(0.3)


def say(what):
    def script(_):
        yield what

    return script


REJECTIONS = {
    ("permanent", reason.name): AssociateReject(RejectResult.PERMANENT, reason)
    for reason in (*UserReason, *AcseReason)
} | {
    ("transient", reason.name): AssociateReject(RejectResult.TRANSIENT, reason)
    for reason in PresentationReason
}


@pytest.mark.parametrize("reason", REJECTIONS, ids="-".join)
def test_who_turns_us_away_is_named(gateway, pacs, reason):
    at_the_door()
    pacs.greets = lambda _: REJECTIONS[reason]

    code, body = searched(gateway)

    assert code == ("502" if reason[0] == "permanent" else "503")
    assert b"pacs" in body
    heal_pacs(gateway, pacs)


LOST = {
    "silence at the door": ("greets", lambda _: WAIT, {"504", "502"}),
    "a hang up at the door": ("greets", lambda _: HANG_UP, {"502"}),
    "an abort at the door": ("greets", lambda _: ABORT, {"502"}),
    "silence": ("script", say(WAIT), {"504"}),
    "an abort": ("script", say(ABORT), {"502"}),
    "a hang up": ("script", say(HANG_UP), {"502"}),
}


@pytest.mark.parametrize("what", LOST)
@pytest.mark.parametrize("ask", [searched, fetched])
def test_an_archive_that_is_lost_is_told_of_within_its_deadline(gateway, pacs, what, ask):
    part, does, codes = LOST[what]
    at_the_door()
    setattr(pacs, part, does)
    began = time.monotonic()

    code, body = ask(gateway)

    assert code in codes
    assert b"pacs" in body
    assert time.monotonic() - began < SECONDS_MAX
    heal_pacs(gateway, pacs)
