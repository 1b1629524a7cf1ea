"""Put Hilum on trial: `make trials`, or `trials/run.py --short kill order`.

Each trial tries to make Hilum break one promise, on loopback, with processes it starts and ends
itself. It prints one line with its figures; the exit code says whether all promises were kept.
`--target storescp` holds a trial against a peer that must fail it, to see that the trial can fail.
"""

import argparse
import importlib
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

# So that `python trials/run.py` finds trials.
sys.path.insert(0, str(Path(__file__).parents[1]))

from trials import targets
from trials.trial import Options, Result

TRIALS = (
    "kill",
    "stow_kill",
    "deliver_kill",
    "deliver_stop",
    "neighbours",
    "backlog",
    "pace",
    "powercut",
    "order",
    "full_disk",
    "ledger_damage",
    "nonsense",
    "web_nonsense",
    "crowd",
    "large",
    "large_web",
    "bridge_store",
    "bridge_cancel",
    "bridge_parts",
    "bridge_large",
    "soak",
    "privacy",
    "simulation",
    "faults",
)
# Seconds on a machine that others use say nothing of a latency or a rate: long, or by name.
LONG_ONLY = frozenset({"neighbours", "pace"})


def main() -> int:
    """Run the named trials, or all of them."""
    options = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whoever stops us stops all of it
    failed: list[str] = []
    usual = [name for name in TRIALS if not (options.short and name in LONG_ONLY)]
    for name in options.names or usual:
        with tempfile.TemporaryDirectory(prefix=f"hilum-{name}-", dir=options.folder) as folder:
            started = time.monotonic()
            result = _run(name, options, Path(folder))
            line = _line(name, result, time.monotonic() - started)
            print(line, flush=True)
        if not result.passed and not result.skipped:
            failed.append(line)
    for line in failed:  # again, where they are seen
        print(line)
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*TRIALS, []], help="default: all")
    parser.add_argument("--short", action="store_true", help="as CI does: minutes, not hours")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is random")
    parser.add_argument("--target", choices=targets.NAMES, default="hilum")
    parser.add_argument("--folder", type=Path, help="where to work; a real file system")
    return parser.parse_args()


def _run(name: str, options: argparse.Namespace, folder: Path) -> Result:
    trial = importlib.import_module(f"trials.{name}")
    given = Options(folder, short=options.short, seed=options.seed, target=options.target)
    try:
        return trial.run(given)  # type: ignore[no-any-return] # each trial gives a Result
    except Exception:  # noqa: BLE001 - a trial that breaks has failed; the others go on
        traceback.print_exc()
        return Result(passed=False, figures={"broke": "see above"})


def _line(name: str, result: Result, seconds: float) -> str:
    if result.skipped:
        return f"SKIP {name}: {result.skipped}"
    verdict = "PASS" if result.passed else "FAIL"
    figures = ", ".join(f"{key} {value}" for key, value in result.figures.items())
    return f"{verdict} {name} ({seconds:.0f} s): {figures}"


if __name__ == "__main__":
    sys.exit(main())
