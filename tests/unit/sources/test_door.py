"""The DIMSE door on a real socket: what each command, silence and misbehaviour is answered with."""

import asyncio
import contextlib
import dataclasses
import gc
import socket
import struct
from collections.abc import Callable

import pytest
from intake_bench import Bench

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.requestor import VERIFICATION_CONTEXT, Requestor, associate
from hilum.dimse.command import Command, CommandField, encode_command
from hilum.dimse.upper.items import PresentationContext
from hilum.kernel.errors import Rejected, Unreachable
from hilum.kernel.names import AETitle
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.sources.dimse.admission import Rules
from hilum.sources.dimse.channel import listen, plain_address
from hilum.sources.dimse.desk import Desk
from hilum.sources.dimse.door import DimseDoor
from hilum.sources.dimse.services import Rulebook
from hilum.sources.dimse.settings import DimseLimits
from hilum.testing.datasets import CT, EXPLICIT_VR_LITTLE_ENDIAN, instance

CONTEXTS = (VERIFICATION_CONTEXT, PresentationContext(3, CT, (EXPLICIT_VR_LITTLE_ENDIAN,)))
_OURS = {"hilum.sources.dimse.connection", "hilum.pipeline.reception", "hilum.vault.draft"}
RULES = Rules(frozenset({"HILUM"}), True, (), "loopback", 50)


class Site:
    """A door that is open on loopback."""

    def __init__(self, bench: Bench, limits: DimseLimits, rules: Rules) -> None:
        self.bench = bench
        self.raws: list[Raw] = []
        self.desk = Desk(
            rulebook=Rulebook(rules, accept_private_sop_classes=False),
            limits=limits,
            intake=bench.intake,
            clock=bench.clock,
            telemetry=bench.telemetry,
        )
        self.door = DimseDoor(self.desk, None)
        (self.listener,) = listen("127.0.0.1", 0)
        self.port = self.listener.getsockname()[1]

    async def associate(self, called: str = "HILUM", calling: str = "CT1") -> Requestor:
        address = Address("127.0.0.1", self.port, AETitle(called), AETitle(calling))
        return await associate(address, CONTEXTS, RequestorOptions())

    async def raw(self) -> "Raw":
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.raws.append(Raw(reader, writer))
        return self.raws[-1]

    def events(self, name: str) -> list:
        return [e for e in self.bench.telemetry.events if type(e).__name__ == name]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not holds():  # noqa: ASYNC110 - what is waited for has no event of its own
                await asyncio.sleep(0.01)


