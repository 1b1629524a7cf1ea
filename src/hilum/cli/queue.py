"""`hilum queue`: what every destination is owed, and deciding about what needs a person.

Works on the ledger itself, so it works while the gateway does not. A running one notices at once.
"""

import json as json_format
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from cyclopts import App, Parameter
from rich.console import Console

from hilum.cli.queueing import listing, overview
from hilum.cli.queueing.opening import ConfigOption, opened_ledger, operator, read_config
from hilum.cli.queueing.selecting import Choice
from hilum.kernel.errors import HilumError
from hilum.ledger.delivery import ASKED_AGAIN, Priority, QueuedDelivery, Selection, State
from hilum.ledger.delivery_queue import PAGE_MAX, Queue
from hilum.ledger.entry import Origin
from hilum.pipeline.explained import deliveries_as_json
from hilum.pipeline.outlook import PACE_MINUTES, outlooks
from hilum.service.circumstances import circumstances_of
from hilum.service.opening import DataFolder
from hilum.service.tenancy import is_occupied

queue = App(
    name="queue",
    help="What every destination is owed; retry, hold, release, drop, replay, priority.",
)

JsonOption = Annotated[bool, Parameter(negative="", show_default=False)]
AllOption = Annotated[bool, Parameter(name="--all", negative="", show_default=False)]
_TROUBLED: Final = (State.DEFERRED, State.HELD, State.REFUSED)
_ANYTHING: Final = Choice()
Act = Callable[[Queue, Selection, Origin, datetime], int]


@queue.default
def show(*, config: ConfigOption = None, json: JsonOption = False) -> int:
    """Show what each destination is owed, how fast it takes it, and what keeps the rest.

    Parameters
    ----------
    config:
        The configuration of the gateway, as for `hilum serve`.
    json:
        Print one JSON array, for programs.
    """
    settings, now = read_config(config), datetime.now(UTC)
    is_running = is_occupied(DataFolder(settings.gateway.data))
    with opened_ledger(settings) as ledger:
        deliveries = ledger.deliveries
        found = overview.Overview(
            outlooks(
                settings.destinations,
                deliveries.depths(),
                deliveries.paces(now=now, minutes=PACE_MINUTES),
            ),
            _troubled(ledger.queue),
            circumstances_of(settings, ledger, is_running=is_running, now=now),
            now,
        )
    if json:
        print(json_format.dumps(overview.as_json(found), indent=2))
    else:
        overview.show_overview(Console(highlight=False), found)
    return 0


@queue.command(name="list")
def list_(
    *,
    choice: Choice = _ANYTHING,
    limit: int = 50,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """List deliveries, the oldest first; without a state, all that are not delivered or dropped.

    Parameters
    ----------
    limit:
        So many at most.
    """
    settings, now = read_config(config), datetime.now(UTC)
    if not choice.state:
        choice = _open_ones(choice)
    with opened_ledger(settings) as ledger:
        found = ledger.queue.find(choice.selection(now), limit=limit)
    if json:
        print(json_format.dumps(deliveries_as_json(found), indent=2))
    else:
        listing.show_list(Console(highlight=False), found, now)
    return 0


@queue.command
def retry(
    *, choice: Choice = _ANYTHING, all_: AllOption = False, config: ConfigOption = None
) -> int:
    """Try what is deferred or was refused again, now."""
    return _change(
        choice, config, "to be tried again", lambda q, s, by, now: q.retry(s, by=by, now=now), all_
    )


@queue.command
def hold(
    reason: str, *, choice: Choice = _ANYTHING, all_: AllOption = False, config: ConfigOption = None
) -> int:
    """Let what waits or is deferred wait for a person.

    Parameters
    ----------
    reason:
        Why: it is shown wherever the delivery is, and goes into the audit trail.
    """
    return _change(
        choice,
        config,
        "held",
        lambda q, s, by, now: q.hold(s, reason=_said(reason), by=by, now=now),
        all_,
    )


@queue.command
def release(
    *, choice: Choice = _ANYTHING, all_: AllOption = False, config: ConfigOption = None
) -> int:
    """Let what is held go."""
    return _change(
        choice, config, "released", lambda q, s, by, now: q.release(s, by=by, now=now), all_
    )


@queue.command
def drop(
    reason: str, *, choice: Choice = _ANYTHING, all_: AllOption = False, config: ConfigOption = None
) -> int:
    """Give up what is not delivered. What is being sent at this moment stays.

    Parameters
    ----------
    reason:
        Why: it goes into the audit trail.
    """
    return _change(
        choice,
        config,
        "dropped",
        lambda q, s, by, now: q.drop(s, reason=_said(reason), by=by, now=now),
        all_,
    )


@queue.command
def replay(
    *, choice: Choice = _ANYTHING, to: str, all_: AllOption = False, config: ConfigOption = None
) -> int:
    """Send what was planned for any destination to another, again if it was there already.

    Parameters
    ----------
    to:
        The destination.
    """
    known = read_config(config).destinations
    if to not in known:
        raise HilumError(f"there is no destination {to}. There are: {', '.join(known) or 'none'}")
    return _change(
        choice,
        config,
        f"planned for {to}",
        lambda q, s, by, now: q.replay(s, to=to, by=by, now=now),
        all_,
    )


@queue.command
def priority(
    level: Literal["stat", "routine", "bulk"],
    *,
    choice: Choice = _ANYTHING,
    all_: AllOption = False,
    config: ConfigOption = None,
) -> int:
    """Make what waits more or less urgent."""
    return _change(
        choice,
        config,
        f"{level} now",
        lambda q, s, by, now: q.reprioritise(s, Priority[level.upper()], by=by, now=now),
        all_,
    )


def _troubled(queue: Queue) -> list[QueuedDelivery]:
    """Give what stands still, and what would if nobody had asked to try it again."""
    waiting = queue.find(Selection(states=(State.WAITING,)), limit=PAGE_MAX)
    again = [one for one in waiting if one.reason.startswith(ASKED_AGAIN)]
    return [*queue.find(Selection(states=_TROUBLED), limit=PAGE_MAX), *again]


def _open_ones(choice: Choice) -> Choice:
    return replace(choice, state=("waiting", "active", "deferred", "held", "refused"))


def _said(reason: str) -> str:
    if not reason.strip():
        raise HilumError("a reason is needed: it goes into the audit trail")
    return reason.strip()


def _change(choice: Choice, config: ConfigOption, done: str, act: Act, everything: bool) -> int:  # noqa: FBT001 - an option of the command, passed on
    if choice.is_empty and not everything:
        raise HilumError(
            "nothing is selected: say which deliveries (--destination, --study, --id …), or --all"
        )
    now = datetime.now(UTC)
    with opened_ledger(read_config(config)) as ledger:
        count = act(ledger.queue, choice.selection(now), operator(), now)
    print(f"{count:,} {'delivery' if count == 1 else 'deliveries'} {done}.")
    return 0
