"""Plans deliveries while an instance is committed: its routes are asked, groups choose a member.

Whatever goes wrong here is no reason to refuse an instance, and none to forget what it is owed: a
plan that fails becomes deliveries that are held until a person decides.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from hilum.dicom.facts import InstanceFacts
from hilum.dicom.header import Header
from hilum.dicom.parser import read_data_set, read_header
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dicom.tags import CATALOGUE_TAGS
from hilum.kernel.errors import CorruptPayload
from hilum.kernel.faults import place_of
from hilum.kernel.names import UID
from hilum.ledger.delivery import GatheringKey, Level, PlannedDelivery, Priority
from hilum.pipeline.lanes.groups import Members
from hilum.pipeline.reception import Reception
from hilum.routing.facts import AssociationFacts, Elements, HeaderFacts, no_data_set
from hilum.routing.plan import Delivery, plan
from hilum.routing.routes import Routes
from hilum.routing.targets import Target

# Enough for nearly any header and report; conditions on what is behind do not hold.
FRONT_BYTES_MAX: Final = 4 * 1024 * 1024

_PRIORITIES: Final = {
    "stat": Priority.STAT,
    "routine": Priority.ROUTINE,
    "bulk": Priority.BULK,
}


class Planner:
    """Decides what an instance is owed.

    `members` tells how the members of groups are, `begun_with` which one of them has begun to get
    a study (it asks the ledger).
    """

    def __init__(
        self,
        routes: Routes,
        *,
        members: Callable[[], Members],
        begun_with: Callable[[str, str], str | None],
        tags_besides: frozenset[int] = frozenset(),
    ) -> None:
        """Begin; `tags_besides` are of no use here, but to be kept of headers as well."""
        self._tags = CATALOGUE_TAGS | tags_besides
        self._members = members
        self._begun_with = begun_with
        self.change(routes)

    def change(self, routes: Routes) -> None:
        """Ask other routes from now on. `tags_wanted` is what the header scanner has to keep."""
        self.tags_wanted = self._tags | routes.tags_wanted
        self.routes = routes

    def plan(
        self, reception: Reception, facts: InstanceFacts, now: datetime
    ) -> list[PlannedDelivery]:
        """Give what the instance is owed; never raises. In the commit, before naming."""
        return self.plan_by(lambda: facts_of(reception), facts, now)

    def plan_by(
        self, asked: Callable[[], HeaderFacts], facts: InstanceFacts, now: datetime
    ) -> list[PlannedDelivery]:
        """Give what is owed by what the routes may ask; never raises."""
        routes = self.routes
        if not routes.routes:
            return []
        try:
            decided = plan(routes, asked(), now)
            return [self._planned(one, facts) for one in decided.deliveries]
        except Exception as error:  # noqa: BLE001 - see the docstring of the module
            reason = (
                f"the routes could not be asked ({type(error).__name__} at {place_of(error)}); "
                "please report it, and release this delivery if it is meant"
            )
            return list(_held(routes, reason))

    def _planned(self, one: Delivery, facts: InstanceFacts) -> PlannedDelivery:
        study = facts.study_instance_uid
        return PlannedDelivery(
            destination=self._destination(one.target, study),
            route=one.route,
            choice=one.target.choice,
            priority=_PRIORITIES[one.priority],
            due_at=one.due_at,
            gathering=_gathering(one, facts),
        )

    def _destination(self, target: Target, study_instance_uid: str) -> str:
        """Choose the member of a group; a study stays with the one that has begun to get it."""
        if not target.choice:
            return target.members[0]
        begun_with = self._begun_with(target.choice, study_instance_uid)
        return self._members().pick(target, study_instance_uid, begun_with)


def facts_of(reception: Reception) -> HeaderFacts:
    """Give what the routes may ask of an instance that was received to its end.

    Its header was scanned for the routes there were when it began to come; what newer ones want
    besides is read from its data set.
    """
    announcement = reception.announcement
    header = reception.reader.header
    assert header is not None  # noqa: S101 - a judged instance was read to its end
    origin = announcement.origin
    return header_facts(
        header,
        AssociationFacts(
            calling_ae_title=origin.calling_ae_title,
            called_ae_title=origin.called_ae_title,
            peer=origin.peer,
            host=origin.host,
            entity=origin.entity,
            source=announcement.source,
        ),
        size=reception.size,
        transfer_syntax_uid=announcement.transfer_syntax_uid,
        header_tags=reception.reader.wanted,
        front=lambda: reception.draft.front(FRONT_BYTES_MAX),
    )


def header_facts(
    header: Header,
    association: AssociationFacts,
    *,
    size: int,
    transfer_syntax_uid: UID,
    header_tags: frozenset[int],
    front: Callable[[], bytes],
) -> HeaderFacts:
    """Give the facts of an instance, whose header was scanned for `header_tags`.

    `front` reads the first bytes of its data set if asked for more.
    """

    def read() -> Elements:
        try:
            data, syntax = front(), transfer_syntax(transfer_syntax_uid)
            # Without pixels there is nothing that ends a header but the end of the data set.
            return read_data_set(data, syntax) if len(data) >= size else read_header(data, syntax)
        except (CorruptPayload, OSError):
            return no_data_set()

    return HeaderFacts(
        header,
        association,
        size=size,
        transfer_syntax_uid=transfer_syntax_uid,
        header_tags=header_tags,
        read_data_set=read,
    )


def _gathering(one: Delivery, facts: InstanceFacts) -> GatheringKey | None:
    match one.on:
        case "series":
            return GatheringKey(Level.SERIES, facts.series_instance_uid)
        case "study":
            return GatheringKey(Level.STUDY, facts.study_instance_uid)
        case _:
            return None


def _held(routes: Routes, reason: str) -> Iterator[PlannedDelivery]:
    """Hold something for every destination that a route names, each of them once."""
    seen: set[str] = set()
    for route in routes.routes:
        for target in route.targets if route.enabled else ():
            if str(target) not in seen:
                seen.add(str(target))
                name = target.members[0]
                yield PlannedDelivery(name, route.name, choice=target.choice, held=reason)
