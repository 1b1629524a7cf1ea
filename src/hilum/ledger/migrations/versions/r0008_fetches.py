"""Requests to bring something from one archive to another place.

Written out and frozen: `hilum.ledger.schema` goes on changing, this file never does.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "fetch_request",
        *[_text(name) for name in ("fetch_id", "wanted", "source", "target", "study_instance_uid")],
        *[_text(name) for name in ("rule", "asker", "host", "state")],
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("created_at_microseconds", sa.BigInteger(), nullable=False),
        *[_moment(name) for name in ("began_at", "settled_at", "leased_until")],
        *[sa.Column(name, sa.Text(), nullable=False, server_default="") for name in _EMPTY],
        sa.Column("failures", sa.Text(), nullable=False, server_default="[]"),
        *[sa.Column(name, sa.BigInteger(), nullable=False, server_default="0") for name in _ZERO],
        sa.PrimaryKeyConstraint("fetch_id", name="pk_fetch_request"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_fetch_request_open",
        "fetch_request",
        ["priority", "created_at_microseconds"],
        sqlite_where=sa.text("state IN ('waiting', 'active')"),
    )
    op.create_index(
        "ix_fetch_request_settled_at_microseconds", "fetch_request", ["settled_at_microseconds"]
    )


def downgrade() -> None:
    """Refuse: a ledger never goes back."""
    raise NotImplementedError("a ledger never goes back; restore a backup or run `hilum rebuild`")


_EMPTY = ("lease_owner", "reason")
_ZERO = ("expected", "fetched", "held", "failed", "bytes", "is_cancelled")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _moment(name: str) -> sa.Column[int]:
    return sa.Column(f"{name}_microseconds", sa.BigInteger(), nullable=True)
