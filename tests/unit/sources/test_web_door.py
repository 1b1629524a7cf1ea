"""The DICOMweb door: every fault is a status or a closed connection, and is told of."""

import asyncio
import contextlib

import pytest
import uvloop
from asgi_client import Client

from hilum.dicomweb.refusal import RequestRefused
from hilum.dicomweb.resource import RetrieveInstances, Search, Store
from hilum.kernel.errors import CorruptPayload, Full, Unreachable
from hilum.kernel.telemetry import Silence
from hilum.service.web import WebServer, listen
from hilum.sources.web.arriving_body import Pace
from hilum.sources.web.door import Face, WebDoor
from hilum.sources.web.events import RequestAnswered, RequestFailed
from hilum.sources.web.exchange import Reply
from hilum.sources.web.settings import WebLimits

FACE = Face("/dicom-web", "HILUM")
SECRET = "Doe^Jane"


class Remembering:
    def __init__(self):
        self.events = []

    def emit(self, event):
        self.events.append(event)


def door_with(handler, telemetry=None, kind=Search, **options):
    return WebDoor(FACE, {kind: handler}, telemetry or Silence(), **options)


def raising(error):
    async def handler(_exchange, _resource):
        raise error

    return handler


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RequestRefused(406, "no"), 406),
        (Full("the disk is full"), 507),
        (CorruptPayload(SECRET), 500),
        (Unreachable("the archive is away"), 503),
        (OSError(SECRET), 503),
        (ValueError(SECRET), 500),
    ],
)
def test_a_fault_is_a_status_without_what_it_was_about(error, status):
    answer = Client(door_with(raising(error))).get("/dicom-web/studies")

    assert answer.status_code == status
    assert SECRET.encode() not in answer.content
    assert answer.headers[b"content-type"] == b"application/problem+json"


def test_a_request_is_counted_by_what_it_was_and_never_by_its_address():
    told = Remembering()

    Client(door_with(raising(ValueError(SECRET)), told)).get(
        "/dicom-web/studies", params={"PatientName": SECRET}
    )

    failed, answered = told.events
    assert isinstance(failed, RequestFailed)
    assert (answered.method, answered.resource, answered.status) == ("GET", "search", "500")
    assert SECRET not in repr(told.events)


def test_methods_and_paths_that_clients_make_up_are_no_labels():
    told = Remembering()

    Client(door_with(raising(ValueError()), told)).ask("BREW", "/dicom-web/coffee")

    [answered] = told.events
    assert (answered.method, answered.resource, answered.status) == ("other", "none", "404")


def test_what_nobody_answers_is_not_implemented():
    assert Client(door_with(raising(ValueError()))).get("/dicom-web/studies/1.2").status_code == 501


def test_options_of_a_resource_are_its_methods():
    answer = Client(door_with(raising(ValueError()))).ask("OPTIONS", "/dicom-web/studies/1.2")

    assert answer.status_code == 204
    assert answer.headers[b"allow"] == b"GET, HEAD, OPTIONS, DELETE, POST"


class Source:
    """A body that is made while it is sent, and knows whether it was let go."""

    def __init__(self, *pieces, error=None):
        self.pieces = pieces
        self.error = error
        self.begun = self.closed = False

    async def stream(self):
        self.begun = True
        try:
            for piece in self.pieces:
                yield piece
            if self.error:
                raise self.error
        finally:
            self.closed = True

    async def handler(self, _exchange, _resource):
        return Reply(200, "application/dicom", self.stream())


def test_head_sends_no_body_and_does_not_begin_one():
    source = Source(b"x")

    answer = Client(door_with(source.handler, kind=RetrieveInstances)).ask(
        "HEAD", "/dicom-web/studies/1.2"
    )

    assert (answer.status_code, answer.content, source.begun) == (200, b"", False)


# On real sockets.


@contextlib.asynccontextmanager
async def served(door, **limits):
    server = WebServer(door, listen("127.0.0.1", 0), WebLimits(**limits))
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(server.run())
        yield server.port
        running.cancel()


