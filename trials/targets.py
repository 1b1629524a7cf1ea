"""What a trial is held against: Hilum, or a peer that must fail it, to prove the trial can fail."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from trials import holding
from trials.gateway import START_SECONDS_MAX, DidNotStart, Gateway, Settings, free_port
from trials.holding import Holding
from trials.process_tree import ProcessTree


class Target(Protocol):
    """A receiver that can be started again on what it kept."""

    port: int
    called: str
    log: Path

    @property
    def tree(self) -> ProcessTree:
        """Its processes."""
        ...

    def start(
        self, *, wrapper: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it. Raises DidNotStart."""
        ...

    def stop(self) -> int | None:
        """Stop it in good manners."""
        ...

    def kill(self) -> None:
        """Kill all of it at once."""
        ...

    def holding(self) -> Holding:
        """Read from disk what it holds."""
        ...


class GatewayTarget(Gateway):
    """Hilum."""

    def holding(self) -> Holding:
        """Read ledger and vault."""
        return holding.of_gateway(self.data)


PEERS: Final = {
    # One process, parses what it gets.
    "storescp": ("storescp", "-od", "{folder}", "{port}"),
    # Several associations at a time, keeps the bytes as received.
    "storescp-fork": ("storescp", "--fork", "+B", "-od", "{folder}", "{port}"),
    "pynetdicom": (
        *(sys.executable, "-m", "pynetdicom", "storescp", "{port}", "-q"),
        *("-od", "{folder}"),
    ),
}
NAMES: Final = ("hilum", *PEERS)


class PeerTarget:
    """A simple receiver that writes files into a folder."""

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        self.port = free_port()
        self.called = "ANY-SCP"
        self.log = folder / "peer.log"
        self._store = folder / "store"
        self._command = command
        self._tree: ProcessTree | None = None

    @property
    def tree(self) -> ProcessTree:
        """Its processes."""
        if self._tree is None:
            raise DidNotStart("the peer was not started")
        return self._tree

    def start(
        self, *, wrapper: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it and wait until it listens."""
        self._store.mkdir(parents=True, exist_ok=True)
        command = [part.format(port=self.port, folder=self._store) for part in self._command]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*wrapper, *command],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._store.parent,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        self._tree = ProcessTree(process)
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self._tree.exit_code is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.02)
        raise DidNotStart(f"{command[0]} does not listen")

    def stop(self) -> int | None:
        """Stop it."""
        return self._tree.terminate() if self._tree else None

    def kill(self) -> None:
        """Kill it."""
        if self._tree:
            self._tree.kill()

    def holding(self) -> Holding:
        """Read the files it wrote."""
        return holding.of_files(self._store)


def make(name: str, folder: Path, settings: Settings | None = None) -> Target:
    """Make a target; `settings` are for Hilum only."""
    if name == "hilum":
        return GatewayTarget(folder, settings)
    if shutil.which(PEERS[name][0]) is None:
        raise DidNotStart(f"{PEERS[name][0]} is not installed (make peers)")
    return PeerTarget(folder, PEERS[name])
