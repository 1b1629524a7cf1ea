"""The statements that plan, claim and settle deliveries, by name."""

from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    null,
    select,
    text,
    update,
)
from sqlalchemy.dialects.sqlite import insert as insert_or_add
from sqlalchemy.sql.expression import ClauseElement

from hilum.ledger.delivery import State
from hilum.ledger.schema import ATTEMPT, DELIVERY, INSTANCE, PACE, PAYLOAD
from hilum.ledger.texts import Insert, SelectIn, Statement, StatementIn

# SQLite takes a partial index only for a question that repeats its condition word for word.
CLAIMABLE: Final[ColumnElement[bool]] = literal_column("delivery.state IN ('waiting', 'deferred')")
STANDING: Final[ColumnElement[bool]] = literal_column(
    "delivery.state IN ('active', 'held', 'refused')"
)

PLANNED: Final = (
    "sop_instance_uid",
    "version",
    "study_instance_uid",
    "series_instance_uid",
    "destination",
    "route",
    "choice",
    "state",
    "priority",
    "due_at_microseconds",
    "created_at_microseconds",
    "size",
    "gathering_row",
    "reason",
    "settled_at_microseconds",
)
_D: Final = DELIVERY.c


class DeliveryStatements:
    """What lanes and the transaction of a receipt ask and write."""

    def __init__(self) -> None:
        self.known = SelectIn(_known(), "uids")
        self.add = Insert(insert(DELIVERY), *PLANNED)
        self.supersede = _supersede()
        self.lose_owed = _lose_owed()

        self.due = Statement(_due(), "lane", "urgency", "now", "row_count")
        self.lease = _lease()
        self.refuse_lost = _refuse_lost()

        self.deliver = _deliver()
        self.defer = _defer()
        self.put_back = _put_back()
        self.refuse = _refuse()
        self.add_attempt = Insert(insert(ATTEMPT), *(c.name for c in ATTEMPT.c if c.name != "id"))
        self.prune_attempts = Statement(_prune_attempts(), "delivery", "newest", "kept")
        self.add_pace = _add_pace()
        self.prune_pace = Statement(
            delete(PACE).where(PACE.c.destination == value("lane"), PACE.c.minute < value("old")),
            *("lane", "old"),
        )

        self.renew = Statement(
            update(DELIVERY)
            .where(is_in(State.ACTIVE), STANDING, _D.lease_owner == value("owner"))
            .values(leased_until_microseconds=value("until")),
            *("until", "owner"),
        )
        self.expired = Statement(_active(_D.leased_until_microseconds <= value("now")), "now")
        self.owned = Statement(_active(_D.lease_owner == value("owner")), "owner")
        self.owners = Statement(
            select(_D.lease_owner).where(is_in(State.ACTIVE), STANDING).distinct()
        )
        self.reclaim = _reclaim()
        self.unlease = _unlease()


def value(name: str) -> BindParameter[Any]:
    """Leave a place for a value."""
    return bindparam(name)


def literal(state: State) -> ColumnElement[str]:
    """Give a state as the indexes have it: not as a value of its own."""
    return literal_column(f"'{state.value}'")


def is_in(state: State) -> ColumnElement[bool]:
    """Ask for one state."""
    return _D.state == literal(state)


LIMIT: Final = text("LIMIT :row_count")
_EMPTY: Final[ColumnElement[str]] = literal_column("''")
_ONE_MORE: Final[ColumnElement[int]] = literal_column("attempts + 1")
_UNLEASED: Final = ((_D.lease_owner, _EMPTY), (_D.leased_until_microseconds, null()))


def _known() -> ClauseElement:
    return select(_D.sop_instance_uid, _D.version, _D.destination, _D.choice).where(
        _D.sop_instance_uid.in_(bindparam("uids", expanding=True))
    )


def _supersede() -> Statement:
    """Drop what is owed of a version that is held no more, unless a lane is at it."""
    owed = _D.state.in_([literal(s) for s in State if s.value in _STOPPABLE])
    return Statement(
        update(DELIVERY)
        .ordered_values(
            (_D.state, literal(State.DROPPED)),
            (_D.settled_at_microseconds, value("at")),
            (_D.reason, value("why")),
        )
        .where(_D.sop_instance_uid == value("uid"), _D.version == value("number"), owed)
        .returning(_D.destination),
        *("at", "why", "uid", "number"),
    )


def _lose_owed() -> Statement:
    """Refuse what can be delivered no more; a lane that is at it may still say that it was."""
    owed = _D.state.in_([literal(s) for s in State if s.value in _LOSABLE])
    return Statement(
        update(DELIVERY)
        .ordered_values((_D.state, literal(State.REFUSED)), (_D.reason, value("why")), *_UNLEASED)
        .where(_D.sop_instance_uid == value("uid"), _D.version == value("number"), owed)
        .returning(_D.destination),
        *("why", "uid", "number"),
    )


_STOPPABLE: Final = frozenset({"waiting", "deferred", "held", "refused"})
_LOSABLE: Final = frozenset({"waiting", "deferred", "held", "active"})


