"""Hundreds of connections that say nothing or very little: a known peer is served at once.

The crowd comes from other loopback addresses than the known peer, as it would from other hosts.
"""

import contextlib
import itertools
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Final, Self

from trials.gateway import Settings
from trials.probe import Probe
from trials.trial import Options, Result
from trials.wire import associate_request

IDLE: Final = 500
SLOW: Final = 200
ECHO_P99_MS_MAX: Final = 100.0
PEER: Final = "127.0.0.1"


@dataclass(slots=True)
class _Crowd:
    """Connections that are opened anew as soon as the gateway has had enough of them."""

    port: int
    called: str
    opened: int = 0
    reopened: int = 0
    _idle: list[socket.socket] = field(default_factory=list)
    _slow: list[socket.socket] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._idle = [self._open(number) for number in range(IDLE)]
        self._slow = [self._open(number) for number in range(SLOW)]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
        for one in self._idle + self._slow:
            one.close()

    def _open(self, number: int) -> socket.socket:
        one = socket.socket()
        one.bind((f"127.0.1.{number % 250 + 1}", 0))
        one.settimeout(5)
        one.connect(("127.0.0.1", self.port))
        one.settimeout(0)
        self.opened += 1
        return one

    def _run(self) -> None:
        """Send each slow connection one byte a second; replace what was closed."""
        request = associate_request(self.called)
        for second in itertools.count():
            for crowd in (self._idle, self._slow):
                for number, one in enumerate(crowd):
                    if _is_closed(one):
                        one.close()
                        crowd[number] = self._open(number)
                        self.reopened += 1
            byte = request[second % len(request) : second % len(request) + 1]
            for one in self._slow:
                with contextlib.suppress(OSError):
                    one.send(byte)
            if self._stop.wait(1.0):
                return


def _is_closed(one: socket.socket) -> bool:
    try:
        return one.recv(4096) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def run(options: Options) -> Result:
    """Ask for echoes as a known peer while the crowd is there."""
    known = f'[peers.known]\nae_title = "TRIALS"\nhost = "{PEER}"\n'
    target = options.make_target("crowd", Settings(more=known))
    try:
        target.start()
        with _Crowd(target.port, target.called) as crowd:
            with Probe(target.port, target.called, pause_seconds=0.02, source=PEER) as probe:
                time.sleep(options.count(long=60, short=8))
            is_alive = target.tree.exit_code is None
        target.stop()
    finally:
        target.kill()
    figures = {
        "idle": IDLE,
        "slow": SLOW,
        "opened again": crowd.reopened,
        "echoes": len(probe.seconds),
        "p99": f"{probe.p99_ms:.0f} ms",
        "slowest": f"{probe.slowest_ms:.0f} ms",
        "refused": len(probe.refused),
    }
    served = bool(probe.seconds) and not probe.refused and probe.p99_ms < ECHO_P99_MS_MAX
    return Result(is_alive and served, figures)
