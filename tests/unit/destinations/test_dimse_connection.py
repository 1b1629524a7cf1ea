"""Connecting to a peer leaves nothing open when it is given up, whatever loop it runs on."""

import asyncio
import contextlib
import socket

import pytest
import uvloop

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.connection import connect
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.requesting import request_of
from hilum.destinations.dimse.requestor import VERIFICATION_CONTEXT
from hilum.destinations.dimse.wire import Wire
from hilum.dimse.upper.association import Association
from hilum.dimse.upper.limits import UpperLimits
from hilum.kernel.names import AETitle

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]
OPTIONS = RequestorOptions(
    connect_timeout_seconds=5,
    association_timeout_seconds=5,
    response_timeout_seconds=5,
    release_timeout_seconds=5,
)


class GivenUp(Wire):
    """A wire whose connection nobody wants any more at the moment at which it is there."""

    task = None

    def connection_made(self, transport):
        super().connection_made(transport)
        self.task.cancel()


async def connect_and_give_up(port):
    address = Address("127.0.0.1", port, AETitle("PEER"), AETitle("US"))
    request = request_of(address, [VERIFICATION_CONTEXT], OPTIONS, roles=(), extended=())
    wire = GivenUp(Association.requestor(request, UpperLimits()), address)
    wire.task = asyncio.ensure_future(connect(address, OPTIONS, wire))
    with contextlib.suppress(asyncio.CancelledError):
        await wire.task
    return wire  # as long as somebody has it, nothing in it is closed by chance


@pytest.mark.parametrize("loop_factory", LOOPS, ids=["asyncio", "uvloop"])
def test_who_is_cancelled_when_the_connection_is_there_leaves_none(loop_factory):
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        asyncio.Runner(loop_factory=loop_factory) as runner,
    ):
        wire = runner.run(connect_and_give_up(listener.getsockname()[1]))
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(2)
            # A peer that takes one connection after the other would wait here for a request, and
            # answer nobody else.
            assert connection.recv(100) == b""
        assert wire.task.cancelled()
