"""A valid client that keeps asking: was it served all the time, and how fast?

It asks with C-ECHO in a rhythm; if it `stores`, each new association brings an instance as well.
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Final, Self

from trials import objects
from trials.trial import percentile
from trials.wire import SUCCESS, Closed, Connection, associated, echo_once

ANSWER_SECONDS_MAX: Final = 5.0
# Not success, but a definite "later": what a full gateway says to new associations (PS3.8 §9.3.4).
TRANSIENT_REJECT: Final = "reject 2/"


@dataclass(slots=True)
class Probe:
    """Asks on new associations, and on one that stays open if it `keeps_one_open`."""

    port: int
    called: str
    pause_seconds: float = 0.1
    source: str = ""
    keeps_one_open: bool = False
    stores: bool = False
    seconds: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # answers that were neither yes nor "later"
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()

    @property
    def slowest_ms(self) -> float:
        """Give the longest time an answer took."""
        return max(self.seconds, default=0.0) * 1e3

    @property
    def p99_ms(self) -> float:
        """Give the time that 99 of 100 answers did not exceed."""
        return percentile(self.seconds, 0.99) * 1e3 if self.seconds else 0.0

    def _run(self) -> None:
        opened = associated(self.port, self.called) if self.keeps_one_open else None
        while not self._stop.is_set():
            if opened:
                self._ask_opened(opened)
            self._note(time.monotonic(), echo_once(self.port, self.called, source=self.source))
            if self.stores:
                self._store()
            time.sleep(self.pause_seconds)
        if opened:
            opened.release()

    def _ask_opened(self, connection: Connection) -> None:
        started = time.monotonic()
        try:
            answer = connection.echo()
        except (Closed, OSError) as error:
            answer = f"{type(error).__name__} on an open association"
        self._note(started, answer)

    def _store(self) -> None:
        uid = objects.instance_uid(44, time.monotonic_ns() % 10**12)  # a UID has 64 characters
        started = time.monotonic()
        try:
            with associated(self.port, self.called) as connection:
                connection.socket.settimeout(ANSWER_SECONDS_MAX)
                answer = connection.store(uid, objects.instance(uid, size=2000))
                connection.release()
        except (Closed, OSError) as error:
            answer = f"{type(error).__name__} instead of an answer to a C-STORE"
        self._note(started, answer)

    def _note(self, started: float, answer: str) -> None:
        self.seconds.append(time.monotonic() - started)
        if answer != SUCCESS and not answer.startswith(TRANSIENT_REJECT):
            self.refused.append(answer)
