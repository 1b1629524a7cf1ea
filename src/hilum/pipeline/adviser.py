"""What to do about it: from an explanation to causes and remedies, the likeliest first. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from hilum.ledger.delivery import State
from hilum.pipeline.advice import Advice, deliveries, plural
from hilum.pipeline.advice_on_deliveries import on_deliveries
from hilum.pipeline.advice_on_routes import on_routes
from hilum.pipeline.circumstances import Circumstances
from hilum.pipeline.explanation import Explanation

WHO_REMOVED_IT: Final = "The audit trail in the ledger says who removed it"
_SETTLED: Final = (State.DELIVERED, State.DROPPED)
# Moves by itself, but only while the gateway runs.
_MOVING: Final = (State.WAITING, State.ACTIVE, State.DEFERRED)


def advise(found: Explanation, circumstances: Circumstances, *, now: datetime) -> list[Advice]:
    """Say what is the matter, the likeliest first; nothing when all is well."""
    return [
        *_absence(found),
        *_standstill(found, circumstances),
        *on_deliveries(found, circumstances, now),
        *on_routes(found),
    ]


def _absence(found: Explanation) -> Iterator[Advice]:
    if found.unreadable:
        yield Advice(
            f"the payload cannot be read: {found.unreadable}",
            "Bring the file back from a backup, or let the sender send it again. Look at the disk: "
            "it may not be the only one. `hilum rebuild` makes the ledger know what is whole",
        )
    if found.held or found.example is not None:
        return
    if found.deliveries:
        # Whoever asks where it is must not read that all is well. Retention may have meant it.
        if all(one.delivery.state in _SETTLED for one in found.deliveries):
            yield Advice("it is not held any more", WHO_REMOVED_IT, is_urgent=False)
    elif found.receipts:
        last = found.receipts[-1]
        brought_by = last.calling_ae_title or last.peer or "a folder"
        yield Advice(
            f"it was received {last.received_at:%Y-%m-%d %H:%M}Z from {brought_by} and is not "
            "held any more",
            WHO_REMOVED_IT,
        )
    else:
        yield Advice(
            "nothing of this name is held, and it was never received: no success was answered "
            "for it",
            "Is the UID or accession number right? If it is, ask the log of the sender; our log "
            "names every association that was rejected and every instance that was refused",
        )


def _standstill(found: Explanation, circumstances: Circumstances) -> Iterator[Advice]:
    moving = sum(one.delivery.state in _MOVING for one in found.deliveries)
    if moving and circumstances.is_running is False:
        yield Advice(
            f"the gateway is not running, and {deliveries(moving)} "
            f"{plural(moving, 'waits', 'wait')} for it",
            "Start it: `hilum serve`, or `systemctl start hilum`; its log says why it ended",
        )
