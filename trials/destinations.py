"""Destinations for a gateway on trial: receivers of ours in another process, and what they got."""

import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from trials.gateway import START_SECONDS_MAX, DidNotStart, free_port
from trials.process_tree import ProcessTree

PROGRAM: Final = Path(__file__).with_name("sink.py")
WINDOW_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Arrived:
    """An instance that a destination has taken."""

    at: float  # by time.monotonic(), which is the machine's
    uid: str
    size: int
    digest: bytes


@dataclass(slots=True)
class Destination:
    """One receiver: where it listens, and its log."""

    name: str
    behaviour: str
    folder: Path
    port: int = field(default_factory=free_port)
    retry: str = "{ first_seconds = 0.2, longest_seconds = 2.0 }"  # the default is for days
    more: str = ""  # further lines of [destinations.<name>]

    @property
    def log(self) -> Path:
        """Where it writes down what happens."""
        return self.folder / f"{self.name}.arrivals"

    def toml(self) -> str:
        """Give its section of the configuration."""
        return (
            f'[destinations.{self.name}]\ntype = "dimse"\nhost = "127.0.0.1"\n'
            f'port = {self.port}\nae_title = "SINK"\nassociations_max = {WINDOW_MAX}\n'
            f"retry = {self.retry}\n{self.more}\n"
        )

    def arrived(self) -> list[Arrived]:
        """Give what it took, in order, once for each time that it took it."""
        return [
            Arrived(int(at) / 1e9, uid, int(size), bytes.fromhex(digest))
            for at, uid, size, digest in self._lines("S")
        ]

    def count(self) -> int:
        """Count what it took, cheaply."""
        if not self.log.exists():
            return 0
        return self.log.read_bytes().count(b"S ")

    def open_max(self) -> int:
        """Give how many associations were open at one time, at most."""
        return max((int(count) for _, count in self._lines("O")), default=0)

    def _lines(self, kind: str) -> list[list[str]]:
        if not self.log.exists():
            return []
        lines = self.log.read_text().splitlines()
        return [line.split()[1:] for line in lines if line.startswith(f"{kind} ")]


class Sinks:
    """A process with some receivers; may be ended and started again."""

    def __init__(self, destinations: Iterable[Destination]) -> None:
        self._destinations = list(destinations)
        self._tree: ProcessTree | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start them, and wait until all listen."""
        arguments = []
        for one in self._destinations:
            one.folder.mkdir(parents=True, exist_ok=True)
            arguments.append(f"{one.behaviour}:{one.port}:{one.log}")
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *arguments],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._tree = ProcessTree(process)
        for one in self._destinations:
            self._wait_for(one)

    def stop(self) -> None:
        """End them at once."""
        if self._tree is not None:
            self._tree.kill()

    def _wait_for(self, destination: Destination) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", destination.port), 1.0):
                return
            time.sleep(0.02)
        raise DidNotStart(f"the receiver {destination.name} does not listen")


def configuration(destinations: Iterable[Destination], *routes: str) -> str:
    """Give the sections of the configuration; without `routes` all goes to each of them."""
    chosen = list(destinations)
    names = ", ".join(f'"{one.name}"' for one in chosen)
    everything = f'[[routes]]\nname = "everything"\nto = [{names}]\n'
    return "\n".join([*(one.toml() for one in chosen), *(routes or (everything,))])


def surplus(arrived: Iterable[Arrived]) -> Counter[str]:
    """Count how often each instance came more than once."""
    counts = Counter(one.uid for one in arrived)
    return Counter({uid: count - 1 for uid, count in counts.items() if count > 1})
