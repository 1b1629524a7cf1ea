"""Storage commitments that others ask us for, and the instances they name.

Written out and frozen: `hilum.ledger.schema` goes on changing, this file never does.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ORIGIN = ("calling_ae_title", "called_ae_title", "peer", "host", "entity", "association_id")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "commitment",
        _row("id"),
        *[_text(name) for name in ("transaction_uid", *_ORIGIN, "state")],
        sa.Column("asked_at_microseconds", sa.BigInteger(), nullable=False),
        sa.Column("due_at_microseconds", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("settled_at_microseconds", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_commitment"),
        sa.UniqueConstraint(
            "calling_ae_title", "transaction_uid", name="uq_commitment_calling_ae_title"
        ),
    )
    op.create_index(
        "ix_commitment_due",
        "commitment",
        ["due_at_microseconds"],
        sqlite_where=sa.text("state = 'asked'"),
    )
    op.create_index(
        "ix_commitment_settled_at_microseconds", "commitment", ["settled_at_microseconds"]
    )
    op.create_table(
        "commitment_reference",
        *(_row("commitment_row"), _text("sop_instance_uid"), _text("sop_class_uid")),
        sa.PrimaryKeyConstraint(
            "commitment_row", "sop_instance_uid", name="pk_commitment_reference"
        ),
        sa.ForeignKeyConstraint(
            ["commitment_row"],
            ["commitment.id"],
            name="fk_commitment_reference_commitment_row",
            ondelete="CASCADE",
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_commitment_reference_sop_instance_uid", "commitment_reference", ["sop_instance_uid"]
    )


def downgrade() -> None:
    """Refuse: a ledger never goes back."""
    raise NotImplementedError("a ledger never goes back; restore a backup or run `hilum rebuild`")


def _row(name: str) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)
