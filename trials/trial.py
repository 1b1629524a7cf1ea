"""What every trial gets and gives."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from trials import targets
from trials.gateway import Settings
from trials.targets import GatewayTarget, Target


@dataclass(frozen=True, slots=True)
class Result:
    """Whether the promise was kept, and the figures that say so."""

    passed: bool
    figures: Mapping[str, object] = field(default_factory=dict)
    skipped: str = ""  # why it could not be tried at all


@dataclass(frozen=True, slots=True)
class Options:
    """How a trial is run."""

    folder: Path  # an empty one, on a real file system
    short: bool = False
    seed: int = 1
    target: str = "hilum"

    def count(self, *, long: int, short: int) -> int:
        """Choose how often something is done."""
        return short if self.short else long

    def make_target(self, name: str, settings: Settings | None = None) -> Target:
        """Make the receiver that is on trial, in a folder called `name`."""
        return targets.make(self.target, self.folder / name, settings)

    def make_gateway(self, name: str, settings: Settings | None = None) -> GatewayTarget:
        """Make a gateway, for trials that no other receiver can take."""
        return GatewayTarget(self.folder / name, settings)


@contextmanager
def many_processes(count: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """Have processes work for us; whoever stops us stops them, and waits for none of the rest."""
    pool = ProcessPoolExecutor(count, initializer=_die_when_told)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _die_when_told() -> None:
    # With the handler of run.py one of them could end with the lock that the others wait for.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def seconds_until(condition: Callable[[], bool], seconds_max: float) -> float | None:
    """Give how long it took until `condition` held; None: it did not in time."""
    started = time.monotonic()
    while time.monotonic() - started < seconds_max:
        if condition():
            return time.monotonic() - started
        time.sleep(0.02)
    return None


def percentile(values: list[float], share: float) -> float:
    """Give the value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
