"""`hilum queue`: one line for each destination, and below it what keeps those that are kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hilum.cli.queueing.paragraphs import sentence, show
from hilum.cli.queueing.words import age, amount, span
from hilum.ledger.delivery import QueuedDelivery, State
from hilum.pipeline.circumstances import Circumstances, Place
from hilum.pipeline.outlook import MOVING, Outlook
from hilum.pipeline.remedies import parted, remedy_of

_SHOWN: Final = (State.WAITING, State.ACTIVE, State.DEFERRED, State.HELD, State.REFUSED)
_STYLES: Final = {State.DEFERRED: "yellow", State.HELD: "yellow", State.REFUSED: "red"}
_REASONS_MAX: Final = 3
_NAME_WIDTH_MIN: Final = 11


@dataclass(frozen=True, slots=True)
class Overview:
    """What is owed. `troubled` are deliveries that are deferred, held or refused, or were."""

    outlooks: Sequence[Outlook]
    troubled: Sequence[QueuedDelivery]
    circumstances: Circumstances
    now: datetime


@dataclass(slots=True)
class _Trouble:
    """Deliveries that stand still for one reason, and the first of them."""

    example: QueuedDelivery
    count: int = field(default=0)


def show_overview(console: Console, found: Overview) -> None:
    """Print it."""
    if not found.outlooks:
        console.print("There are no destinations, and nothing is owed to anybody.")
        return
    if found.circumstances.is_running is False:
        show(console, Text("The gateway is not running: nothing moves.\n", style="bold yellow"))
    _show_table(console, found)
    for one in found.outlooks:
        place = found.circumstances.places.get(one.destination)
        if place is None:
            _show_lost(console, one.destination)
        else:
            _show_place(console, one, place, found)


def as_json(found: Overview) -> list[dict[str, Any]]:  # Any: JSON
    """Give it for programs."""
    return [_json(one, found) for one in found.outlooks]


def _json(one: Outlook, found: Overview) -> dict[str, Any]:
    place = found.circumstances.places.get(one.destination)
    oldest = _oldest(one)
    return {
        "destination": one.destination,
        "type": place.kind if place else None,
        **{state.value: one.count(state) for state in _SHOWN},
        "bytes": sum(depth.bytes for depth in one.depths),
        "oldest_seconds": (found.now - oldest).total_seconds() if oldest else None,
        "per_minute": _pace(one),
        "empty_in_seconds": one.empty_in.total_seconds() if one.empty_in is not None else None,
        "opens_at": place.opens_at.isoformat() if place and place.opens_at else None,
        "reasons": [
            {
                "state": trouble.example.state.value,
                "count": trouble.count,
                "reason": trouble.example.reason,
                "remedy": _remedy(trouble.example, place),
            }
            for trouble in _troubles(one.destination, found.troubled)
        ],
    }


def _show_table(console: Console, found: Overview) -> None:
    """Leave out states that nothing is in: a terminal has 80 columns."""
    states = [
        state
        for state in _SHOWN
        if state is State.WAITING or any(one.count(state) for one in found.outlooks)
    ]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("destination", min_width=_NAME_WIDTH_MIN, overflow="fold")
    for name in (*(state.value for state in states), "size", "oldest", "/min", "empty in"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.outlooks:
        table.add_row(*_row(one, states, found))
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        console.print(Text.from_ansi(line.rstrip()), soft_wrap=True)


def _row(one: Outlook, states: Sequence[State], found: Overview) -> list[Text]:
    is_known = one.destination in found.circumstances.places
    oldest = _oldest(one)
    cells = [Text(one.destination, style="" if is_known else "red")]
    for state in states:
        count = one.count(state)
        style = _STYLES.get(state, "") if count else ""
        cells.append(Text(f"{count:,}" if count else "-", style=style))
    owed = sum(depth.bytes for depth in one.depths)
    cells.append(Text(amount(owed) if owed else "-"))
    cells.append(Text(age(oldest, found.now) if oldest else "-"))
    cells.append(Text(f"{_pace(one):,.0f}" if _pace(one) else "-"))
    is_moving = one.empty_in is not None and one.count(*MOVING)
    cells.append(Text(span(one.empty_in) if is_moving and one.empty_in is not None else "-"))
    return cells


def _oldest(one: Outlook) -> datetime | None:
    return min((depth.oldest for depth in one.depths), default=None)


def _pace(one: Outlook) -> float:
    return one.pace.delivered / one.pace.minutes if one.pace and one.pace.minutes else 0.0


def _show_place(console: Console, one: Outlook, place: Place, found: Overview) -> None:
    troubles = _troubles(one.destination, found.troubled)
    is_owed = bool(one.count(*MOVING))
    if not troubles and not (is_owed and (place.opens_at or place.rate)):
        return
    show(console, Text.assemble("\n", (one.destination, "bold")))
    if is_owed and place.opens_at:
        said = f"closed by `between` until {place.opens_at:%Y-%m-%d %H:%M}Z"
        show(console, Text(said), 2)
    if is_owed and place.rate:
        show(console, Text(f"limited by `rate` to {place.rate}"), 2)
    for trouble in troubles[:_REASONS_MAX]:
        _show_trouble(console, trouble, place)
    if len(troubles) > _REASONS_MAX:
        text = f"and {len(troubles) - _REASONS_MAX} other reasons: hilum queue list"
        show(console, Text(text, style="dim"), 2)


def _show_trouble(console: Console, trouble: _Trouble, place: Place) -> None:
    state, reason = trouble.example.state, trouble.example.reason
    fact = reason if state is State.HELD else parted(reason)[0]
    head = (f"{trouble.count:,} {state.value}: ", _STYLES.get(state, ""))
    show(console, Text.assemble(head, fact), 2)
    show(console, Text(sentence(_remedy(trouble.example, place)), style="green"), 4)


def _show_lost(console: Console, name: str) -> None:
    text = (
        f"\n{name} is owed something and is not in the configuration any more. Put it back, or "
        f"send it elsewhere: hilum queue replay --destination {name} --to OTHER"
    )
    show(console, Text(text, style="red"))


def _remedy(one: QueuedDelivery, place: Place | None) -> str:
    if one.state is State.HELD:
        return f"`hilum queue release --destination {one.destination}` lets it go"
    kind, calling = (place.kind, place.calling) if place else ("", "")
    return remedy_of(one, kind, calling=calling or "us")


def _troubles(name: str, troubled: Sequence[QueuedDelivery]) -> list[_Trouble]:
    """Group what stands still at one destination by its reason, the most frequent first."""
    groups: dict[tuple[State, str], _Trouble] = {}
    for one in troubled:
        if one.destination == name and one.reason:
            groups.setdefault((one.state, one.reason), _Trouble(one)).count += 1
    return sorted(groups.values(), key=lambda trouble: -trouble.count)
