"""What is asked of the TCP socket of an association, and told to it, beside its bytes."""

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios


def unsent_bytes(transport: asyncio.WriteTransport, sock: socket.socket) -> int:
    """Count what the transport holds and what the kernel has not got acknowledged yet."""
    waiting = transport.get_write_buffer_size()
    with contextlib.suppress(OSError, ValueError):
        queued = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        waiting += struct.unpack("i", queued)[0]
    return waiting


def acknowledge_at_once(sock: socket.socket) -> None:
    """Re-arm TCP_QUICKACK, which the kernel takes back by itself.

    A peer with Nagle's algorithm on sends the second half of its answer only when we have
    acknowledged the first, which takes up to 40 ms without this.
    """
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