class Raw:
    """A peer that sends the bytes it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def open(self, *, called: bytes = b"HILUM", calling: bytes = b"CT1") -> int:
        def item(kind: int, body: bytes) -> bytes:
            return struct.pack(">BBH", kind, 0, len(body)) + body

        contexts = b"".join(
            item(
                0x20,
                bytes([c.id, 0, 0, 0])
                + item(0x30, c.abstract_syntax.encode())
                + b"".join(item(0x40, t.encode()) for t in c.transfer_syntaxes),
            )
            for c in CONTEXTS
        )
        user = item(0x50, item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3"))
        body = (
            b"\0\1\0\0"
            + called.ljust(16)
            + calling.ljust(16)
            + bytes(32)
            + item(0x10, b"1.2.840.10008.3.1.1.1")
            + contexts
            + user
        )
        self.writer.write(struct.pack(">BBI", 1, 0, len(body)) + body)
        kind, _ = await self.pdu()
        return kind

    async def pdu(self) -> tuple[int, bytes]:
        head = await asyncio.wait_for(self.reader.readexactly(6), 5)
        kind, length = struct.unpack(">BxI", head)
        return kind, await asyncio.wait_for(self.reader.readexactly(length), 5)

    def send(self, context: int, flags: int, data: bytes) -> None:
        self.writer.write(
            struct.pack(">BBIIBB", 4, 0, len(data) + 6, len(data) + 2, context, flags) + data
        )

    async def status(self) -> int:
        kind, body = await self.pdu()
        assert kind == 4
        at = body.index(b"\0\0\0\x09\2\0\0\0")
        return struct.unpack_from("<H", body, at + 8)[0]

    async def is_over(self) -> bool:
        """Read until the end; True when it comes, however it comes."""
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(self.reader.read(), 5)
        return True

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@pytest.fixture
def visit(tmp_path, monkeypatch):
    """Run a scenario against an open door; `visit(scenario, limits=..., rules=...)`."""
    monkeypatch.setattr("hilum.sources.dimse.door._WATCH_SECONDS", 0.02)

    def runner(scenario, rules=RULES, **limits):
        async def main() -> None:
            bench = Bench(tmp_path, synced=False, policy=DuplicatePolicy.KEEP_BOTH)
            bench.intake.start(asyncio.get_running_loop())
            site = Site(bench, DimseLimits(**{"stop_seconds": 1, **limits}), rules)
            site.door.open([site.listener], [])
            try:
                await scenario(site)
            finally:
                for raw in site.raws:
                    await raw.close()
                await site.door.stop()
                await bench.intake.stop()
                bench.ledger.close()
            assert site.events("ConnectionFailed") == []

        asyncio.run(main())

    return runner


def test_echo_store_and_release(visit):
    generated = instance(seed=1)

    async def scenario(site: Site) -> None:
        requestor = await site.associate()
        assert await requestor.echo() == 0
        response = await requestor.store(
            3, 2, generated.sop_class_uid, generated.sop_instance_uid, [generated.data_set]
        )
        assert response.status == 0
        await requestor.release()
        await site.until(lambda: site.desk.associations == 0)
        (closed,) = site.events("AssociationClosed")
        assert (closed.ending, closed.stored) == ("released", 1)

    visit(scenario)


@pytest.mark.parametrize("size", [1, 2, 7, 1000, 16_000])
def test_a_store_in_pieces_of_any_size_is_byte_identical(visit, size):
    generated = instance(seed=1, pixel_bytes=2000 if size < 8 else 600_000)

    async def scenario(site: Site) -> None:
        requestor = await site.associate()
        data = generated.data_set
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        response = await requestor.store(
            3, 1, generated.sop_class_uid, generated.sop_instance_uid, pieces
        )
        assert response.status == 0
        (path,) = site.bench.files()
        assert (site.bench.root / path).read_bytes().endswith(data)
        await requestor.release()

    visit(scenario)


def command(field: int, **values: object) -> bytes:
    return encode_command(Command(field, message_id=1, **values))


def store_command(**changes: object) -> bytes:
    generated = instance(seed=1)
    values = {
        "has_data_set": True,
        "affected_sop_class_uid": generated.sop_class_uid,
        "affected_sop_instance_uid": generated.sop_instance_uid,
        "priority": 0,
        **changes,
    }
    return command(CommandField.C_STORE_RQ, **values)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"affected_sop_class_uid": "1.2.840.10008.5.1.4.1.1.4"}, 0x0122),
        ({"affected_sop_instance_uid": "../../etc"}, 0x0117),
        ({"affected_sop_instance_uid": ""}, 0x0117),
        ({"affected_sop_instance_uid": "1.2.3"}, 0xA900),
    ],
)
def test_a_store_that_cannot_be_is_refused_after_its_data_set_and_the_next_one_works(
    visit, changes, status
):
    generated = instance(seed=1)

    async def scenario(site: Site) -> None:
        raw = await site.raw()
        assert await raw.open() == 2
        raw.send(3, 3, store_command(**changes))
        raw.send(3, 2, generated.data_set)
        assert await raw.status() == status
        assert site.bench.files() == []
        raw.send(3, 3, store_command())
        raw.send(3, 2, generated.data_set)
        assert await raw.status() == 0
        await raw.close()

    visit(scenario)


def test_an_unknown_operation_is_answered_as_such(visit):
    async def scenario(site: Site) -> None:
        raw = await site.raw()
        await raw.open()
        raw.send(3, 3, command(CommandField.C_FIND_RQ, has_data_set=True))
        raw.send(3, 2, b"\0" * 20)
        assert await raw.status() == 0x0211
        await raw.close()

    visit(scenario)


@pytest.mark.parametrize("has_data_set", [False, True])
@pytest.mark.parametrize("field", [CommandField.C_ECHO_RSP, CommandField.C_STORE_RSP, 0x8FFF])
def test_a_response_to_nothing_is_a_violation(visit, field, has_data_set):
    """We ask an acceptor's peer for nothing. It was "a fault of ours" once."""

    async def scenario(site: Site) -> None:
        raw = await site.raw()
        await raw.open()
        answer = Command(
            field, message_id_being_responded_to=1, status=0, has_data_set=has_data_set
        )
        raw.send(1, 3, encode_command(answer))
        kind, body = await raw.pdu()
        assert (kind, body[2]) == (7, 0)
        await site.until(lambda: bool(site.events("AssociationClosed")))
        assert site.events("AssociationClosed")[0].ending == "violation"

    visit(scenario)


