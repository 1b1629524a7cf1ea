"""`hilum queue list`: a line for each delivery."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.text import Text

from hilum.cli.queueing.paragraphs import show
from hilum.cli.queueing.words import age, span
from hilum.ledger.delivery import QueuedDelivery, State

STYLES: Final = {
    State.DELIVERED: "green",
    State.REFUSED: "red",
    State.DEFERRED: "yellow",
    State.HELD: "yellow",
}


def show_list(console: Console, found: Sequence[QueuedDelivery], now: datetime) -> None:
    """Print them, each with its instance and, if there is one, the reason below."""
    if not found:
        console.print("No delivery fits.")
    for one in found:
        head = Text.assemble(
            (f"{one.delivery_id}  ", "bold"),
            (one.state.value, STYLES.get(one.state, "")),
            f" · {one.destination} · {one.priority.name.lower()} · {age(one.created_at, now)} old",
            f" · {_tries(one.attempts)}{_next(one, now)}",
        )
        console.print(head)
        show(console, Text(one.sop_instance_uid), 4)
        if one.reason:
            show(console, Text(one.reason, style="dim"), 4)


def _tries(attempts: int) -> str:
    return f"{attempts} {'try' if attempts == 1 else 'tries'}"


def _next(one: QueuedDelivery, now: datetime) -> str:
    """Say when it goes, if it goes by itself."""
    if one.state not in (State.WAITING, State.DEFERRED):
        return ""
    if one.due_at is None:
        return " · when its series or study is complete"
    return f" · next in {span(one.due_at - now)}" if one.due_at > now else " · due"
