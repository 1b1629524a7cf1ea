"""Which associations carry which instances: a pure grouping into presentation contexts.

Every combination of SOP class and transfer syntax gets a context of its own, so that the peer
answers for each whether it takes these instances as they are (PS3.8 §9.3.2.2). Nothing is
converted.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from hilum.cli.sending.item import Item
from hilum.kernel.names import UID

# Context ids are the odd numbers of one byte (PS3.8 §9.3.2.2).
CONTEXTS_MAX: Final = 128

Kind = tuple[UID, UID]  # SOP class, transfer syntax


@dataclass(slots=True)
class AssociationPlan:
    """The kinds one association proposes, at most 128, and the instances it will carry."""

    context_ids: dict[Kind, int] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)

    def context_id(self, item: Item) -> int:
        """Give the id of the context that `item` travels in."""
        return self.context_ids[item.sop_class_uid, item.transfer_syntax_uid]


def plan(items: Iterable[Item], *, contexts_max: int = CONTEXTS_MAX) -> list[AssociationPlan]:
    """Put every item into a plan, in the order given; kinds beyond `contexts_max` start another."""
    plans: list[AssociationPlan] = []
    home: dict[Kind, AssociationPlan] = {}
    for item in items:
        kind = item.sop_class_uid, item.transfer_syntax_uid
        chosen = home.get(kind)
        if chosen is None:
            if not plans or len(plans[-1].context_ids) == contexts_max:
                plans.append(AssociationPlan())
            home[kind] = chosen = plans[-1]
            chosen.context_ids[kind] = 2 * len(chosen.context_ids) + 1
        chosen.items.append(item)
    return plans