def test_a_store_on_the_verification_context_is_not_stored(visit):
    generated = instance(seed=1)

    async def scenario(site: Site) -> None:
        raw = await site.raw()
        await raw.open()
        raw.send(1, 3, store_command())
        raw.send(1, 2, generated.data_set)
        assert await raw.status() == 0x0122
        await raw.close()

    visit(scenario)


@pytest.mark.parametrize("calling", [b"CT1", b"SOMEBODY"])
def test_release_is_answered_after_the_store_that_is_pending(visit, calling):
    generated = instance(seed=1)

    async def scenario(site: Site) -> None:
        raw = await site.raw()
        await raw.open(calling=calling)
        raw.send(3, 3, store_command())
        raw.send(3, 2, generated.data_set)
        raw.writer.write(struct.pack(">BBI", 5, 0, 4) + bytes(4))
        assert await raw.status() == 0
        assert (await raw.pdu())[0] == 6
        await raw.close()

    visit(scenario)


@pytest.mark.parametrize("ending", ["abort", "fin", "reset"])
def test_who_goes_away_in_the_middle_leaves_nothing(visit, ending):
    generated = instance(seed=1, pixel_bytes=5_000_000)

    async def scenario(site: Site) -> None:
        raw = await site.raw()
        await raw.open()
        raw.send(3, 3, store_command())
        for at in range(0, 3_000_000, 10_000):
            raw.send(3, 0, generated.data_set[at : at + 10_000])
        await raw.writer.drain()
        if ending == "abort":
            raw.writer.write(struct.pack(">BBI", 7, 0, 4) + bytes(4))
        elif ending == "reset":
            linger = struct.pack("ii", 1, 0)
            sock = raw.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        await raw.close()
        await site.until(lambda: site.desk.associations == 0 and not site.bench.drafts())
        assert site.bench.files() == []
        assert site.bench.intake.open_receptions == 0

    visit(scenario)


