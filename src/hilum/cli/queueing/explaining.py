"""An explanation on a terminal: advice first, then what it is built on."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.text import Text

from hilum.cli.queueing.listing import STYLES
from hilum.cli.queueing.paragraphs import sentence, show
from hilum.cli.queueing.words import age, amount
from hilum.ledger.delivery import DeliveryHistory, State
from hilum.pipeline.advice import Advice, plural
from hilum.pipeline.doors import FETCH, WEB
from hilum.pipeline.explanation import Explanation
from hilum.pipeline.progress import Progress, progress_of
from hilum.routing.conditions import Trace
from hilum.routing.facts import AssociationFacts
from hilum.routing.plan import RouteTrace
from hilum.routing.reasons import Verdict

_ATTEMPTS_SHOWN: Final = 3
_GROUPS_SHOWN: Final = 20


def show_explanation(
    console: Console, found: Explanation, advice: Sequence[Advice], now: datetime
) -> None:
    """Print it."""
    _show_advice(console, advice)
    for line in _what(found, now):
        show(console, line)
    if found.traces:
        _show_routes(console, found)
    if found.deliveries:
        console.print(Text("\ndeliveries", style="bold"))
        for progress in progress_of(found):
            _show_progress(console, progress)
    if len(found.held) == 1:
        _show_attempts(console, found.deliveries, now)


def _show_advice(console: Console, advice: Sequence[Advice]) -> None:
    if not advice:
        console.print(Text("Nothing is wrong.\n", style="bold green"))
    for one in advice:
        style = "bold yellow" if one.is_urgent else "bold"
        show(console, Text(sentence(one.cause), style=style))
        show(console, Text(f"{sentence(one.remedy)}\n", style="green"), 2)


def _show_routes(console: Console, found: Explanation) -> None:
    console.print(Text("\nroutes", style="bold"))
    for route in found.traces:
        _show_route(console, route)
    if found.planned is not None:
        goes = ", ".join(str(one.target) for one in found.planned.deliveries) or "nowhere"
        show(console, Text(f"by these routes it goes to: {goes}"))


def brought_by(who: AssociationFacts) -> str:
    """Say who brought something; "": nobody knows."""
    host = who.host or "this machine"
    if who.source == FETCH:
        return f"fetched from {who.peer}"
    if who.source == WEB:
        return f"stored over HTTP by {who.peer or 'somebody without a key'} at {host}"
    if not (who.calling_ae_title or who.peer):
        return ""
    return (
        f"from {who.calling_ae_title or '(no title)'} at {host}, "
        f"peer {who.peer or 'unknown'}, called us {who.called_ae_title}"
    )


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
        if who := brought_by(found.association):
            yield Text(who)
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
    show(console, mark + Text(str(route.reason)), 2)
    for condition in route.conditions:
        _show_condition(console, condition, 6)


def _show_condition(console: Console, one: Trace, indent: int) -> None:
    actual = ", ".join(one.actual) if one.actual else "absent"
    met = "" if one.inside else f" — is {actual}"
    line = Text("✓ " if one.holds else "✗ ", style="green" if one.holds else "red")
    line.append(f"{one.key} = {one.wanted}{met}" if one.wanted else f"{one.key}{met}")
    show(console, line, indent)
    for inner in one.inside:
        _show_condition(console, inner, indent + 2)


def _show_progress(console: Console, one: Progress) -> None:
    there = Text.assemble(
        (one.destination, "bold"),
        f": {one.delivered:,} of {one.planned:,} {plural(one.planned, 'instance', 'instances')} ",
        ("delivered", STYLES[State.DELIVERED] if one.delivered else ""),
    )
    show(console, there, 2)
    for each in one.standing[:_GROUPS_SHOWN]:
        line = Text(f"{each.count:,} ")
        line.append(each.state.value, style=STYLES.get(each.state, ""))
        line.append(f": {each.reason}" if each.reason else "")
        show(console, line, 4)
    if len(one.standing) > _GROUPS_SHOWN:
        more = f"and {len(one.standing) - _GROUPS_SHOWN} other reasons"
        show(console, Text(more, style="dim"), 4)
    if one.unplanned:
        said = f"{one.unplanned:,} held {plural(one.unplanned, 'instance', 'instances')} not routed"
        show(console, Text(said, style="dim"), 4)


def _show_attempts(console: Console, found: Sequence[DeliveryHistory], now: datetime) -> None:
    """Show what failed at the last tries of one instance."""
    if not any(one.attempts for one in found):
        return
    console.print(Text("\nfailed tries", style="bold"))
    for one in found:
        for attempt in one.attempts[-_ATTEMPTS_SHOWN:]:
            said = f"{one.delivery.destination}, {age(attempt.at, now)} ago: {attempt.reason}"
            show(console, Text(said, style="dim"), 2)
