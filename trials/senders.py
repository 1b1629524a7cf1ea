"""Clients that store in parallel and remember exactly what was answered with success."""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from trials import objects
from trials.wire import SUCCESS, Closed, Connection, associated


@dataclass(slots=True)
class Senders:
    """`count` associations that store until they are told to stop, each its own instances."""

    port: int
    called: str
    count: int
    round: int  # part of every UID: no two rounds of a trial send the same instance
    seed: int = 1
    sizes: Sequence[int] = (16_000, 64_000)
    each_max: int = 1 << 30
    pause_seconds: float = 0.0
    keeps_trying: bool = False  # associates again after a failure
    seconds_max: float = 10.0
    acknowledged: dict[str, bytes] = field(default_factory=dict)
    acknowledged_at: dict[str, float] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._threads = [
            threading.Thread(target=self._run, args=(number,), daemon=True)
            for number in range(self.count)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Finish the instances under way, then end."""
        self._stop.set()
        self.wait()

    def wait(self) -> None:
        """Wait until all have sent `each_max` instances or failed."""
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        chooser = random.Random(f"{self.seed} {self.round} {number}")
        sent = 0
        while not self._stop.is_set() and sent < self.each_max:
            try:
                sent = self._associate_and_store(number, sent, chooser)
            except (Closed, OSError) as error:
                self.answers[type(error).__name__] += 1
                sent += 1  # its fate is unknown: this UID is not used again
            if not self.keeps_trying:
                return
            time.sleep(0.05)

    def _associate_and_store(self, number: int, sent: int, chooser: random.Random) -> int:
        connection = associated(self.port, self.called)
        connection.socket.settimeout(self.seconds_max)
        try:
            while not self._stop.is_set() and sent < self.each_max:
                answer = self._store_one(connection, number, sent, chooser)
                sent += 1
                if len(answer) != 4:  # not a status: the association is over
                    return sent
                time.sleep(self.pause_seconds)
        except (Closed, OSError):
            connection.close()
            raise
        connection.release()
        return sent

    def _store_one(
        self, connection: Connection, number: int, sent: int, chooser: random.Random
    ) -> str:
        uid = objects.instance_uid(self.round, number, sent)
        study = objects.instance_uid(self.round, 9)
        data_set = objects.instance(
            uid,
            size=chooser.choice(self.sizes),
            seed=(self.round * 64 + number) * 100_000 + sent,
            study=study,
            series=f"{study}.{number}",
        )
        answer = connection.store(uid, data_set, message_id=sent % 65535 + 1)
        self.answers[answer] += 1
        if answer == SUCCESS:
            self.acknowledged[uid] = objects.digest(data_set)
            self.acknowledged_at[uid] = time.monotonic()
        return answer
