"""Measure bridges: what a question costs through Hilum, beside asking the archive itself.

    python bench/bridged.py [--only get] [--repetitions 3] [--report]

The archive of a repetition is new, and so is the gateway in front of it. Each turn of it takes a
study that nobody asked for before, so that nothing is in a cache, directly and bridged, in an order
by chance; the first turn warms all of them and does not count. A factor is of one turn.
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
TURNS: Final = 4
_CT: Final = datasets.KINDS["ct"]
_STUDIES: Final = replace(_CT, name="ct500", count=IMAGES * (TURNS + 1), instances_per_study=IMAGES)
_MORE: Final = replace(_CT, name="ctmore", count=2 * STORED * (TURNS + 1))
_DICOM: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_SETTLE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Way:
    """A program and what it asks."""

    program: str
    ask: Callable[["Turn"], Sequence[bytes]] | None  # None: it sends files
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
    """An archive that holds a study for each turn, and a gateway in front of it."""

    archive: RunningArchive
    gateway: Gateway
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


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn asks for: a study that is held, and files that nobody holds yet."""

    number: int
    more: Path

    @property
    def study(self) -> str:
        return f"{datasets.ROOT}.{int(datasets.STUDY_TOKEN) + self.number}"

    def files(self, *, is_bridged: bool) -> Sequence[Path]:
        """Give what one way stores."""
        first = (2 * self.number + is_bridged) * STORED
        return sorted(self.more.glob("*.dcm"))[first : first + STORED]


def _study(turn: Turn) -> Sequence[bytes]:
    return [questions.of_study(turn.study)]


def _wado(turn: Turn) -> Sequence[bytes]:
    return [questions.get(f"/dicom-web/studies/{turn.study}", _DICOM)]


def _metadata(turn: Turn) -> Sequence[bytes]:
    series = f"/dicom-web/studies/{turn.study}/series/{turn.study}.1"
    return [questions.get(f"{series}/metadata", "application/dicom+json")]


def _stow(turn: Turn) -> Sequence[bytes]:
    return [questions.stow([one.read_bytes()]) for one in turn.files(is_bridged=False)]


_GET: Final = Way("askdimse get", _study)
_WADO: Final = Way("askhttp", _wado)
_METADATA: Final = Way("askhttp", _metadata)

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
        Way("askhttp", _stow, STORED),
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
            for result in _turns(comparison, options.memory, chance):
                print(_progress(comparison.name, result), flush=True)
                yield {"scenario": comparison.name, "repetition": repetition, **result}


def _turns(
    comparison: Comparison, memory: Path, chance: random.Random
) -> Iterator[dict[str, Mapping[str, Any]]]:
    more = datasets.ensure(_MORE, BUILD / "data")
    with _stand(comparison, memory) as stand:
        for number in range(TURNS + 1):
            ways = ["direct", "bridged"]
            chance.shuffle(ways)
            turn = Turn(number, more)
            figures = {way: _measure(comparison, way, stand, turn) for way in ways}
            if number:
                yield figures


@contextmanager
def _stand(comparison: Comparison, memory: Path) -> Iterator[Stand]:
    folder = Path(tempfile.mkdtemp(prefix="hilum-bridged-", dir=memory))
    archive = ARCHIVES[comparison.archive.removesuffix(" dimse")].start(folder, {})
    try:
        if comparison.name != "store":
            _blast(archive.port, [datasets.ensure(_STUDIES, BUILD / "data")])
        gateway = Gateway(folder / "gateway", _settings(comparison, archive))
        gateway.start()
        stand = Stand(archive, gateway, folder)
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


def _measure(comparison: Comparison, name: str, stand: Stand, turn: Turn) -> Mapping[str, Any]:
    way = comparison.direct if name == "direct" else comparison.bridged
    asked: RunningArchive = stand.archive if name == "direct" else stand
    if way.ask is None:
        return _blast(asked.port, turn.files(is_bridged=True))
    file = str(questions.write(stand.folder / f"{name}-questions", way.ask(turn)))
    # What is in the cache is not asked for again: only metadata is measured the second time.
    warm = ("-n", "1", file) if comparison.name == "metadata" and name == "bridged" else ()
    arguments = ["-n", str(way.operations), file]
    kind = Asked(comparison.name, way.program, arguments, warm, is_web=way.is_web)
    return ask(kind, Site(asked))


def _blast(port: int, paths: Sequence[Path]) -> Mapping[str, Any]:
    return run_program([str(BUILD / "blast"), "store", "-p", str(port), "-Q", *map(str, paths)])


# ---- what came of it -----------------------------------------------------------------------


def factor(comparison: Comparison, results: Sequence[Mapping[str, Any]]) -> float | None:
    """Give how much longer the bridged way takes, the median of turns; None: not measured."""
    mine = [one for one in results if one["scenario"] == comparison.name]
    return median(_factors(mine)) if mine else None


def _factors(results: Sequence[Mapping[str, Any]]) -> Sequence[float]:
    return [one["bridged"]["seconds"] / one["direct"]["seconds"] for one in results]


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
        found, least, most = median(_factors(mine)), min(_factors(mine)), max(_factors(mine))
        first = " / ".join(
            f"{median([result[way].get('first_us', 0) for result in mine]) / 1000:.1f} ms"
            for way in ("direct", "bridged")
        )
        wanted = f"≤ {one.wanted}" if one.wanted else "-"
        direct, bridged = _seconds(mine, "direct"), _seconds(mine, "bridged")
        lines.append(
            f"| {one.title} | {one.archive} | {direct * 1000:,.0f} ms | {bridged * 1000:,.0f} ms "
            f"| {found:.2f} ({least:.2f}-{most:.2f}) | {wanted} | {first} |"
        )
    return "\n".join(lines)


def _seconds(results: Sequence[Mapping[str, Any]], way: str) -> float:
    seconds: float = median([one[way]["seconds"] for one in results])
    return seconds


def _progress(name: str, result: Mapping[str, Any]) -> str:
    direct, bridged = result["direct"], result["bridged"]
    told = "  ".join(
        f"{way} {figures['seconds'] * 1000:,.0f} ms ({figures['succeeded']} well)"
        for way, figures in (("direct", direct), ("bridged", bridged))
    )
    return f"{name:14} {told}  {bridged['seconds'] / direct['seconds']:.2f}"


if __name__ == "__main__":
    sys.exit(main())
