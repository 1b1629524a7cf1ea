"""Why an instance went where it went, or did not: its facts, every route, every delivery.

Holds patients' values: for a terminal or a caller who may see them, never for a log.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from hilum.kernel.errors import CorruptPayload
from hilum.ledger.delivery import DeliveryHistory, Selection
from hilum.ledger.delivery_queue import PAGE_MAX, Queue
from hilum.ledger.gathering import ClosedGathering
from hilum.ledger.ledger import Ledger
from hilum.ledger.lookup import Given, Held
from hilum.pipeline.inspection import Inspected, inspect
from hilum.routing.facts import AssociationFacts
from hilum.routing.plan import Plan, RouteTrace, plan, trace
from hilum.routing.routes import Routes

# Deliveries of one study that are read for an explanation; a summary of more says nothing new.
DELIVERIES_MAX: Final = 10_000


@dataclass(slots=True)
class Explanation:
    """All that is known. `name` is what was asked for; `example` is one instance of it."""

    name: str
    held: Sequence[Held] = ()
    receipts: Sequence[Given] = ()
    example: Inspected | None = None
    association: AssociationFacts = field(default_factory=AssociationFacts)
    unreadable: str = ""
    planned: Plan | None = None
    traces: Sequence[RouteTrace] = ()
    deliveries: Sequence[DeliveryHistory] = ()
    gatherings: Sequence[ClosedGathering] = ()

    @property
    def is_known(self) -> bool:
        """Tell whether anything of this name is held, or ever was."""
        return bool(self.held or self.receipts or self.deliveries)


class Explainer:
    """Explains by the routes of a configuration, and by the ledger when there is one."""

    def __init__(self, routes: Routes, *, ledger: Ledger | None, vault: Path) -> None:
        self._routes = routes
        self._ledger = ledger
        self._vault = vault

    def of_file(self, path: Path, association: AssociationFacts, now: datetime) -> Explanation:
        """Explain what becomes of a file that comes over `association`.

        Raises:
            CorruptPayload: it is no DICOM instance.
            OSError: it cannot be read.
        """
        inspected = inspect(path, self._routes)
        found = self._known(inspected.facts.sop_instance_uid)
        self._ask_routes(found, inspected, association, now)
        return found

    def of_name(self, name: str, now: datetime) -> Explanation:
        """Explain what became of everything under a UID of any level or an accession number."""
        found = self._known(name)
        if found.held:
            path = self._vault / found.held[0].path
            try:
                inspected = inspect(path, self._routes)
            except (CorruptPayload, OSError) as error:
                found.unreadable = f"{path}: {_words(error)}"
            else:
                if inspected.size != found.held[0].size:
                    found.unreadable = (
                        f"{path} has {inspected.size:,} bytes of data set; {found.held[0].size:,} "
                        "were received"
                    )
                self._ask_routes(found, inspected, inspected.sealed_association, now)
        return found

    def _known(self, name: str) -> Explanation:
        ledger = self._ledger
        if ledger is None:
            return Explanation(name)
        held = ledger.lookup.held(name)
        uids = {name, *(one.series_instance_uid for one in held[:1])}
        uids.update(one.study_instance_uid for one in held[:1])
        return Explanation(
            name,
            held=held,
            receipts=ledger.lookup.receipts(name),
            deliveries=self._deliveries(name),
            gatherings=[one for uid in sorted(uids) for one in ledger.gatherings.about(uid)],
        )

    def _deliveries(self, name: str) -> Sequence[DeliveryHistory]:
        assert self._ledger is not None  # noqa: S101 - the only caller has looked
        for selection in (
            Selection(sop_instance_uid=name),
            Selection(study_instance_uid=name),
            Selection(series_instance_uid=name),
            Selection(accession_number=name),
        ):
            if found := self._pages(self._ledger.queue, selection):
                return found
        return ()

    def _pages(self, queue: Queue, selection: Selection) -> list[DeliveryHistory]:
        found: list[DeliveryHistory] = []
        while len(found) < DELIVERIES_MAX:
            after = found[-1].delivery.delivery_id if found else 0
            page = queue.history(selection, after=after)
            found += page
            if len(page) < PAGE_MAX:
                break
        return found

    def _ask_routes(
        self,
        found: Explanation,
        inspected: Inspected,
        association: AssociationFacts,
        now: datetime,
    ) -> None:
        facts = inspected.routing_facts(self._routes, association)
        found.example = inspected
        found.association = association
        found.planned = plan(self._routes, facts, now)
        found.traces = trace(self._routes, facts, now)


def _words(error: Exception) -> str:
    """Say it without the path, which is said already."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