def run(scenario):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(scenario())


def request(method="GET", path="/dicom-web/studies/1.2", *fields, body=b""):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *fields, "", ""]).encode() + body


async def exchange(port, content):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(content)
    try:
        return await reader.read()
    finally:
        writer.close()


def test_an_answer_that_breaks_is_cut_off_without_its_last_chunk(caplog):
    told = Remembering()
    source = Source(b"begun", error=OSError(SECRET))

    async def scenario():
        async with served(door_with(source.handler, told, RetrieveInstances)) as port:
            return await exchange(port, request())

    answer = run(scenario)

    assert b"begun" in answer
    assert not answer.endswith(b"0\r\n\r\n")
    assert [type(event) for event in told.events] == [RequestFailed, RequestAnswered]
    assert not caplog.records
    assert source.closed


def test_a_body_is_not_made_for_a_client_that_has_gone():
    told = Remembering()
    gone = asyncio.Event()
    closed = asyncio.Event()

    async def endless():
        try:
            yield b"first"
            await gone.wait()
            while True:
                yield b"more" * 1000
                await asyncio.sleep(0)
        finally:
            closed.set()

    async def handler(_exchange, _resource):
        return Reply(200, "application/dicom", endless())

    async def scenario():
        async with served(door_with(handler, told, RetrieveInstances)) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request())
            await reader.readuntil(b"first")
            writer.transport.abort()
            gone.set()
            await closed.wait()

    run(scenario)

    assert [event.status for event in told.events] == ["499"]


def test_a_client_that_takes_nothing_is_not_waited_for():
    closed = asyncio.Event()

    async def endless():
        try:
            while True:
                yield b"x" * 1_000_000
        finally:
            closed.set()

    async def handler(_exchange, _resource):
        return Reply(200, "application/dicom", endless())

    async def scenario():
        door = door_with(handler, kind=RetrieveInstances)
        async with served(door, transfer_grace_seconds=0.05) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
            writer.write(request())
            await closed.wait()
            writer.close()

    run(scenario)


async def take_all(exchange_of, _resource):
    async for _ in exchange_of.body():
        pass
    return Reply(200, "text/plain", b"taken")


@pytest.mark.parametrize("sent", [b"", b"some"])
def test_a_body_that_does_not_come_is_not_waited_for(sent):
    async def scenario():
        door = door_with(take_all, kind=Store, pace=Pace(1000, 0.05))
        async with served(door) as port:
            head = request("POST", "/dicom-web/studies", "Content-Length: 100", body=sent)
            return await exchange(port, head)

    assert run(scenario).startswith(b"HTTP/1.1 408 ")


def test_who_sends_a_body_that_nobody_reads_still_sees_the_answer():
    body = b"x" * 2_000_000

    async def scenario():
        door = door_with(raising(RequestRefused(415, "not this")), kind=Store)
        async with served(door) as port:
            head = request("POST", "/dicom-web/studies", f"Content-Length: {len(body)}", body=body)
            return await exchange(port, head)

    answer = run(scenario)

    assert answer.startswith(b"HTTP/1.1 415 ")
    assert b"connection: close" in answer
    assert b"not this" in answer


def test_who_waits_for_consent_is_refused_without_being_asked_for_a_body():
    async def scenario():
        door = door_with(raising(RequestRefused(415, "not this")), kind=Store)
        async with served(door) as port:
            head = request(
                "POST", "/dicom-web/studies", "Content-Length: 9", "Expect: 100-continue"
            )
            return await exchange(port, head)

    answer = run(scenario)

    assert answer.startswith(b"HTTP/1.1 415 ")
    assert b"100 Continue" not in answer


def test_a_body_that_was_read_leaves_the_connection_open():
    async def scenario():
        async with served(door_with(take_all, kind=Store)) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for _ in range(2):
                writer.write(request("POST", "/dicom-web/studies", "Content-Length: 2", body=b"ok"))
                assert b"200 OK" in await reader.readuntil(b"taken")
            writer.close()

    run(scenario)
