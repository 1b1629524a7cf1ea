"""Reading without the transport: memory is not lent twice, and the reading side can be paused."""

import asyncio
import socket

from hilum.sources.web.socket_reading import (
    READ_BYTES_MAX,
    READS_PER_TURN,
    SocketReading,
    spare_memory,
)

MORE_THAN_ENOUGH = 20


class Transport:
    """As much of a transport as reading needs."""

    def __init__(self, sock):
        self.sock = sock
        self.calls = []

    def get_extra_info(self, _name):
        return self.sock

    def is_closing(self):
        return bool({"abort", "close"} & set(self.calls))

    def __getattr__(self, name):
        return lambda: self.calls.append(name)


async def until(condition):
    for _ in range(MORE_THAN_ENOUGH):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came")


def run(scenario):
    async def whole():
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        came = []
        transport = Transport(ours)
        reading = SocketReading(
            transport,
            asyncio.get_running_loop(),
            memory=spare_memory(),
            take=came.append,
            size=lambda: 4,
        )
        with ours, theirs:
            await scenario(reading, transport, theirs, came)
            reading.close()

    asyncio.run(whole())


def test_no_more_is_read_at_once_than_is_wanted():
    async def scenario(reading, transport, theirs, came):
        theirs.send(b"abcdefg")

        reading.begin()
        await until(lambda: len(came) == 2)

        assert [bytes(one) for one in came] == [b"abcd", b"efg"]
        assert transport.calls == ["pause_reading"]

    run(scenario)


def test_what_comes_while_reading_is_paused_stays_in_the_socket():
    async def scenario(reading, transport, theirs, came):
        reading.pause_reading()
        reading.begin()
        theirs.send(b"abcd")
        await asyncio.sleep(0.002)
        before = list(came)

        reading.resume_reading()
        await until(lambda: came)

        assert before == []
        assert transport.calls == ["pause_reading"]

    run(scenario)


def test_before_it_begins_the_transport_is_paused():
    async def scenario(reading, transport, theirs, came):
        reading.pause_reading()
        reading.resume_reading()

        assert transport.calls == ["pause_reading", "resume_reading"]
        assert came == []
        assert theirs.fileno() > 0

    run(scenario)


def test_an_end_closes_the_transport():
    async def scenario(reading, transport, theirs, _came):
        reading.begin()
        theirs.shutdown(socket.SHUT_WR)
        await until(transport.is_closing)

        assert transport.calls == ["pause_reading", "close"]

    run(scenario)


def test_memory_has_room_for_one_read():
    assert len(spare_memory().lend()) == READ_BYTES_MAX


def test_what_is_there_can_be_taken_without_a_turn_but_not_for_ever():
    async def scenario(reading, _transport, theirs, came):
        theirs.send(b"1234")
        reading.begin()
        reading.read_on()
        assert not came  # the loop has given no turn yet
        await until(lambda: came)
        theirs.send(b"5678" * MORE_THAN_ENOUGH)

        for _ in range(MORE_THAN_ENOUGH):
            reading.read_on()

        assert [bytes(one) for one in came] == [b"1234", *[b"5678"] * READS_PER_TURN]
        await until(lambda: len(came) == 1 + MORE_THAN_ENOUGH)

    run(scenario)


def test_nothing_is_taken_where_nothing_is_there_or_reading_is_paused():
    async def scenario(reading, _transport, theirs, came):
        theirs.send(b"1234")
        reading.begin()
        await until(lambda: came)

        reading.read_on()
        reading.pause_reading()
        theirs.send(b"5678")
        reading.read_on()

        assert [bytes(one) for one in came] == [b"1234"]

    run(scenario)