def _due() -> ClauseElement:
    """Read what is due, in order. Outer joins, so that what has no payload any more is seen."""
    return (
        select(
            _D.id,
            INSTANCE.c.sop_class_uid,
            _D.sop_instance_uid,
            _D.series_instance_uid,
            _D.study_instance_uid,
            PAYLOAD.c.transfer_syntax_uid,
            _D.size,
            PAYLOAD.c.path,
            _D.attempts,
            _D.version,
            _D.route,
            _D.choice,
            _D.created_at_microseconds,
        )
        .join_from(
            DELIVERY, INSTANCE, INSTANCE.c.sop_instance_uid == _D.sop_instance_uid, isouter=True
        )
        .join(
            PAYLOAD,
            (PAYLOAD.c.instance_row == INSTANCE.c.id) & (PAYLOAD.c.version == _D.version),
            isouter=True,
        )
        .where(CLAIMABLE, _D.destination == value("lane"), _D.priority == value("urgency"))
        .where(_D.due_at_microseconds <= value("now"))
        .order_by(_D.due_at_microseconds, _D.id)
        .suffix_with(LIMIT)
    )


def _lease() -> StatementIn:
    return StatementIn(
        update(DELIVERY)
        .ordered_values(
            (_D.state, literal(State.ACTIVE)),
            (_D.lease_owner, value("owner")),
            (_D.leased_until_microseconds, value("until")),
        )
        .where(those()),
        *("owner", "until"),
        each="ids",
    )


def those() -> ColumnElement[bool]:
    """Ask for certain rows."""
    return _D.id.in_(bindparam("ids", expanding=True))


def _refuse_lost() -> StatementIn:
    return StatementIn(
        update(DELIVERY)
        .ordered_values((_D.state, literal(State.REFUSED)), (_D.reason, value("why")))
        .where(those()),
        "why",
        each="ids",
    )


def _deliver() -> StatementIn:
    return StatementIn(
        update(DELIVERY)
        .ordered_values(
            (_D.state, literal(State.DELIVERED)),
            (_D.reason, value("why")),
            (_D.failing, _EMPTY),
            (_D.status, value("code")),
            (_D.attempts, _ONE_MORE),
            *_UNLEASED,
            (_D.settled_at_microseconds, value("at")),
        )
        .where(_D.state != literal(State.DELIVERED), those())
        .returning(_D.destination, _D.size),
        *("why", "code", "at"),
        each="ids",
    )


def _settling() -> tuple[ColumnElement[bool], ...]:
    """Only who has the lease may say that it failed."""
    return (is_in(State.ACTIVE), _D.lease_owner == value("owner"))


def _defer() -> Statement:
    return Statement(
        update(DELIVERY)
        .ordered_values(
            (_D.state, literal(State.DEFERRED)),
            (_D.due_at_microseconds, value("due")),
            (_D.reason, value("why")),
            (_D.failing, value("kind")),
            (_D.status, null()),
            (_D.attempts, _ONE_MORE),
            *_UNLEASED,
        )
        .where(_D.id == value("delivery"), *_settling())
        .returning(_D.destination, _D.attempts),
        *("due", "why", "kind", "delivery", "owner"),
    )


def _put_back() -> StatementIn:
    """Let what was not tried wait again, where it was in the line unless told otherwise."""
    return StatementIn(
        update(DELIVERY)
        .ordered_values(
            (_D.state, literal(State.WAITING)),
            (_D.due_at_microseconds, func.coalesce(value("due"), _D.due_at_microseconds)),
            *_UNLEASED,
        )
        .where(*_settling(), those())
        .returning(_D.destination),
        *("due", "owner"),
        each="ids",
    )


def _refuse() -> StatementIn:
    return StatementIn(
        update(DELIVERY)
        .ordered_values(
            (_D.state, literal(State.REFUSED)),
            (_D.reason, value("why")),
            (_D.failing, _EMPTY),
            (_D.status, value("code")),
            (_D.attempts, _ONE_MORE),
            *_UNLEASED,
        )
        .where(*_settling(), those())
        .returning(_D.id, _D.destination, _D.attempts),
        *("why", "code", "owner"),
        each="ids",
    )


def _prune_attempts() -> ClauseElement:
    last_of_those_that_stay = (
        select(ATTEMPT.c.id)
        .where(ATTEMPT.c.delivery_row == value("newest"))
        .order_by(ATTEMPT.c.id.desc())
        .suffix_with(text("LIMIT 1 OFFSET :kept"))
    )
    return delete(ATTEMPT).where(
        ATTEMPT.c.delivery_row == value("delivery"),
        ATTEMPT.c.id <= last_of_those_that_stay.scalar_subquery(),
    )


def _add_pace() -> Insert:
    adding = insert_or_add(PACE)
    sums = {name: PACE.c[name] + adding.excluded[name] for name in COUNTED}
    return Insert(
        adding.on_conflict_do_update(index_elements=["destination", "minute"], set_=sums),
        *("destination", "minute", *COUNTED),
    )


COUNTED: Final = ("delivered", "bytes", "deferred", "refused")


def _active(which: ColumnElement[bool]) -> ClauseElement:
    return select(_D.id, _D.lease_owner).where(is_in(State.ACTIVE), STANDING, which)


def _reclaim() -> StatementIn:
    return StatementIn(
        update(DELIVERY)
        .ordered_values(
            (_D.state, literal(State.WAITING)),
            (_D.reason, value("why")),
            (_D.attempts, _ONE_MORE),
            *_UNLEASED,
        )
        .where(those())
        .returning(_D.id, _D.attempts),
        "why",
        each="ids",
    )


def _unlease() -> Statement:
    return Statement(
        update(DELIVERY)
        .ordered_values((_D.state, literal(State.WAITING)), *_UNLEASED)
        .where(is_in(State.ACTIVE), STANDING, _D.lease_owner == value("owner")),
        "owner",
    )
