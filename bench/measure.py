"""One measurement: an empty store, a fresh receiver, one sender, and what it cost."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from bench.datasets import KINDS
from bench.forwarding import FORWARDERS, Sink, wait_for_all
from bench.machine import busy_seconds
from bench.receivers import BUILD, CALLED, RECEIVERS, Receiver, Running, find
from bench.scenarios import Scenario

SEND_SECONDS_MAX: Final = 300.0
SLOW_SHARE: Final = 5  # a slow receiver gets one in five objects
# Memory is touched before each run, so that the first pages a virtual machine gets from its host
# are not charged to whoever comes first: the generator's copy, the store, and what else is needed.
PREWARM_FACTOR: Final = 3
PREWARM_BYTES_MIN: Final = 200 << 20


@dataclass(frozen=True, slots=True)
class _Clocks:
    """Seconds that passed and seconds that processors worked, up to one moment."""

    wall: float
    busy: float
    receiver: float
    sender: float

    @classmethod
    def read(cls, running: Running) -> "_Clocks":
        own = os.times()
        sender = own.children_user + own.children_system
        return cls(time.monotonic(), busy_seconds(), running.tree.cpu_seconds(), sender)

    def others_share(self, before: "_Clocks") -> float:
        """Tell which part of the machine others used: a noisy run is seen by it."""
        ours = self.receiver - before.receiver + self.sender - before.sender
        all_cores = (self.wall - before.wall) * (os.cpu_count() or 1)
        return max(0.0, self.busy - before.busy - ours) / all_cores


@dataclass(frozen=True, slots=True)
class Bench:
    """Where things are."""

    data: Path  # sets of objects
    memory: Path  # a folder on tmpfs
    disk: Path  # a folder on a real file system
    _used: list[Path] = field(default_factory=list)

    def measure(self, scenario: Scenario, receiver_name: str) -> dict[str, Any]:
        """Measure one receiver once; an error is a result too."""
        if scenario.sinks:
            return self._forward(scenario, receiver_name)
        receiver = RECEIVERS[receiver_name]
        result: dict[str, Any] = {"scenario": scenario.name, "receiver": receiver_name}
        missing = receiver.missing()
        if missing:
            return {**result, "skipped": missing}
        with self._empty_folder(scenario) as folder:
            try:
                running = receiver.start(folder)
            except Exception as error:  # noqa: BLE001 - any failure to start is this row's result
                return {**result, "error": f"did not start: {error}"}
            try:
                return {**result, **self._send(scenario, receiver, running, folder)}
            except (OSError, subprocess.SubprocessError, ValueError) as error:
                return {**result, "error": str(error)[-300:]}
            finally:
                running.stop()

    def _forward(self, scenario: Scenario, name: str) -> dict[str, Any]:
        """Measure one gateway once, from the first byte to the last arrival at the last sink."""
        forwarder, result = FORWARDERS[name], {"scenario": scenario.name, "receiver": name}
        if missing := forwarder.missing():
            return {**result, "skipped": missing}
        with self._empty_folder(scenario) as folder, ExitStack() as started:
            try:
                sinks = []
                for number, kind in enumerate(scenario.sinks):
                    sinks.append(Sink(kind, folder / f"sink{number}"))
                    started.callback(sinks[-1].stop)
                running = forwarder.start(folder, sinks)
                started.callback(running.stop)
                sent = self._send(scenario, RECEIVERS[name], running, folder, sinks)
            except Exception as error:  # noqa: BLE001 - any failure is this row's result
                return {**result, "error": str(error)[-300:]}
            return {**result, **sent}

    @contextmanager
    def _empty_folder(self, scenario: Scenario) -> Iterator[Path]:
        below = self.memory if scenario.store == "memory" else self.disk
        folder = below / f"run-{os.getpid()}-{time.monotonic_ns()}"
        folder.mkdir(parents=True)
        if scenario.store == "memory":
            self._prewarm(scenario.load)
        else:
            os.sync()  # what the run before wrote shall not be paid by this one
        try:
            yield folder
        finally:
            if scenario.store == "memory":
                shutil.rmtree(folder)
            else:
                self._used.append(folder)

    def clean(self) -> None:
        """Remove the stores on disk, when all is measured.

        For minutes ext4 looks at every inode that was deleted before it gives one out (its
        `recently_deleted`): whoever is measured after a removal pays 0.5 ms more for each file.
        """
        while self._used:
            shutil.rmtree(self._used.pop())

    def _send(
        self,
        scenario: Scenario,
        receiver: Receiver,
        running: Running,
        folder: Path,
        sinks: Sequence[Sink] = (),
    ) -> dict[str, Any]:
        command = self._command(scenario, receiver, running.port, folder)
        before = _Clocks.read(running)
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SEND_SECONDS_MAX, check=False
        )
        after = _Clocks.read(running)
        if done.returncode and not done.stdout.startswith("{"):
            raise ValueError(f"sender ended with {done.returncode}: {done.stderr[-200:]}")
        figures = (
            json.loads(done.stdout)
            if scenario.sender == "generator"
            else {"succeeded": running.held(), "failed": 0, "seconds": after.wall - before.wall}
        )
        if sinks:
            arrived = wait_for_all(sinks, figures["succeeded"])
            figures["received_seconds"] = figures["seconds"]
            figures["seconds"] = round(max(one.last for one in arrived) - figures["started"], 6)
            figures["arrived"] = [one.count for one in arrived]
            after = _Clocks.read(running)
        figures["receiver_cpu_seconds"] = round(after.receiver - before.receiver, 4)
        figures["other_cpu_share"] = round(after.others_share(before), 3)
        figures["peak_rss_bytes"] = running.tree.peak_rss_bytes()
        figures["held"] = running.held() if scenario.load in KINDS else None
        return dict(figures)

    def _command(
        self, scenario: Scenario, receiver: Receiver, port: int, folder: Path
    ) -> list[str]:
        share = SLOW_SHARE if receiver.is_slow else 1
        if scenario.sender == "storescu":
            # Nagle's algorithm is on: a receiver that delays acknowledgements is slow here.
            share = 1 if receiver.name.startswith("hilum") else SLOW_SHARE
            return [
                find("storescu") or "storescu",
                *("-q", "+sd", "-aec", CALLED, "127.0.0.1", str(port)),
                str(self._some(scenario.load, share, folder)),
            ]
        mode = scenario.load if scenario.load in ("echo", "associations") else "store"
        common = ["-c", CALLED, "-p", str(port), "-j", str(scenario.associations), "-Q"]
        if mode != "store":
            operations = scenario.operations // (share * SLOW_SHARE if share > 1 else 1)
            return [str(BUILD / "blast"), mode, *common, "-n", str(operations)]
        count = scenario.operations or max(1, KINDS[scenario.load].count // share)
        return [str(BUILD / "blast"), mode, *common, "-k", str(count),
                str(self.data / scenario.load)]  # fmt: skip

    def _some(self, kind: str, share: int, folder: Path) -> Path:
        """Give a folder with one in `share` objects of a kind, as links."""
        some = folder / "objects"
        some.mkdir()
        files = sorted((self.data / kind).glob("*.dcm"))
        for file in islice(files, len(files) // share):
            (some / file.name).symlink_to(file)
        return some

    def _prewarm(self, load: str) -> None:
        size = sum(file.stat().st_size for file in (self.data / load).glob("*.dcm"))
        path, block = self.memory / "prewarm", bytes(1 << 20)
        with path.open("wb", buffering=0) as file:
            for _ in range(max(PREWARM_BYTES_MIN, PREWARM_FACTOR * size) >> 20):
                file.write(block)
        path.unlink()
