"""Measure bridges: what a question costs through Hilum, beside asking the archive itself.

    python bench/bridged.py [--only get] [--repetitions 3] [--report]

The archive of a repetition is new, and so is the gateway in front of it; nothing is in a cache. The
direct and the bridged way take turns in who comes first.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

# So that `python bench/bridged.py` finds bench and trials.
sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import datasets, machine, questions
from bench.archives import ARCHIVES, DCMQRSCP, ORTHANC, RunningArchive
from bench.asking import Asked, Site, ask, run_program
from bench.receivers import BUILD, CALLED
from bench.run import PERFORMANCE, ROOT, build, rewrite
from trials.gateway import Gateway, Settings
from trials.process_tree import ProcessTree

MARKS: Final = (
    "<!-- bridged:begin (written by bench/bridged.py --report) -->",
    "<!-- bridged:end -->",
)
IMAGES: Final = 500
STORED: Final = 200
STUDY: Final = f"{datasets.ROOT}.{datasets.STUDY_TOKEN}"
_SERIES: Final = f"/studies/{STUDY}/series/{STUDY}.1"
_DICOM: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_SETTLE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Way:
    """A program and what it asks."""

    program: str
    ask: Callable[["Stand"], Sequence[bytes]] | None  # None: it sends files
    operations: int = 1

    @property
    def is_web(self) -> bool:
        return self.program == "askhttp"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row: the same thing directly and through the gateway."""

    name: str
    title: str
    archive: str
    direct: Way
    bridged: Way
    wanted: float  # bridged time at most so many times the direct one; 0: only shown


@dataclass(frozen=True, slots=True)
class Stand:
    """An archive that holds a study, and a gateway in front of it."""

    archive: RunningArchive
    gateway: Gateway
    study: Path  # files of what is held
    more: Path  # files of what nobody holds yet
    folder: Path

    @property
    def tree(self) -> ProcessTree:
        return self.gateway.tree

    @property
    def port(self) -> int:
        return self.gateway.port

    @property
    def web_port(self) -> int:
        return self.gateway.web_port

    def stop(self) -> None:
        """End it in good order."""
        self.gateway.stop()


def _study(_: Stand) -> Sequence[bytes]:
    return [questions.of_study(STUDY)]


def _web(below: str, accept: str = _DICOM) -> Callable[[Stand], Sequence[bytes]]:
    return lambda _: [questions.get(f"/dicom-web{below}", accept)]


def _stow(first: int) -> Callable[[Stand], Sequence[bytes]]:
    def make(stand: Stand) -> Sequence[bytes]:
        files = sorted(stand.more.glob("*.dcm"))[first : first + STORED]
        return [questions.stow([one.read_bytes()]) for one in files]

    return make


_GET: Final = Way("askdimse get", _study)
_WADO: Final = Way("askhttp", _web(f"/studies/{STUDY}"))
_METADATA: Final = Way("askhttp", _web(f"{_SERIES}/metadata", "application/dicom+json"))

COMPARISONS: Final = (
    Comparison(
        "get",
        f"C-GET of {IMAGES} CT images, beside WADO-RS of the study",
        ORTHANC,
        _WADO,
        _GET,
        1.3,
    ),
    Comparison(
        "store",
        f"C-STORE of {STORED} CT images through, beside STOW-RS of each",
        ORTHANC,
        Way("askhttp", _stow(STORED), STORED),
        Way("blast", None, STORED),
        1.3,
    ),
    Comparison(
        "wado",
        f"WADO-RS of {IMAGES} CT images, beside C-GET",
        DCMQRSCP,
        _GET,
        _WADO,
        0,
    ),
    Comparison(
        "wado orthanc",
        f"WADO-RS of {IMAGES} CT images, beside C-GET",
        f"{ORTHANC} dimse",
        _GET,
        _WADO,
        0,
    ),
    Comparison(
        "metadata",
        "metadata of these images the second time, beside C-GET",
        DCMQRSCP,
        _GET,
        _METADATA,
        0,
    ),
)


