"""One question of a comparison: the program that asks, its file, and what the answer cost."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import questions
from bench.archives import DCMTK, SINK, RunningArchive
from bench.asked_scenarios import FIRST_ANSWERS, IMAGES, Retrieving, Searching
from bench.datasets import ROOT as UIDS
from bench.machine import busy_seconds
from bench.receivers import BUILD
from trials.process_tree import ProcessTree

ASK_SECONDS_MAX: Final = 120.0
_STUDY: Final = f"{UIDS}.7100000"
_DICOM: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_OCTETS: Final = 'multipart/related; type="application/octet-stream"'


@dataclass(frozen=True, slots=True)
class Site:
    """An archive, and what it sends to: all that may be busy while it is asked."""

    archive: RunningArchive
    destinations: tuple[ProcessTree, ...] = ()

    def cpu_seconds(self) -> float:
        """Give what the destinations have used."""
        return sum(tree.cpu_seconds() for tree in self.destinations)


@dataclass(frozen=True, slots=True)
class Asked:
    """A program's arguments but for the port; each operation stands for `instances`."""

    scenario: str
    program: str
    arguments: Sequence[str]
    # One of these is asked before anything is measured: nobody's caches are cold then.
    warm: Sequence[str]
    instances: int = 1
    is_web: bool = False


def ask(asked: Asked, site: Site) -> dict[str, Any]:
    """Ask, and give figures. Raises OSError, SubprocessError, ValueError."""
    port = site.archive.web_port if asked.is_web else site.archive.port
    program, *mode = asked.program.split()
    command = [str(BUILD / program), *mode, "-p", str(port)]
    if asked.warm:
        run_program([*command, *asked.warm])
    own, busy = os.times(), busy_seconds()
    used, others, began = site.archive.tree.cpu_seconds(), site.cpu_seconds(), time.monotonic()
    figures = run_program([*command, *asked.arguments])
    passed = (time.monotonic() - began) * (os.cpu_count() or 1)
    now = os.times()
    used = site.archive.tree.cpu_seconds() - used
    ours = now.children_user - own.children_user + now.children_system - own.children_system
    ours += used + site.cpu_seconds() - others
    if asked.is_web:
        figures["succeeded"] *= asked.instances
    return {
        **figures,
        "receiver_cpu_seconds": round(used, 4),
        "other_cpu_share": round(max(0.0, busy_seconds() - busy - ours) / passed, 3),
        "peak_rss_bytes": site.archive.tree.peak_rss_bytes(),
    }


def run_program(command: Sequence[str]) -> dict[str, Any]:
    """Run a program that measures, and give its figures. Raises OSError, ValueError."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=ASK_SECONDS_MAX, check=False
    )
    if not done.stdout.startswith("{"):
        raise ValueError(f"{command[0]} ended with {done.returncode}: {done.stderr[-200:]}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def search(scenario: Searching, folder: Path, seconds: float) -> Asked:
    """Give the searches of a scenario."""
    keys = questions.searches(scenario.topic, scenario.studies)
    options = ["-t", str(seconds), "-j", str(scenario.connections)]
    is_web = scenario.protocol == "qido"
    if is_web:
        limit = {"limit": str(FIRST_ANSWERS)} if scenario.is_limited else {}
        written = [questions.qido(one, **limit) for one in keys]
    else:
        written = [questions.identifier(one) for one in keys]
        options += ["-l", str(FIRST_ANSWERS)] if scenario.is_limited else []
    file = str(questions.write(folder / "questions", written))
    program = "askhttp" if is_web else "askdimse find"
    return Asked(scenario.name, program, [*options, file], ["-n", "2", file], is_web=is_web)


def retrieval(scenario: Retrieving, folder: Path, data: Path) -> Asked:
    """Give the retrievals of a scenario."""
    name = scenario.name
    options = ["-n", str(scenario.operations)]
    if name in _DIMSE:
        options += ["-d", _DIMSE[name][1]]
        file = str(questions.write(folder / "questions", [questions.of_study(_STUDY)]))
        return Asked(name, f"askdimse {_DIMSE[name][0]}", [*options, file], ())
    file = str(questions.write(folder / "questions", _WEB[name](data)))
    # What is stored is new each time.
    warm = () if name.startswith("stow") else ("-n", "1", file)
    arguments = [*options, file]
    return Asked(name, "askhttp", arguments, warm, instances=scenario.instances, is_web=True)


_DIMSE: Final = {
    "get": ("get", ""),
    "move": ("move", SINK),
    "move storescp": ("move", DCMTK),
}


def _study(below: str, accept: str) -> Callable[[Path], Iterable[bytes]]:
    return lambda _: [questions.get(f"/dicom-web/studies/{_STUDY}{below}", accept)]


def _instances(below: str, accept: str) -> Callable[[Path], Iterable[bytes]]:
    def make(_: Path) -> Iterable[bytes]:
        series = f"/dicom-web/studies/{_STUDY}/series/{_STUDY}.1"
        for number in range(IMAGES):
            path = f"{series}/instances/{_STUDY}.1.{7200000 + number}{below}"
            yield questions.get(path, accept)

    return make


def _stow(first: int, count: int, together: int) -> Callable[[Path], Iterable[bytes]]:
    """Store files that nobody has stored before."""

    def make(data: Path) -> Iterable[bytes]:
        files = sorted(data.glob("*.dcm"))[first : first + count]
        for begin in range(0, count, together):
            yield questions.stow([one.read_bytes() for one in files[begin : begin + together]])

    return make


_WEB: Final = {
    "wado study": _study("", _DICOM),
    "metadata": _study("/metadata", "application/dicom+json"),
    "wado instance": _instances("", _DICOM),
    "wado frame": _instances("/frames/1", _OCTETS),
    "stow 1": _stow(IMAGES, 200, 1),
    "stow 50": _stow(2 * IMAGES, 200, 50),
}
