"""What the archive keeps beside the catalogue: metadata, extra attributes, requests of series.

Written out and frozen: `hilum.ledger.schema` goes on changing, this file never does. What is held
already gets its metadata by and by, and the others by `hilum rebuild`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_REQUESTED = ("scheduled_procedure_step_id", "requested_procedure_id", "accession_number")


def upgrade() -> None:
    """Add the tables."""
    _create_metadata()
    _create_extra()
    _create_requests()
    # Extra attributes belong to rows of four tables: no foreign key can say so.
    for level, table in enumerate(("patient", "study", "series", "instance")):
        op.execute(
            f"CREATE TRIGGER {table}_has_extra AFTER DELETE ON {table} BEGIN "  # noqa: S608 -- names of ours
            f"DELETE FROM extra WHERE owner_row = OLD.id AND level = {level}; END"
        )


def downgrade() -> None:
    """Refuse: a ledger never goes back."""
    raise NotImplementedError("a ledger never goes back; restore a backup or run `hilum rebuild`")


def _row(name: str, *, nullable: bool = False) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, nullable=nullable)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _create_metadata() -> None:
    op.create_table(
        "instance_metadata",
        *(_row("id"), _row("instance_row"), _count("version"), _count("edition")),
        _row("base_row", nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_instance_metadata"),
        sa.UniqueConstraint("instance_row", "version", name="uq_instance_metadata_instance_row"),
        sa.ForeignKeyConstraint(
            ["instance_row", "version"],
            ["payload.instance_row", "payload.version"],
            name="fk_instance_metadata_instance_row",
            ondelete="CASCADE",
        ),
    )


def _create_extra() -> None:
    op.create_table(
        "extra",
        sa.Column("tag", sa.BigInteger(), nullable=False),
        *(_count("level"), _text("value"), _row("owner_row"), _count("number")),
        sa.PrimaryKeyConstraint("tag", "level", "value", "owner_row", name="pk_extra"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_extra_owner_row", "extra", ["owner_row", "level"])


def _create_requests() -> None:
    op.create_table(
        "series_request",
        *(_row("series_row"), _count("number")),
        *[_text(name) for name in _REQUESTED],
        sa.PrimaryKeyConstraint("series_row", "number", name="pk_series_request"),
        sa.ForeignKeyConstraint(
            ["series_row"],
            ["series.id"],
            name="fk_series_request_series_row",
            ondelete="CASCADE",
        ),
        sqlite_with_rowid=False,
    )
    for name in _REQUESTED:
        op.create_index(f"ix_series_request_{name}", "series_request", [name])
