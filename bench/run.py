"""Measure Hilum against its peers in one interleaved run: `make bench`, or `bench/run.py --quick`.

Each repetition goes through all receivers of a scenario in a new random order, each with an empty
store; medians of the repetitions are compared. Peers that are not installed are named and skipped.
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# So that `python bench/run.py` finds bench and trials.
sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import datasets, machine, report
from bench.measure import Bench
from bench.receivers import BUILD
from bench.scenarios import FORWARD, FORWARD_TARGETS, FULL, QUICK, TARGETS, Scenario, Target

ROOT = Path(__file__).parents[1]
PERFORMANCE = ROOT / "docs" / "performance.md"
MARKS = "<!-- bench:begin (written by bench/run.py --report) -->", "<!-- bench:end -->"
FORWARD_MARKS = (
    "<!-- forward:begin (written by bench/run.py --forward --report) -->",
    "<!-- forward:end -->",
)


def main() -> int:
    """Run; the exit code says whether every target is met."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whoever stops us stops all of it
    results = read(options.results) if options.results else _measure_all(options)
    scenarios, wanted = _plan(options)
    targets, is_met = report.verdicts(results, wanted)
    tables = report.tables(results, scenarios)
    print(f"\n{tables}\n{targets}")
    if options.report:
        marks = FORWARD_MARKS if options.forward else MARKS
        rewrite(PERFORMANCE, marks, results, f"{targets}\n{tables}")
    return 0 if is_met else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only what the targets need")
    parser.add_argument("--forward", action="store_true", help="store and forward")
    parser.add_argument("--repetitions", type=int, help="default 5, with --quick 3")
    parser.add_argument("--only", default="", help="scenarios whose name has this in it")
    parser.add_argument("--receivers", default="", help="receivers whose name has this in it")
    parser.add_argument("--seed", type=int, default=1, help="of the order of receivers")
    parser.add_argument("--disk", type=Path, default=BUILD / "store", help="a real file system")
    parser.add_argument("--memory", type=Path, default=Path("/dev/shm"), help="a tmpfs")
    parser.add_argument("--report", action="store_true", help="rewrite docs/performance.md")
    parser.add_argument(
        "--results", type=Path, nargs="+", help="show these results, measure nothing"
    )
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> tuple[Sequence[Scenario], Sequence[Target]]:
    if options.forward:
        return FORWARD, FORWARD_TARGETS
    return QUICK if options.quick else FULL, TARGETS


def _measure_all(options: argparse.Namespace) -> list[dict[str, Any]]:
    scenarios = [s for s in _plan(options)[0] if options.only in s.name]
    data = BUILD / "data"
    build()
    for kind in sorted({s.load for s in scenarios} & datasets.KINDS.keys()):
        print(f"objects: {kind}", flush=True)
        datasets.ensure(datasets.KINDS[kind], data)
    memory = Path(tempfile.mkdtemp(prefix="hilum-bench-", dir=options.memory))
    bench = Bench(data, memory, options.disk)
    try:
        return _repeat(bench, scenarios, options)
    finally:
        bench.clean()
        shutil.rmtree(memory)


def _repeat(
    bench: Bench, scenarios: Sequence[Scenario], options: argparse.Namespace
) -> list[dict[str, Any]]:
    shuffled = random.Random(options.seed)
    results: list[dict[str, Any]] = [{"machine": machine.facts(ROOT)}]
    path = ROOT / "bench" / "results" / f"{time.strftime('%Y%m%d-%H%M%S')}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results[0]) + "\n")
    for scenario in scenarios:
        names = [name for name in scenario.receivers if options.receivers in name]
        for repetition in range(options.repetitions or (3 if options.quick else 5)):
            shuffled.shuffle(names)
            for name in names:
                result = {"repetition": repetition, **bench.measure(scenario, name)}
                results.append(result)
                with path.open("a") as file:
                    file.write(json.dumps(result) + "\n")
                print(_progress(result), flush=True)
    print(f"results: {path.relative_to(ROOT)}")
    return results


def _progress(result: dict[str, Any]) -> str:
    row = report.Row(result["receiver"], [result])
    rate = f"{row.rate:,.1f}/s" if row.rate else "-"
    return f"{result['scenario']:20} {result['receiver']:32} {rate:>10} {row.problem}"


def build() -> None:
    """Compile the generator and the sinks."""
    BUILD.mkdir(exist_ok=True)
    for name in ("blast", "csink", "stowsink", "askdimse", "askhttp"):
        source, target = ROOT / "bench" / f"{name}.c", BUILD / name
        subprocess.run(
            ["gcc", "-std=gnu11", "-O2", "-Wall", "-pthread", "-o", str(target), str(source)],
            check=True,
        )


def read(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Read the results of earlier runs."""
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def rewrite(
    path: Path, marks: tuple[str, str], results: Sequence[dict[str, Any]], text: str
) -> None:
    """Put machine facts and tables between the marks of a page; the rest of it stays."""
    page = path.read_text()
    begin, end = marks
    before, rest = page.split(begin)
    after = rest.split(end)[1]
    facts: dict[str, str] = next((line["machine"] for line in results if "machine" in line), {})
    path.write_text(f"{before}{begin}\n\n{report.machine_table(facts)}\n{text}\n{end}{after}")


if __name__ == "__main__":
    sys.exit(main())