@pytest.fixture
def garbage():
    """Give the classes of ours that only the garbage collector can free, when it is called."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)

    def found() -> set[str]:
        gc.collect()
        return {type(one).__qualname__ for one in gc.garbage if type(one).__module__ in _OURS}

    yield found
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


@pytest.mark.parametrize("ending", ["released", "aborted", "violation", "lost"])
def test_an_association_leaves_nothing_to_the_garbage_collector(visit, garbage, ending):
    """Buffers would stay until 50,000 objects had piled up: 20 MB in a storm of nonsense."""
    last = {
        "released": struct.pack(">BBI", 5, 0, 4) + bytes(4),
        "aborted": struct.pack(">BBI", 7, 0, 4) + bytes(4),
        "violation": b"\x47" * 20,
        "lost": b"",
    }

    async def scenario(site: Site) -> None:
        raw = await site.raw()
        await raw.open()
        generated = instance(seed=1)
        raw.send(3, 3, store_command())
        raw.send(3, 2, generated.data_set)
        raw.send(3, 3, store_command())
        raw.send(3, 0, generated.data_set[:100])
        raw.writer.write(last[ending])
        await raw.close()
        await site.until(lambda: len(site.events("AssociationClosed")) == 1)
        await site.until(lambda: site.bench.intake.open_receptions == 0)

        assert garbage() == set()

    visit(scenario)


def test_a_wrong_called_title_is_rejected_with_a_remedy(visit):
    async def scenario(site: Site) -> None:
        with pytest.raises(Rejected, match="called AE title"):
            await site.associate(called="WRONG")
        (event,) = site.events("AssociationRejected")
        assert event.remedy

    visit(scenario)


def test_a_full_disk_rejects_storage_for_now_but_still_answers_echo(visit):
    async def scenario(site: Site) -> None:
        site.bench.intake.learn_room(0, 1 << 40)
        with pytest.raises(Unreachable):
            await site.associate()
        address = Address("127.0.0.1", site.port, AETitle("HILUM"), AETitle("CT1"))
        requestor = await associate(address, (VERIFICATION_CONTEXT,), RequestorOptions())
        assert await requestor.echo() == 0
        await requestor.release()

    visit(scenario)


def test_the_limit_of_associations_is_transient(visit):
    async def scenario(site: Site) -> None:
        first = await site.associate()
        with pytest.raises(Unreachable):
            await site.associate()
        await first.release()
        await site.until(lambda: site.desk.associations == 0)
        await (await site.associate()).release()

    visit(scenario, rules=dataclasses.replace(RULES, associations_max=1))


def test_a_connection_without_a_request_is_dropped(visit):
    async def scenario(site: Site) -> None:
        raw = await site.raw()
        assert await raw.is_over()
        (event,) = site.events("ConnectionDropped")
        assert event.cause == "artim"

    visit(scenario, artim_seconds=0.1)


def test_a_request_that_trickles_in_is_dropped_at_the_same_absolute_deadline(visit):
    async def scenario(site: Site) -> None:
        raw = await site.raw()
        with contextlib.suppress(ConnectionError):
            for byte in struct.pack(">BBI", 1, 0, 200) + b"\0\1\0\0" + bytes(50):
                raw.writer.write(bytes([byte]))
                await raw.writer.drain()
                await asyncio.sleep(0.02)
        assert site.events("ConnectionDropped")

    visit(scenario, artim_seconds=0.2)


def test_an_idle_association_is_aborted(visit):
    async def scenario(site: Site) -> None:
        raw = await site.raw()
        await raw.open()
        assert (await raw.pdu())[0] == 7
        await site.until(lambda: bool(site.events("AssociationClosed")))
        assert site.events("AssociationClosed")[0].ending == "idle"

    visit(scenario, idle_seconds=0.1)


def test_a_data_set_that_trickles_in_is_aborted(visit):
    async def scenario(site: Site) -> None:
        raw = await site.raw()
        await raw.open()
        raw.send(3, 3, store_command())
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                raw.send(3, 0, b"\0\0")
                await raw.writer.drain()
                await asyncio.sleep(0.02)
        await site.until(lambda: bool(site.events("AssociationClosed")))
        assert site.events("AssociationClosed")[0].ending == "too_slow"

    visit(scenario, transfer_grace_seconds=0.2)


def test_nonsense_is_aborted_and_the_door_stays_open(visit):
    async def scenario(site: Site) -> None:
        for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100, struct.pack(">BBI", 1, 0, 1 << 31)):
            raw = await site.raw()
            raw.writer.write(junk)
            assert await raw.is_over()
            await raw.close()
        await (await site.associate()).release()

    visit(scenario)


def test_all_addresses_are_those_of_ipv6_and_of_ipv4():
    """A peer that calls over IPv4 keeps its own address, which the rules and the log know it by."""
    try:
        (listener,) = listen("::", 0)
    except OSError:
        pytest.skip("no IPv6 here")
    with listener, socket.create_connection(listener.getsockname()[:2]) as over_ipv6:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as over_ipv4:
            assert over_ipv6.getpeername()[1] == over_ipv4.getpeername()[1] == port


def test_a_caller_over_ipv4_on_an_ipv6_socket_is_known_by_its_ipv4_address():
    assert plain_address("::ffff:10.1.2.3") == "10.1.2.3"
    assert plain_address("10.1.2.3") == "10.1.2.3"
    assert plain_address("fd00::1") == "fd00::1"
    assert plain_address("fe80::1%eth0") == "fe80::1%eth0"


def test_a_stop_lets_the_store_that_was_begun_come_to_its_answer(visit):
    generated = instance(seed=1)

    async def scenario(site: Site) -> None:
        raw = await site.raw()
        await raw.open()
        raw.send(3, 3, store_command())
        raw.send(3, 0, generated.data_set[:500])
        await raw.writer.drain()
        await site.until(lambda: site.bench.intake.open_receptions == 1)
        stopping = asyncio.create_task(site.door.stop())
        await asyncio.sleep(0)
        raw.send(3, 2, generated.data_set[500:])
        assert await raw.status() == 0
        assert (await raw.pdu())[0] == 7
        await stopping
        await raw.close()

    visit(scenario, stop_seconds=5)
