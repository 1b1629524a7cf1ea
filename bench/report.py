"""Results as tables: medians, ratios to Hilum, and whether the targets are met."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bench.scenarios import TARGETS, Bound, Target

Results = Sequence[dict[str, Any]]  # Any: lines of JSON
# More than this of the machine was busy with something else: the figure is marked.
NOISE_MAX: Final = 0.10
_COLUMNS: Final = (
    *("receiver", "per second (min-max)", "MB/s", "Hilum is", "CPU ms each"),
    *("peak MB", "p50 ms", "p99 ms"),
)


class Table(Protocol):
    """What is shown as a table."""

    @property
    def name(self) -> str:
        """Its name in results."""
        ...

    @property
    def title(self) -> str:
        """Its heading."""
        ...

    @property
    def receivers(self) -> tuple[str, ...]:
        """Its rows."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """The repetitions of one receiver in one scenario."""

    receiver: str
    runs: Results

    @property
    def good(self) -> Results:
        """Give the runs that came to an end."""
        return [run for run in self.runs if run.get("succeeded") and run.get("seconds")]

    @property
    def rates(self) -> list[float]:
        """Give operations per second of each good run."""
        return [run["succeeded"] / run["seconds"] for run in self.good]

    @property
    def rate(self) -> float | None:
        """Give the median rate."""
        return statistics.median(self.rates) if self.rates else None

    def median(self, key: str) -> float | None:
        """Give the median of a figure over the good runs."""
        values = [run[key] for run in self.good if run.get(key) is not None]
        return statistics.median(values) if values else None

    @property
    def is_noisy(self) -> bool:
        """Tell whether most runs shared the machine with others."""
        return (self.median("other_cpu_share") or 0.0) > NOISE_MAX

    @property
    def problem(self) -> str:
        """Say what is wrong with the runs: skipped, failed, or not all is held."""
        for run in self.runs:
            if "skipped" in run:
                return f"skipped: {run['skipped']}"
            if "error" in run:
                return f"error: {run['error']}".replace("\n", " ").replace("|", "/")[:120]
            if run.get("failed"):
                return f"{run['failed']} failed"
            held = run.get("held")
            arrived = run.get("arrived")
            if arrived is not None and any(count != run["succeeded"] for count in arrived):
                return f"{arrived} of {run['succeeded']} arrived"
            if held is not None and held < run["succeeded"]:
                return f"only {held} of {run['succeeded']} acknowledged are held"
        return ""


def rows_of(results: Results, scenario: str) -> dict[str, Row]:
    """Group the results of a scenario by receiver."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        if result.get("scenario") == scenario:
            runs.setdefault(result["receiver"], []).append(result)
    return {receiver: Row(receiver, group) for receiver, group in runs.items()}


def tables(results: Results, scenarios: Iterable[Table]) -> str:
    """Give a Markdown table for each scenario that has results."""
    parts = []
    for scenario in scenarios:
        rows = rows_of(results, scenario.name)
        if rows:
            parts.append(_table(scenario, rows))
    return "\n".join(parts)


def verdicts(results: Results, targets: Iterable[Target | Bound] = TARGETS) -> tuple[str, bool]:
    """Give the table of targets, and whether every one is met."""
    lines = ["| target | wanted | measured | |", "|---|---:|---:|---|"]
    is_met = True
    for target in targets:
        line, is_reached = (
            _bound_line(results, target)
            if isinstance(target, Bound)
            else _target_line(results, target)
        )
        lines.append(line)
        is_met &= is_reached
    return "\n".join(lines) + "\n", is_met


def _target_line(results: Results, target: Target) -> tuple[str, bool]:
    measured = _measured(results, target)
    is_reached = measured is not None and measured >= target.at_least
    unit = " x" if target.to else " /s"
    text = "-" if measured is None else f"{measured:,.2f}{unit}"
    verdict = _verdict(measured, is_reached=is_reached)
    return f"| {_words(target)} | ≥ {target.at_least:,g}{unit} | {text} | {verdict} |", is_reached


def _bound_line(results: Results, bound: Bound) -> tuple[str, bool]:
    row = rows_of(results, bound.scenario).get(bound.of)
    measured = row.median(bound.key) if row else None
    is_reached = measured is not None and measured <= bound.at_most
    text = "-" if measured is None else f"{measured / 1e3:,.1f} ms"
    words = f"{bound.scenario}: {bound.of}, {bound.key.removesuffix('_us')}"
    verdict = _verdict(measured, is_reached=is_reached)
    return f"| {words} | ≤ {bound.at_most / 1e3:,g} ms | {text} | {verdict} |", is_reached


def _verdict(measured: float | None, *, is_reached: bool) -> str:
    return "not measured" if measured is None else "pass" if is_reached else "**FAIL**"


def machine_table(facts: dict[str, str]) -> str:
    """Give the facts of the machine as a Markdown table."""
    lines = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items())]
    return "\n".join(lines) + "\n"


def _measured(results: Results, target: Target) -> float | None:
    rows = rows_of(results, target.scenario)
    of = rows[target.of].rate if target.of in rows else None
    if of is None or not target.to:
        return of
    others = rows_of(results, target.against) if target.against else rows
    peers = [others[name].rate for name in target.to if name in others]
    fastest = max((rate for rate in peers if rate is not None), default=None)
    return None if fastest is None else of / fastest


def _words(target: Target) -> str:
    against = f" against {target.against or ' or '.join(target.to)}" if target.to else ""
    return f"{target.scenario}: {target.of}{against}"


def _table(scenario: Table, rows: dict[str, Row]) -> str:
    ours = [name for name in scenario.receivers if name in rows and name.startswith("hilum")]
    reference = rows[ours[0]].rate if ours else None
    lines = [
        f"#### {scenario.title}",
        "",
        f"| {' | '.join(_COLUMNS)} | |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
        *(_line(rows[name], reference) for name in scenario.receivers if name in rows),
        "",
    ]
    return "\n".join(lines)


def _line(row: Row, reference: float | None) -> str:
    rate = row.rate
    if rate is None:
        return f"| {row.receiver} | - | - | - | - | - | - | - | {row.problem} |"
    cells = [
        row.receiver,
        f"{_rate(rate)} ({_rate(min(row.rates))}-{_rate(max(row.rates))})",
        _number(row.median("bytes"), per=(row.median("seconds") or 1) * 1e6, digits=0),
        f"{reference / rate:.2f} x" if reference else "-",
        _number(
            row.median("receiver_cpu_seconds"), per=(row.median("succeeded") or 1) / 1e3, digits=2
        ),
        _number(row.median("peak_rss_bytes"), per=1e6, digits=0),
        _number(row.median("p50_us"), per=1e3, digits=1),
        _number(row.median("p99_us"), per=1e3, digits=1),
        " ".join(filter(None, (row.problem, "(noisy)" if row.is_noisy else ""))),
    ]
    return "| " + " | ".join(cells) + " |"


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _number(value: float | None, *, per: float, digits: int) -> str:
    return f"{value / per:,.{digits}f}" if value else "-"