def main() -> int:
    """Run; the exit code says whether every target is met."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whoever stops us stops all of it
    build()
    results = list(_repeat(options))
    text = table(results)
    print(f"\n{text}")
    if options.report:
        facts = {"machine": machine.facts(ROOT)}
        rewrite(PERFORMANCE, MARKS, [facts, *results], text)
    return 0 if all(is_met(one, results) for one in COMPARISONS) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="comparisons whose name is this")
    parser.add_argument("--repetitions", type=int, help="default 5, with --quick 3")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the order")
    parser.add_argument("--memory", type=Path, default=Path("/dev/shm"), help="a tmpfs")
    parser.add_argument("--report", action="store_true", help="rewrite docs/performance.md")
    return parser.parse_args()


def _repeat(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    chance = random.Random(options.seed)
    wanted = [one for one in COMPARISONS if options.only in ("", one.name)]
    for repetition in range(options.repetitions or (3 if options.quick else 5)):
        chance.shuffle(wanted)
        for comparison in wanted:
            archive = ARCHIVES[comparison.archive.removesuffix(" dimse")]
            if missing := archive.missing():
                print(f"{comparison.name}: {missing}")
                continue
            ways = ["direct", "bridged"]
            chance.shuffle(ways)
            with _stand(comparison, options.memory) as stand:
                figures = {way: _measure(comparison, way, stand) for way in ways}
            result = {"scenario": comparison.name, "repetition": repetition, **figures}
            print(_progress(result), flush=True)
            yield result


@contextmanager
def _stand(comparison: Comparison, memory: Path) -> Iterator[Stand]:
    kind = datasets.KINDS["ct"]
    study = datasets.ensure(
        replace(kind, name="ct500", count=IMAGES, instances_per_study=IMAGES), BUILD / "data"
    )
    more = datasets.ensure(kind, BUILD / "data")
    folder = Path(tempfile.mkdtemp(prefix="hilum-bridged-", dir=memory))
    archive = ARCHIVES[comparison.archive.removesuffix(" dimse")].start(folder, {})
    try:
        if comparison.name != "store":
            _blast(archive.port, study)
        gateway = Gateway(folder / "gateway", _settings(comparison, archive))
        gateway.start()
        stand = Stand(archive, gateway, study, more, folder)
        time.sleep(_SETTLE_SECONDS)
        try:
            yield stand
        finally:
            gateway.stop()
    finally:
        archive.stop()
        shutil.rmtree(folder)


def _settings(comparison: Comparison, archive: RunningArchive) -> Settings:
    if comparison.archive == ORTHANC:
        url = f"http://127.0.0.1:{archive.web_port}/dicom-web"
        destination = f'type = "dicomweb"\nurl = "{url}"'
    else:
        destination = (
            f'type = "dimse"\nhost = "127.0.0.1"\nport = {archive.port}\n'
            f'ae_title = "{CALLED}"\ncalling_ae_title = "BLAST"'
        )
    more = (
        f'[destinations.archive]\n{destination}\n[entities."{CALLED}"]\nanswers = ["archive"]\n'
        'stores = { through = "archive" }\n'
    )
    return Settings(durability="process", ae_title=CALLED, more=more)


def _measure(comparison: Comparison, name: str, stand: Stand) -> Mapping[str, Any]:
    way = comparison.direct if name == "direct" else comparison.bridged
    asked: RunningArchive = stand.archive if name == "direct" else stand
    if way.ask is None:
        return _blast(asked.port, stand.more, STORED)
    file = str(questions.write(stand.folder / f"{name}-questions", way.ask(stand)))
    # What is in the cache is not asked for again: only metadata is measured the second time.
    warm = ("-n", "1", file) if comparison.name == "metadata" and name == "bridged" else ()
    arguments = ["-n", str(way.operations), file]
    kind = Asked(comparison.name, way.program, arguments, warm, is_web=way.is_web)
    return ask(kind, Site(asked))


def _blast(port: int, folder: Path, most: int = 0) -> Mapping[str, Any]:
    limit = ["-k", str(most)] if most else []
    return run_program([str(BUILD / "blast"), "store", "-p", str(port), "-Q", *limit, str(folder)])


# ---- what came of it -----------------------------------------------------------------------


def factor(comparison: Comparison, results: Sequence[Mapping[str, Any]]) -> float | None:
    """Give how much longer the bridged way takes, by the medians; None: not measured."""
    mine = [one for one in results if one["scenario"] == comparison.name]
    if not mine:
        return None
    return _seconds(mine, "bridged") / _seconds(mine, "direct")


def is_met(comparison: Comparison, results: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a target is met; what was not measured is not missed."""
    found = factor(comparison, results)
    return found is None or not comparison.wanted or found <= comparison.wanted


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Write what was measured."""
    lines = [
        "| through a bridge | archive | direct | bridged | factor | wanted | first of each |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in COMPARISONS:
        mine = [result for result in results if result["scenario"] == one.name]
        if not mine:
            continue
        found = factor(one, mine) or 0.0
        first = " / ".join(
            f"{median([result[way].get('first_us', 0) for result in mine]) / 1000:.1f} ms"
            for way in ("direct", "bridged")
        )
        wanted = f"≤ {one.wanted}" if one.wanted else "-"
        direct, bridged = _seconds(mine, "direct"), _seconds(mine, "bridged")
        lines.append(
            f"| {one.title} | {one.archive} | {direct * 1000:,.0f} ms | {bridged * 1000:,.0f} ms "
            f"| {found:.2f} | {wanted} | {first} |"
        )
    return "\n".join(lines)


def _seconds(results: Sequence[Mapping[str, Any]], way: str) -> float:
    return median([one[way]["seconds"] for one in results])


def _progress(result: Mapping[str, Any]) -> str:
    direct, bridged = result["direct"], result["bridged"]
    told = "  ".join(
        f"{way} {figures['seconds'] * 1000:,.0f} ms ({figures['succeeded']} well)"
        for way, figures in (("direct", direct), ("bridged", bridged))
    )
    return f"{result['scenario']:14} {told}  {bridged['seconds'] / direct['seconds']:.2f}"


if __name__ == "__main__":
    sys.exit(main())
