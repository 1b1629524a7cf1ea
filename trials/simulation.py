"""Deliver in thousands of simulated worlds of trouble: is anything lost, or sent in vain?"""

from collections import Counter
from typing import Final

from trials.simulated import Report, simulate
from trials.trial import Options, Result, many_processes

# Problems beyond the first few say nothing new.
TOLD_MAX: Final = 5


def run(options: Options) -> Result:
    """Run the worlds of many seeds."""
    count = options.count(long=10_000, short=500)
    seeds = range(options.seed, options.seed + count)
    figures: Counter[str] = Counter({"seeds": count})
    problems: list[str] = []
    with many_processes() as pool:
        for seed, report in zip(seeds, pool.map(_simulated, seeds, chunksize=20), strict=True):
            figures.update(report.figures)
            problems += [f"seed {seed}: {problem}" for problem in report.problems]
    told = {f"problem {n}": text[:300] for n, text in enumerate(problems[:TOLD_MAX], start=1)}
    return Result(passed=not problems, figures={**figures, "problems": len(problems), **told})


def _simulated(seed: int) -> Report:
    return simulate(seed)
