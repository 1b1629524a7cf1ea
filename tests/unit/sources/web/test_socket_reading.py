"""Reading without the transport: memory is not lent twice, and the reading side can be paused."""

import asyncio
import socket

import pytest

from hilum.sources.web.filled import Filled
from hilum.sources.web.socket_reading import READ_BYTES_MAX, SPARE_MAX, SocketReading, SpareMemory

MORE_THAN_ENOUGH = 20


def test_memory_that_nobody_uses_is_lent_again():
    spare = SpareMemory()
    first = id(spare.lend())

    assert id(spare.lend()) == first


@pytest.mark.parametrize(
    "use", [lambda one: Filled(one, memoryview(one)[:3]), lambda one: memoryview(one)[1:3][:1]]
)
def test_memory_is_not_lent_while_anybody_has_a_piece_of_it(use):
    spare = SpareMemory()
    memory = spare.lend()
    held, number = use(memory), id(memory)
    del memory

    other = id(spare.lend())
    del held

    assert other != number
    assert id(spare.lend()) == number


def test_memory_that_was_looked_at_has_the_length_it_had():
    spare = SpareMemory()
    memory = spare.lend()
    memory[-3:] = b"end"

    again = spare.lend()

    assert again is memory
    assert len(again) == READ_BYTES_MAX
    assert again[-3:] == b"end"


def test_no_more_is_kept_than_allowed():
    spare = SpareMemory()
    lent = [memoryview(spare.lend()) for _ in range(SPARE_MAX + 3)]

    assert len({id(one.obj) for one in lent}) == SPARE_MAX + 3
    assert len(spare._spare) == SPARE_MAX


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
            memory=SpareMemory(),
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
    assert len(SpareMemory().lend()) == READ_BYTES_MAX
