"""Which answerers came first when a question was asked, so that its other pages go on likewise."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from hilum.query.query import Query

# Questions that are remembered; the least recently used is forgotten.
_ORDERS_MAX: Final = 2048


class Orders:
    """Remembers orders of answerers by question, whichever page of it. One object an entity."""

    def __init__(self) -> None:
        self._orders: OrderedDict[Query, tuple[str, ...]] = OrderedDict()

    def of(self, query: Query) -> tuple[str, ...]:
        """Give who came first, as far as it is known."""
        return self._orders.get(_whole(query), ())

    def remember(self, query: Query, names: Sequence[str]) -> None:
        """Note who came first. What was known before is only made longer while pages follow."""
        key = _whole(query)
        known = self._orders.get(key, ())
        if not query.offset or len(names) >= len(known):
            self._orders[key] = tuple(names)
        self._orders.move_to_end(key)
        if len(self._orders) > _ORDERS_MAX:
            self._orders.popitem(last=False)


def _whole(query: Query) -> Query:
    return replace(query, limit=None, offset=0)
