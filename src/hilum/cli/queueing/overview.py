"""`hilum queue`: one line for each destination, and below it what keeps those that are kept."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hilum.cli.queueing.words import age, amount, span
from hilum.ledger.delivery import QueuedDelivery, State
from hilum.pipeline.outlook import Outlook

_SHOWN: Final = (State.WAITING, State.ACTIVE, State.DEFERRED, State.HELD, State.REFUSED)
_STYLES: Final = {State.DEFERRED: "yellow", State.HELD: "yellow", State.REFUSED: "red"}
_REASONS_MAX: Final = 3


def show_overview(
    console: Console,
    found: Sequence[Outlook],
    troubled: Sequence[QueuedDelivery],
    configured: frozenset[str],
    now: datetime,
) -> None:
    """Print it. `troubled` are deliveries that are deferred, held or refused."""
    if not found:
        console.print("There are no destinations, and nothing is owed to anybody.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("destination", overflow="fold")
    for name in (*(state.value for state in _SHOWN), "bytes", "oldest", "/min", "empty in"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        table.add_row(*_row(one, configured, now))
    console.print(table)
    for one in found:
        _show_reasons(console, one.destination, troubled)
    lost = [one.destination for one in found if one.destination not in configured]
    for name in lost:
        console.print(
            Text(
                f"\n{name} is owed something and is not in the configuration any more. Put it "
                f"back, or: hilum queue replay --destination {name} --to OTHER",
                style="red",
            )
        )


def as_json(found: Sequence[Outlook], now: datetime) -> list[dict[str, Any]]:  # Any: JSON
    """Give it for programs."""
    return [
        {
            "destination": one.destination,
            **{state.value: one.count(state) for state in _SHOWN},
            "bytes": sum(depth.bytes for depth in one.depths),
            "oldest_seconds": (now - oldest).total_seconds() if (oldest := _oldest(one)) else None,
            "per_minute": _pace(one),
            "empty_in_seconds": one.empty_in.total_seconds() if one.empty_in is not None else None,
        }
        for one in found
    ]


def _row(one: Outlook, configured: frozenset[str], now: datetime) -> list[Text]:
    style = "" if one.destination in configured else "red"
    oldest = _oldest(one)
    cells = [Text(one.destination, style=style)]
    for state in _SHOWN:
        count = one.count(state)
        cells.append(
            Text(f"{count:,}" if count else "-", style=_STYLES.get(state, "") * bool(count))
        )
    cells.append(Text(amount(sum(depth.bytes for depth in one.depths))))
    cells.append(Text(age(oldest, now) if oldest else "-"))
    cells.append(Text(f"{_pace(one):,.0f}"))
    cells.append(Text("-" if one.empty_in is None or not oldest else span(one.empty_in)))
    return cells


def _oldest(one: Outlook) -> datetime | None:
    return min((depth.oldest for depth in one.depths), default=None)


def _pace(one: Outlook) -> float:
    return one.pace.delivered / one.pace.minutes if one.pace and one.pace.minutes else 0.0


def _show_reasons(console: Console, name: str, troubled: Sequence[QueuedDelivery]) -> None:
    reasons = Counter(
        (one.state, one.reason) for one in troubled if one.destination == name and one.reason
    )
    if not reasons:
        return
    console.print(Text(f"\n{name}", style="bold"))
    for (state, reason), count in reasons.most_common(_REASONS_MAX):
        line = Text.assemble((f"{count:,} {state.value}: ", _STYLES[state]), reason)
        console.print(Padding(line, (0, 0, 0, 2)))
    if len(reasons) > _REASONS_MAX:
        console.print(Text(f"  and {len(reasons) - _REASONS_MAX} other reasons", style="dim"))
