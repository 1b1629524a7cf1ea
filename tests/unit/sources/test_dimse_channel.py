"""What a channel keeps when the socket takes less than it is given, and in which order it goes."""

import contextlib
import socket

import pytest

from hilum.sources.dimse.channel import UNSENT_BYTES_MAX, PlainChannel, listen


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    for one in (ours, theirs):
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    yield PlainChannel(ours), theirs
    ours.close()
    theirs.close()


def everything(channel, theirs):
    """Read all that comes while the channel goes on sending."""
    came = bytearray()
    while True:
        with contextlib.suppress(BlockingIOError):
            came += theirs.recv(1 << 20)
            continue
        if not channel.has_unsent:
            return bytes(came)
        channel.flush()


def test_parts_arrive_in_their_order_however_many_there_are(pair):
    channel, theirs = pair
    parts = [bytes([n % 256]) * (n % 7) for n in range(5000)]

    channel.send_parts(parts)

    assert channel.has_unsent
    assert everything(channel, theirs) == b"".join(parts)


def test_what_is_sent_behind_parts_stays_behind_them(pair):
    channel, theirs = pair
    big = bytes(300_000)

    channel.send_parts([b"first", big])
    channel.send(b"second")
    channel.send_parts([b"third"])

    assert everything(channel, theirs) == b"first" + big + b"secondthird"


def test_parts_are_not_copied_while_they_wait(pair):
    channel, theirs = pair
    memory = bytearray(300_000)

    channel.send_parts([memory])
    memory[-1] = 7

    assert everything(channel, theirs)[-1] == 7


def test_single_answers_that_nobody_reads_end_the_connection(pair):
    channel, _ = pair
    channel.send_parts([bytes(UNSENT_BYTES_MAX)])

    with pytest.raises(ConnectionAbortedError):
        channel.send(bytes(UNSENT_BYTES_MAX))


@pytest.mark.parametrize(
    ("level", "option"),
    [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
    ],
)
def test_what_is_accepted_has_the_options_of_the_socket_it_was_accepted_on(level, option):
    (listener,) = listen("127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname()):
        listener.settimeout(5.0)
        accepted, _ = listener.accept()

    with accepted:
        assert accepted.getsockopt(level, option)
