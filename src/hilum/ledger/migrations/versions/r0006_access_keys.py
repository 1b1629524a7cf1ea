"""API keys: who may call over HTTP.

Written out and frozen: `hilum.ledger.schema` goes on changing, this file never does.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "access_key",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("key_id", "name")),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("roles", "entities", "networks")),
        sa.Column("created_at_microseconds", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_microseconds", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at_microseconds", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name="pk_access_key"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Refuse: a ledger never goes back."""
    raise NotImplementedError("a ledger never goes back; restore a backup or run `hilum rebuild`")
