"""An explanation on a terminal: advice first, then what it is built on."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from hilum.cli.queueing.listing import STYLES
from hilum.cli.queueing.listing import as_json as deliveries_as_json
from hilum.cli.queueing.words import age, amount
from hilum.ledger.delivery import DeliveryHistory
from hilum.pipeline.advice import Advice
from hilum.pipeline.explanation import Explanation
from hilum.routing.conditions import Trace
from hilum.routing.plan import RouteTrace
from hilum.routing.reasons import Verdict

_ATTEMPTS_SHOWN: Final = 3
_GROUPS_SHOWN: Final = 20


def show_explanation(
    console: Console, found: Explanation, advice: Sequence[Advice], now: datetime
) -> None:
    """Print it."""
    for one in advice:
        console.print(Text(_sentence(one.cause), style="bold yellow"))
        console.print(Padding(Text(_sentence(one.remedy), style="green"), (0, 0, 1, 2)))
    if not advice:
        console.print(Text("Nothing is wrong.\n", style="bold green"))
    for line in _what(found, now):
        console.print(line)
    if found.traces:
        console.print(Text("\nroutes", style="bold"))
        for route in found.traces:
            _show_route(console, route)
    if found.planned is not None:
        goes = ", ".join(str(one.target) for one in found.planned.deliveries) or "nowhere"
        console.print(Text(f"by these routes it goes to: {goes}"))
    if found.deliveries:
        console.print(Text("\ndeliveries", style="bold"))
        _show_deliveries(console, found.deliveries, now)


def as_json(found: Explanation, advice: Sequence[Advice]) -> dict[str, Any]:  # Any: JSON
    """Give it for programs."""
    planned = found.planned.deliveries if found.planned else ()
    return {
        "name": found.name,
        "advice": [asdict(one) for one in advice],
        "instances": len(found.held),
        "routes": [
            {
                "route": one.reason.route,
                "verdict": one.reason.verdict.value,
                "reason": str(one.reason),
                "conditions": [asdict(condition) for condition in one.conditions],
            }
            for one in found.traces
        ],
        "goes_to": [str(one.target) for one in planned],
        "deliveries": [
            {
                **deliveries_as_json([one.delivery])[0],
                "failures": [{**asdict(t), "at": t.at.isoformat()} for t in one.attempts],
            }
            for one in found.deliveries
        ],
    }


def _what(found: Explanation, now: datetime) -> Iterator[Text]:
    if found.example is not None:
        facts = found.example.facts
        yield Text(
            f"{facts.modality or 'no modality'} · study {facts.study_instance_uid} · "
            f"series {facts.series_instance_uid}"
        )
        yield Text(
            f"instance {facts.sop_instance_uid} · {amount(found.example.size)} · "
            f"transfer syntax {found.example.transfer_syntax_uid}"
        )
        who = found.association
        if who.calling_ae_title or who.peer:
            yield Text(
                f"from {who.calling_ae_title or '(no title)'} at {who.host or 'this machine'}, "
                f"peer {who.peer or 'unknown'}, called us {who.called_ae_title}"
            )
    if len(found.held) > 1:
        total = amount(sum(one.size for one in found.held))
        yield Text(f"{len(found.held):,} instances, {total}; shown is the first of them")
    for receipt in found.receipts:
        yield Text(
            f"received {age(receipt.received_at, now)} ago "
            f"({receipt.received_at:%Y-%m-%d %H:%M:%S}Z): {receipt.verdict.replace('_', ' ')}"
        )
    for one in found.gatherings:
        said = f"{one.verdict.value}: {one.evidence}" if one.verdict else "still coming"
        yield Text(
            f"route {one.route} waits for the {one.level.value}: {said}"
            f"{' (forced)' if one.is_forced else ''}; {one.arrivals} instances"
            f"{f', {one.late_arrivals} late' if one.late_arrivals else ''}"
        )


def _show_route(console: Console, route: RouteTrace) -> None:
    did_fire = route.reason.verdict is Verdict.FIRED
    mark = Text("✓ " if did_fire else "✗ ", style="green" if did_fire else "dim")
    console.print(Padding(mark + Text(str(route.reason)), (0, 0, 0, 2)))
    for condition in route.conditions:
        _show_condition(console, condition, 6)


def _show_condition(console: Console, one: Trace, indent: int) -> None:
    actual = ", ".join(one.actual) if one.actual else "absent"
    met = "" if one.inside else f" — is {actual}"
    line = Text("✓ " if one.holds else "✗ ", style="green" if one.holds else "red")
    line.append(f"{one.key} = {one.wanted}{met}" if one.wanted else f"{one.key}{met}")
    console.print(Padding(line, (0, 0, 0, indent)))
    for inner in one.inside:
        _show_condition(console, inner, indent + 2)


def _show_deliveries(
    console: Console, deliveries: Sequence[DeliveryHistory], now: datetime
) -> None:
    groups = Counter(
        (one.delivery.destination, one.delivery.state, one.delivery.reason) for one in deliveries
    )
    for (destination, state, reason), count in groups.most_common(_GROUPS_SHOWN):
        line = Text(f"{count:,} to {destination}: ")
        line.append(state.value, style=STYLES.get(state, ""))
        if reason:
            line.append(f": {reason}")
        console.print(Padding(line, (0, 0, 0, 2)))
    if len(deliveries) == 1:
        for attempt in deliveries[0].attempts[-_ATTEMPTS_SHOWN:]:
            line = Text(f"tried {age(attempt.at, now)} ago: {attempt.outcome}: {attempt.reason}")
            console.print(Padding(line, (0, 0, 0, 4)))


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!", ")")) else f"{text}."
