"""Finding patients, studies, series and instances: answers to C-FIND and QIDO-RS, page by page.

A page costs what is in it, not what is in the archive. What SQL cannot say of a key is looked at in
the candidates. Instances are described as the catalogue does; for whole headers, read payloads.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from sqlite3 import Cursor
from typing import Final

from hilum.dicom.matching import Key, matches, matches_data_set
from hilum.ledger.doors import Ask
from hilum.ledger.extras import ExtraAttribute
from hilum.ledger.search_columns import (
    COMPUTED,
    INSTANCE_AVAILABILITY,
    OF_LEVEL,
    ONLINE,
    STORED,
    Computed,
)
from hilum.ledger.search_conditions import FALSE, Condition, Parameter, condition_of
from hilum.ledger.search_extras import Beside, beside, of_beside
from hilum.ledger.search_plan import Plan, plan_of
from hilum.ledger.search_rows import RowReader
from hilum.ledger.texts import Row
from hilum.query.match import Match
from hilum.query.query import Attribute, Query

# Matches of one call; more are asked for with `after`.
PAGE_MAX: Final = 1000
# Candidates of one call that are looked at in Python: some tens of milliseconds.
CANDIDATES_MAX: Final = 5000
_CANDIDATES_AT_ONCE: Final = 500

# Where a page ended, in the order of the plan of its question.
Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A page of matches. `next` is where to go on, None when there are no more.

    There may be fewer matches than asked for, even none, and a `next`: looking took too long for
    one call; `skip` is then what is left of those to leave out. `ignored` are keys that the
    catalogue cannot answer: they narrowed nothing.
    """

    matches: tuple[Match, ...]
    next: Place | None = None
    ignored: tuple[Attribute, ...] = ()
    skip: int = 0


@dataclass(slots=True)
class _Work:
    """A question on its way into SQL."""

    query: Query
    plan: Plan
    conditions: list[Condition]
    undecided: list[Key]
    computed: list[Computed | Beside]
    ignored: list[Attribute]
    is_empty: bool = False


