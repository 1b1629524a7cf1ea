"""A TCP relay between a gateway and an archive: counts, and makes the network slow, silent or dead.

One thread for each direction of each connection; everything ends with the relay.
"""

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Final, Self

_PIECE: Final = 1 << 16
_LOOK_SECONDS: Final = 0.005


@dataclass(slots=True)
class Relay:
    """Listens on `port` and passes everything on to `target`, another port.

    `is_silent`: nothing comes back from the target any more. `cut_after`: bytes that come back on a
    connection before both sides are closed; 0 no limit. `delay_seconds`: before each piece back.
    """

    target: int
    is_silent: bool = False
    cut_after: int = 0
    delay_seconds: float = 0.0
    opened: int = 0
    back_bytes: int = 0
    _open: dict[int, socket.socket] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _listener: socket.socket | None = None

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._listener is not None
        self._listener.close()
        self.drop()

    @property
    def port(self) -> int:
        """Give where it listens."""
        assert self._listener is not None
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def connections(self) -> int:
        """Give how many are open."""
        return len(self._open)

    def drop(self) -> None:
        """Close all connections, as a network does that breaks."""
        with self._lock:
            for one in list(self._open.values()):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        assert self._listener is not None
        while True:
            try:
                asking, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(asking,), daemon=True).start()

    def _pass_on(self, asking: socket.socket) -> None:
        with asking:
            try:
                answering = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                return
            answering.settimeout(None)
            with self._lock:
                self.opened += 1
                number = self.opened
                self._open[number] = asking
            for one in (asking, answering):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with answering:
                forth = threading.Thread(target=self._forth, args=(asking, answering), daemon=True)
                forth.start()
                self._back(asking, answering)
                _shut(asking, answering)
                forth.join()
            with self._lock:
                del self._open[number]

    def _forth(self, asking: socket.socket, answering: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := asking.recv(_PIECE):
                answering.sendall(piece)
        _shut(answering)  # whoever asked has gone: so does the rest
        if self.is_silent:
            _shut(asking)

    def _back(self, asking: socket.socket, answering: socket.socket) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while piece := answering.recv(_PIECE):
                if self.delay_seconds:
                    time.sleep(self.delay_seconds)
                while self.is_silent:
                    if answering.fileno() < 0 or _is_over(asking):
                        return
                    time.sleep(_LOOK_SECONDS)
                passed += len(piece)
                self.back_bytes += len(piece)
                if self.cut_after and passed > self.cut_after:
                    return
                asking.sendall(piece)


def _is_over(one: socket.socket) -> bool:
    """Tell whether the other end has closed; what it has sent stays unread."""
    try:
        return not one.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _shut(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
