"""Measure archives that are asked: searches and retrievals, beside Orthanc and dcmqrscp.

    python bench/asked.py [--only "qido patient"] [--repetitions 3] [--report]

Each repetition goes through all archives in a new random order and asks each of them everything;
medians of the repetitions are compared. Catalogues are made once (`catalogues.py`); the study that
is retrieved is stored anew each time, in memory. Audit records are on.
"""

import argparse
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

# So that `python bench/asked.py` finds bench and trials.
sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import catalogues, datasets, machine, report
from bench.archives import ARCHIVES, CATALOGUES, DCMTK, SINK
from bench.asked_scenarios import RETRIEVALS, SEARCHES, TARGETS, Retrieving, Searching
from bench.asking import Asked, Site, ask, retrieval, search
from bench.receivers import BUILD, CALLED, RECEIVERS
from bench.run import PERFORMANCE, ROOT, build, read, rewrite

MARKS: Final = ("<!-- asked:begin (written by bench/asked.py --report) -->", "<!-- asked:end -->")
# Before the first question; what an archive does by itself with what it was given is over then.
SETTLE_SECONDS: Final = 4.0


def main() -> int:
    """Run; the exit code says whether every target is met."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whoever stops us stops all of it
    results = read(options.results) if options.results else _measure_all(options)
    targets, is_met = report.verdicts(results, TARGETS)
    tables = report.tables(results, (*SEARCHES, *RETRIEVALS))
    print(f"\n{tables}\n{targets}")
    if options.report:
        rewrite(PERFORMANCE, MARKS, results, f"{targets}\n{tables}")
    return 0 if is_met else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="scenarios: a regular expression")
    parser.add_argument("--archives", default="", help="archives whose name has this in it")
    parser.add_argument("--repetitions", type=int, help="default 5, with --quick 3")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--seconds", type=float, default=1.5, help="of one search, at most")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the order")
    parser.add_argument("--memory", type=Path, default=Path("/dev/shm"), help="a tmpfs")
    parser.add_argument("--report", action="store_true", help="rewrite docs/performance.md")
    parser.add_argument(
        "--results", type=Path, nargs="+", help="show these results, measure nothing"
    )
    return parser.parse_args()


def _measure_all(options: argparse.Namespace) -> list[dict[str, Any]]:
    build()
    results: list[dict[str, Any]] = [{"machine": machine.facts(ROOT)}]
    path = ROOT / "bench" / "results" / f"asked-{time.strftime('%Y%m%d-%H%M%S')}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results[0]) + "\n")
    memory = Path(tempfile.mkdtemp(prefix="hilum-asked-", dir=options.memory))
    try:
        for result in _repeat(options, memory):
            results.append(result)
            with path.open("a") as file:
                file.write(json.dumps(result) + "\n")
            print(_progress(result), flush=True)
    finally:
        shutil.rmtree(memory)
    print(f"results: {path.relative_to(ROOT)}")
    return results


def _repeat(options: argparse.Namespace, memory: Path) -> Iterator[dict[str, Any]]:
    searches = [one for one in SEARCHES if re.search(options.only, one.name)]
    retrievals = [one for one in RETRIEVALS if re.search(options.only, one.name)]
    visits = [
        (name, studies)
        for studies in sorted({one.studies for one in searches})
        for name in CATALOGUES
        if any(name in one.receivers for one in searches if one.studies == studies)
    ]
    visits += [(name, 0) for name in ARCHIVES if retrievals]
    visits = [visit for visit in visits if options.archives in visit[0]]
    chance = random.Random(options.seed)
    for repetition in range(options.repetitions or (3 if options.quick else 5)):
        chance.shuffle(visits)
        for name, studies in visits:
            if studies:
                asked = [one for one in searches if one.studies == studies]
                visited = _search(name, studies, asked, memory, options.seconds)
            else:
                visited = _retrieve(name, retrievals, memory)
            for result in visited:
                yield {"repetition": repetition, **result}


def _search(
    name: str, studies: int, asked: Sequence[Searching], memory: Path, seconds: float
) -> Iterator[dict[str, Any]]:
    """Ask one catalogue what it is good for."""
    archive = CATALOGUES[name]
    if missing := archive.missing():
        yield from ({"scenario": one.name, "receiver": name, "skipped": missing} for one in asked)
        return
    make = catalogues.hilum if name.startswith("hilum") else catalogues.orthanc
    running = archive.start(make(studies), {})
    try:
        for one in asked:
            if name in one.receivers:
                yield _result(search(one, memory, seconds), name, Site(running))
    finally:
        running.stop()


def _retrieve(name: str, asked: Sequence[Retrieving], memory: Path) -> Iterator[dict[str, Any]]:
    """Fill one archive and retrieve from it."""
    archive = ARCHIVES[name]
    if missing := archive.missing():
        yield from ({"scenario": one.name, "receiver": name, "skipped": missing} for one in asked)
        return
    data = datasets.ensure(datasets.KINDS["ct"], BUILD / "data")
    with _site(name, memory) as site:
        _fill(site, data)
        for one in asked:
            if name in one.receivers:
                yield _result(retrieval(one, memory, data), name, site)


@contextmanager
def _site(name: str, memory: Path) -> Iterator[Site]:
    with ExitStack() as started:
        folder = Path(tempfile.mkdtemp(dir=memory))
        started.callback(shutil.rmtree, folder)
        destinations = {}
        for title, receiver in ((SINK, "C sink"), (DCMTK, "storescp")):
            (folder / title).mkdir()
            destination = RECEIVERS[receiver].start(folder / title)
            started.callback(destination.stop)
            destinations[title] = destination
        (folder / "archive").mkdir()
        ports = {title: one.port for title, one in destinations.items()}
        running = ARCHIVES[name].start(folder / "archive", ports)
        started.callback(running.stop)
        yield Site(running, tuple(one.tree for one in destinations.values()))


def _fill(site: Site, data: Path) -> None:
    count = str(datasets.KINDS["ct"].instances_per_study)
    subprocess.run(
        [
            *(str(BUILD / "blast"), "store", "-p", str(site.archive.port), "-c", CALLED),
            *("-k", count, "-Q", str(data)),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    time.sleep(SETTLE_SECONDS)


def _result(asked: Asked, name: str, site: Site) -> dict[str, Any]:
    result = {"scenario": asked.scenario, "receiver": name}
    try:
        return {**result, **ask(asked, site)}
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return {**result, "error": str(error)[-300:]}


def _progress(result: dict[str, Any]) -> str:
    row = report.Row(result["receiver"], [result])
    rate = f"{row.rate:,.1f}/s" if row.rate else "-"
    p99 = f"p50 {result.get('p50_us', 0) / 1e3:,.1f} p99 {result.get('p99_us', 0) / 1e3:,.1f} ms"
    each = f"{result['answers'] / result['operations']:.1f} each" if result.get("answers") else ""
    name = f"{result['scenario']:30} {result['receiver']:18}"
    return f"{name} {rate:>10} {p99} {each} {row.problem}"


if __name__ == "__main__":
    sys.exit(main())
