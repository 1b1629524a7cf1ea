"""When the step was performed that made a series: PS3.18 has it among the keys of searches.

Written out and frozen: `hilum.ledger.schema` goes on changing, this file never does. Series
that are held already say nothing of it until `hilum rebuild` reads their payloads again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    for name in ("performed_procedure_step_start_date", "performed_procedure_step_start_time"):
        op.add_column("series", sa.Column(name, sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    """Refuse: a ledger never goes back."""
    raise NotImplementedError("a ledger never goes back; restore a backup or run `hilum rebuild`")
