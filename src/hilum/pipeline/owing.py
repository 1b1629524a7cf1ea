"""What payloads are owed that come into the ledger from the vault, not from a door.

Nobody knows any more over which door they came, if over TLS, or what groups could choose from; what
the seal and the data set say is enough for most routes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from hilum.dicom.header import Header
from hilum.dicom.tags import CATALOGUE_TAGS
from hilum.ledger.delivery import PlannedDelivery
from hilum.ledger.entry import Entry
from hilum.pipeline.doors import door_of
from hilum.pipeline.planning import Planner, header_facts
from hilum.routing.facts import AssociationFacts

PLANNED_ANEW: Final = "planned anew by a rebuild: it may have been delivered before"


@dataclass(frozen=True, slots=True)
class FoundPayload:
    """A whole payload file: its entry, the header of its data set, and how to read its front."""

    entry: Entry
    header: Header
    front: Callable[[], bytes]


class OwesNothing:
    """For a gateway without routes, and for reading without adopting."""

    def __init__(self, tags_wanted: frozenset[int] = CATALOGUE_TAGS) -> None:
        self.tags_wanted = tags_wanted

    def owed(self, found: FoundPayload) -> Sequence[PlannedDelivery]:
        """Give nothing."""
        del found
        return ()


class Owing:
    """Plans them like arrivals of the moment at which they were received.

    With a reason in `held` all of it waits for a person.
    """

    def __init__(self, planner: Planner, *, held: str = "") -> None:
        self.tags_wanted = planner.tags_wanted
        self._planner = planner
        self._held = held

    def owed(self, found: FoundPayload) -> Sequence[PlannedDelivery]:
        """Give what the payload is owed; never raises."""
        entry = found.entry
        planned = self._planner.plan_by(
            lambda: header_facts(
                found.header,
                _association(entry),
                size=entry.size,
                transfer_syntax_uid=entry.transfer_syntax_uid,
                header_tags=self.tags_wanted,
                front=found.front,
            ),
            entry.facts,
            entry.received_at,
        )
        if not self._held:
            return planned
        # What a person releases goes at once: nothing more of its study is coming.
        return [replace(one, held=one.held or self._held, gathering=None) for one in planned]


def _association(entry: Entry) -> AssociationFacts:
    origin = entry.origin
    return AssociationFacts(
        calling_ae_title=origin.calling_ae_title,
        called_ae_title=origin.called_ae_title,
        peer=origin.peer,
        host=origin.host,
        entity=origin.entity,
        source=door_of(
            calling_ae_title=origin.calling_ae_title, association_id=origin.association_id
        ),
    )
