"""The inside of a process that decodes frames: codecs meet here what strangers wrote.

It gets values of ours and the bytes of one frame at a time, and answers with bytes that nobody
interprets. It has no file, no socket and little memory; it ends when its gateway does.
"""

import os
import resource
import signal
import sys
from multiprocessing.connection import Connection
from typing import Final

from hilum.imaging.refusal import DamagedPixels, NoPicture
from hilum.kernel.faults import place_of
from hilum.pipeline.drawing.orders import Order, PictureOrder, Verdict, report

# Of all the forms of a frame of the largest size, on top of what the libraries take.
MEMORY_BYTES: Final = 1536 << 20
# The gateway has given up long before; this is for who has lost it.
CPU_SECONDS: Final = 60
# Without work a process ends: the next order starts another one, within half a second.
IDLE_SECONDS: Final = 600.0
_PAGE_BYTES: Final = resource.getpagesize()


def main() -> None:
    """Work for whoever is at the other ends of the pipes that are named."""
    orders = Connection(int(sys.argv[1]), writable=False)
    reports = Connection(int(sys.argv[2]), readable=False)
    _renounce()
    # The libraries start threads when they are imported, unless they are told not to.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    _work(orders, reports)


def _renounce() -> None:
    """Give up what decoding does not need; the end of the gateway is the end of the pipe."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _work(orders: Connection, reports: Connection) -> None:
    from hilum.imaging.decoding import decode_frame  # noqa: PLC0415 - needs an extra, and time
    from hilum.imaging.drawing import draw  # noqa: PLC0415 - as above

    def answer(order: Order, content: bytes) -> bytes:
        if isinstance(order, PictureOrder):
            return draw(order.picture, content)
        plain = decode_frame(order.pixels, content, order.step)
        return plain.photometric.encode() + b"\0" + plain.content

    _bound_memory()
    while orders.poll(IDLE_SECONDS):
        try:
            order: Order = orders.recv()
            content = orders.recv_bytes()
        except EOFError:
            return
        _bound_time()
        try:
            reply = report(Verdict.DONE, answer(order, content))
        except DamagedPixels as error:
            reply = report(Verdict.DAMAGED, str(error).encode())
        except NoPicture as error:
            reply = report(Verdict.REFUSED, str(error).encode())
        except MemoryError:
            reply = report(Verdict.REFUSED, b"decoding it needs too much memory")
        except Exception as error:  # noqa: BLE001 - a fault of ours is told to the gateway
            reply = report(Verdict.FAULT, f"{type(error).__name__} at {place_of(error)}".encode())
        reports.send_bytes(reply)


def _bound_memory() -> None:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - no path of ours
        taken = int(file.read().split()[0]) * _PAGE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY_BYTES,) * 2)


def _bound_time() -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    until = int(usage.ru_utime + usage.ru_stime) + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