class Search:
    """Answers questions. Every method raises LedgerUnavailable."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._beside = beside(())

    def know(self, attributes: Iterable[ExtraAttribute]) -> None:
        """Answer for extra attributes too, from now on: these and no others."""
        self._beside = beside(attributes)

    def find(
        self, query: Query, *, limit: int = PAGE_MAX, after: Place | None = None, skip: int = 0
    ) -> Found:
        """Give matches of a question: at most `limit`, from a place on, without the first `skip`.

        The query's own limit and offset are for who asks: nothing is done about them here. The
        order is the same at all times; what is stored or removed meanwhile shifts no other match
        over the edge of a page that is found by `after`. Charset, wanted attributes that are not
        known and those that the answerer adds are left to `hilum.query.answer`.
        """
        work = _work_of(query, self._beside)
        if work.is_empty or limit <= 0:
            return Found((), ignored=tuple(work.ignored))
        limit = min(limit, PAGE_MAX)
        return self._ask(lambda cursor: _find(cursor, work, limit, (after, skip)))

    def unknown(self, query: Query) -> tuple[Attribute, ...]:
        """Give what is asked for or looked for and not in the catalogue."""
        asked = [*(one.attribute for one in query.wanted), *(key.attribute for key in query.keys)]
        return tuple(dict.fromkeys(one for one in asked if not self._is_known(one)))

    def _is_known(self, attribute: Attribute) -> bool:
        return isinstance(attribute, int) and (
            attribute in STORED
            or attribute in COMPUTED
            or attribute in self._beside
            or attribute == INSTANCE_AVAILABILITY
        )


def _work_of(query: Query, extra: Mapping[int, Beside]) -> _Work:
    """Turn keys into conditions, and set aside what must be looked at in candidates."""
    known = {tag: one for tag, one in extra.items() if one.level <= query.level}
    plan = plan_of(query, known)
    work = _Work(query, plan, list(plan.begins), [], [], [])
    for key in query.keys:
        if key.attribute == INSTANCE_AVAILABILITY:
            work.is_empty = work.is_empty or not matches(key.matching, (ONLINE,))
            continue
        one = known.get(key.attribute) if isinstance(key.attribute, int) else None
        condition = condition_of(key) if one is None else of_beside(one, key.matching)
        if condition is None:
            work.ignored.append(key.attribute)
            continue
        work.conditions.append(condition)
        work.is_empty = work.is_empty or condition == FALSE
        if not condition.is_exact:
            work.undecided.append(key)
    wanted = {one.attribute for one in query.wanted} | {key.attribute for key in work.undecided}
    found: list[Computed | Beside] = [*COMPUTED.values(), *known.values()]
    work.computed = [
        one for one in found if one.level <= query.level and (query.everything or one.tag in wanted)
    ]
    return work


def _find(cursor: Cursor, work: _Work, limit: int, start: tuple[Place | None, int]) -> Found:
    if work.undecided:
        return _look_through(cursor, work, limit, start)
    after, skip = start
    # One more tells whether there are more.
    rows = _run(cursor, work, after, (limit + 1, skip))
    level, read = work.query.level, RowReader(work.query.level, work.computed).attributes_of
    matches = tuple([Match(level, read(row)) for row in rows[:limit]])
    place = _place_of(work, rows[limit - 1]) if len(rows) > limit else None
    return Found(matches, place, tuple(work.ignored))


def _look_through(
    cursor: Cursor, work: _Work, limit: int, start: tuple[Place | None, int]
) -> Found:
    """Find those of the candidates that SQL gives that match."""
    after, skip = start
    found: list[Match] = []
    looked = 0
    ignored = tuple(work.ignored)
    level, read = work.query.level, RowReader(work.query.level, work.computed).attributes_of
    while True:
        rows = _run(cursor, work, after, (_CANDIDATES_AT_ONCE, 0))
        for row in rows:
            match = Match(level, read(row))
            is_match = matches_data_set(work.undecided, match.attributes)
            if is_match and skip:
                skip -= 1
            elif is_match:
                if len(found) == limit:
                    return Found(tuple(found), after, ignored)
                found.append(match)
            after = _place_of(work, row)
        looked += len(rows)
        if len(rows) < _CANDIDATES_AT_ONCE:
            return Found(tuple(found), None, ignored)
        if looked >= CANDIDATES_MAX:
            return Found(tuple(found), after, ignored, skip)


def _place_of(work: _Work, row: Row) -> Place:
    return row[-len(work.plan.order) :]


def _run(cursor: Cursor, work: _Work, after: Place | None, page: tuple[int, int]) -> list[Row]:
    text, parameters = statement_of(work.query, work.plan, work.conditions, work.computed, after)
    return cursor.execute(f"{text} LIMIT ? OFFSET ?", (*parameters, *page)).fetchall()


def statement_of(
    query: Query,
    plan: Plan,
    conditions: Sequence[Condition],
    computed: Sequence[Computed | Beside],
    after: Place | None,
) -> tuple[str, list[Parameter]]:
    """Put the statement of a search together, without its limit."""
    columns = [
        stored.name for level in OF_LEVEL if level <= query.level for stored in OF_LEVEL[level]
    ]
    columns += [_value_of(one) for one in computed]
    columns += plan.order
    parts = [one.text for one in conditions if one.text != "1"]
    parameters = [parameter for one in conditions for parameter in one.parameters]
    if after is not None:
        # The first by itself: an index can be entered there.
        sign = "<" if plan.falling else ">"
        places = ", ".join("?" * len(after))
        parts.append(f"{plan.order[0]} {sign}= ? AND ({', '.join(plan.order)}) {sign} ({places})")
        parameters += [after[0], *after]
    way = " DESC" if plan.falling else ""
    order = ", ".join([f"{column}{way}" for column in plan.order])
    where = f" WHERE {' AND '.join(parts)}" if parts else ""
    text = f"SELECT {', '.join(columns)} FROM {plan.tables}{where} ORDER BY {order}"  # noqa: S608 -- names of ours
    return text, parameters


def _value_of(computed: Computed | Beside) -> str:
    """Collect as a subquery: it runs for the rows of the page only."""
    if isinstance(computed, Beside):
        return computed.text
    if not computed.value:
        return f"(SELECT count(*) {computed.source})"
    return (
        f"(SELECT group_concat(found, '\\') FROM (SELECT DISTINCT {computed.value} AS found "  # noqa: S608 -- names of ours
        f"{computed.source} AND {computed.value} != '' ORDER BY 1))"
    )
