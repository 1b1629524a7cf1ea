"""Deliveries: what each destination is owed, attempts, gatherings, slots; who brought a payload.

Written out and frozen: `hilum.ledger.schema` goes on changing, this file never does.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and tell of each payload who brought it."""
    _create_gathering()
    _create_delivery()
    _create_attempt()
    _create_pace()
    _create_slot()
    _create_removal()
    _name_peers()


def downgrade() -> None:
    """Refuse: a ledger never goes back."""
    raise NotImplementedError("a ledger never goes back; restore a backup or run `hilum rebuild`")


def _row() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _id() -> sa.Column[int]:
    return sa.Column("id", _row(), nullable=False)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _texts_empty(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), server_default="", nullable=False) for name in names]


def _count(name: str, default: str | None = "0") -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default=default, nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(f"{name}_microseconds", sa.BigInteger(), nullable=nullable)


def _create_gathering() -> None:
    op.create_table(
        "gathering",
        _id(),
        *_texts("route", "level", "uid", "state"),
        *(_moment("opened_at"), _moment("last_arrival_at")),
        *_texts("association_id"),
        *(_count("arrivals", None), _count("late_arrivals")),
        _moment("closed_at", nullable=True),
        *_texts_empty("verdict", "evidence"),
        _count("is_forced"),
        sa.PrimaryKeyConstraint("id", name="pk_gathering"),
        sa.UniqueConstraint("route", "level", "uid", name="uq_gathering_route"),
    )
    op.create_index(
        "ix_gathering_open",
        "gathering",
        ["last_arrival_at_microseconds"],
        sqlite_where=sa.text("state = 'open'"),
    )


def _create_delivery() -> None:
    op.create_table(
        "delivery",
        _id(),
        *_texts("sop_instance_uid"),
        _count("version", None),
        *_texts("study_instance_uid", "series_instance_uid", "destination"),
        _count("replay"),
        *_texts("route", "choice", "state"),
        _count("priority", None),
        *(_moment("due_at", nullable=True), _moment("created_at")),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("gathering_row", _row(), nullable=True),
        *_texts_empty("reason", "failing"),
        sa.Column("status", sa.BigInteger(), nullable=True),
        _count("attempts"),
        *_texts_empty("lease_owner"),
        *(_moment("leased_until", nullable=True), _moment("settled_at", nullable=True)),
        sa.ForeignKeyConstraint(
            ["gathering_row"], ["gathering.id"], name="fk_delivery_gathering_row"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint(
            *("sop_instance_uid", "version", "destination", "replay"),
            name="uq_delivery_sop_instance_uid",
        ),
    )
    op.create_index("ix_delivery_study_instance_uid", "delivery", ["study_instance_uid"])
    op.create_index(
        "ix_delivery_due",
        "delivery",
        [
            *("destination", "priority", "due_at_microseconds", "id"),
            *("state", "created_at_microseconds", "size"),
        ],
        sqlite_where=sa.text("state IN ('waiting', 'deferred')"),
    )
    op.create_index(
        "ix_delivery_standing",
        "delivery",
        ["state", "destination", "created_at_microseconds", "size"],
        sqlite_where=sa.text("state IN ('active', 'held', 'refused')"),
    )
    op.create_index(
        "ix_delivery_gathering_row",
        "delivery",
        ["gathering_row"],
        sqlite_where=sa.text("gathering_row IS NOT NULL"),
    )


def _create_attempt() -> None:
    op.create_table(
        "attempt",
        _id(),
        sa.Column("delivery_row", _row(), nullable=False),
        _moment("at"),
        *_texts("outcome", "failing", "reason"),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["delivery_row"], ["delivery.id"], name="fk_attempt_delivery_row"),
        sa.PrimaryKeyConstraint("id", name="pk_attempt"),
    )
    op.create_index("ix_attempt_delivery_row", "attempt", ["delivery_row"])


def _create_pace() -> None:
    op.create_table(
        "pace",
        *_texts("destination"),
        *(_count("minute", None), _count("delivered", None)),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        *(_count("deferred", None), _count("refused", None)),
        sa.PrimaryKeyConstraint("destination", "minute", name="pk_pace"),
        sqlite_with_rowid=False,
    )


def _create_slot() -> None:
    op.create_table(
        "slot",
        *_texts("destination"),
        _count("number", None),
        *_texts("owner"),
        _moment("leased_until"),
        sa.PrimaryKeyConstraint("destination", "number", name="pk_slot"),
        sqlite_with_rowid=False,
    )


def _create_removal() -> None:
    op.create_table(
        "removal",
        *_texts("path"),
        sa.PrimaryKeyConstraint("path", name="pk_removal"),
        sqlite_with_rowid=False,
    )


def _name_peers() -> None:
    """Take who brought a payload from its receipt: that of the same version and digest."""
    op.add_column("payload", sa.Column("peer", sa.Text(), server_default="", nullable=False))
    op.create_index("ix_receipt_for_peers", "receipt", ["sop_instance_uid"])
    op.execute(
        "UPDATE payload SET peer = coalesce((SELECT receipt.peer FROM receipt JOIN instance "
        "ON instance.sop_instance_uid = receipt.sop_instance_uid "
        "WHERE instance.id = payload.instance_row AND receipt.version = payload.version "
        "AND receipt.digest = payload.digest ORDER BY receipt.id LIMIT 1), '')"
    )
    op.drop_index("ix_receipt_for_peers", "receipt")
