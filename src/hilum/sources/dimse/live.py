"""Who is here now and what each asks for: values for people who look, taken at one moment."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from hilum.sources.dimse.operation import Operation, Progress

if TYPE_CHECKING:
    from hilum.sources.dimse.conversation import Conversation
    from hilum.sources.dimse.operations import Running


@dataclass(frozen=True, slots=True)
class LiveOperation:
    """What an association has asked for and not got yet.

    `name`: C-FIND, C-MOVE, C-GET, N-ACTION or N-EVENT-REPORT. `query_level` is "" where there is
    none, or none is known yet. `since` is None where nobody waits for us. `waiting`: how many more
    were asked for and wait behind it.
    """

    name: str
    query_level: str
    since: datetime | None
    progress: Progress
    waiting: int


@dataclass(frozen=True, slots=True)
class LiveAssociation:
    """An association that is open now. `operation` is None when nothing is asked for.

    `stored`, `refused`, `size`: instances that it has brought, and their bytes.
    """

    association_id: str
    peer: str
    entity: str
    calling_ae_title: str
    called_ae_title: str
    host: str
    since: datetime
    stored: int
    refused: int
    size: int
    operation: LiveOperation | None


def live_of(conversation: "Conversation") -> LiveAssociation:
    """Give an association as it is now."""
    caller, tally = conversation.caller, conversation.tally
    operations = conversation.operations
    return LiveAssociation(
        association_id=conversation.association_id,
        peer=conversation.admitted.peer,
        entity=conversation.admitted.entity,
        calling_ae_title=caller.calling_ae_title,
        called_ae_title=caller.called_ae_title,
        host=caller.host,
        since=conversation.since,
        stored=tally.stored,
        refused=tally.refused,
        size=tally.size,
        operation=_operation_of(operations.current, operations.waiting),
    )


def _operation_of(running: "Running | None", waiting: int) -> LiveOperation | None:
    if running is None:
        return None
    if not isinstance(running, Operation):
        return LiveOperation(running.name, "", None, Progress(), waiting)
    level = running.level.name.lower() if running.level is not None else ""
    return LiveOperation(running.name, level, running.began, running.progress, waiting)
