"""The first tables: patients to payloads, receipts, conflicts, audit records.

Written out and frozen: `hilum.ledger.schema` goes on changing, this file never does.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# What was answered and what was done is told once and for all.
_APPEND_ONLY = ("receipt", "audit")


def upgrade() -> None:
    """Create everything."""
    _create_meta()
    _create_catalogue()
    _create_payload()
    _create_receipt()
    _create_conflict()
    _create_audit()
    if op.get_bind().dialect.name == "sqlite":
        for table in _APPEND_ONLY:
            _forbid(table, "UPDATE")
            _forbid(table, "DELETE")


def downgrade() -> None:
    """Refuse: a ledger never goes back."""
    raise NotImplementedError("a ledger never goes back; restore a backup or run `hilum rebuild`")


def _row() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _id() -> sa.Column[int]:
    return sa.Column("id", _row(), nullable=False)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _integers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=True) for name in names]


def _origin() -> list[sa.Column[str]]:
    return _texts("calling_ae_title", "called_ae_title", "peer", "host", "entity", "association_id")


def _forbid(table: str, change: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_is_append_only_{change.lower()} BEFORE {change} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


def _create_meta() -> None:
    op.create_table(
        "meta",
        sa.Column("id", sa.Integer(), nullable=False),
        *_texts("ledger_uuid"),
        sa.Column("created_at_microseconds", sa.BigInteger(), nullable=False),
        sa.Column("probed_at_microseconds", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_meta"),
    )


def _create_catalogue() -> None:
    op.create_table(
        "patient",
        _id(),
        *_texts("patient_id", "issuer_of_patient_id", "unidentified_in_study_uid"),
        *_texts("patient_name", "patient_birth_date", "patient_sex"),
        sa.PrimaryKeyConstraint("id", name="pk_patient"),
        sa.UniqueConstraint(
            "patient_id",
            "issuer_of_patient_id",
            "unidentified_in_study_uid",
            name="uq_patient_patient_id",
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "study",
        _id(),
        sa.Column("patient_row", _row(), nullable=False),
        *_texts("study_instance_uid", "study_date", "study_time", "accession_number", "study_id"),
        *_texts("study_description", "referring_physician_name"),
        sa.ForeignKeyConstraint(["patient_row"], ["patient.id"], name="fk_study_patient_row"),
        sa.PrimaryKeyConstraint("id", name="pk_study"),
        sa.UniqueConstraint("study_instance_uid", name="uq_study_study_instance_uid"),
        sqlite_autoincrement=True,
    )
    for column in ("patient_row", "accession_number", "study_date"):
        op.create_index(f"ix_study_{column}", "study", [column])
    op.create_table(
        "series",
        _id(),
        sa.Column("study_row", _row(), nullable=False),
        *_texts("series_instance_uid", "modality"),
        *_integers("series_number"),
        *_texts("series_description", "series_date", "series_time", "body_part_examined"),
        *_texts("performed_station_ae_title", "manufacturer", "institution_name", "station_name"),
        sa.ForeignKeyConstraint(["study_row"], ["study.id"], name="fk_series_study_row"),
        sa.PrimaryKeyConstraint("id", name="pk_series"),
        sa.UniqueConstraint("study_row", "series_instance_uid", name="uq_series_study_row"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "instance",
        _id(),
        sa.Column("series_row", _row(), nullable=False),
        *_texts("sop_instance_uid", "sop_class_uid"),
        sa.Column("current_version", sa.Integer(), nullable=False),
        *_integers("instance_number", "rows", "columns", "bits_allocated", "number_of_frames"),
        *_texts("image_type", "content_date", "content_time"),
        sa.ForeignKeyConstraint(["series_row"], ["series.id"], name="fk_instance_series_row"),
        sa.PrimaryKeyConstraint("id", name="pk_instance"),
        sa.UniqueConstraint("sop_instance_uid", name="uq_instance_sop_instance_uid"),
    )
    op.create_index("ix_instance_series_row", "instance", ["series_row"])


def _create_payload() -> None:
    op.create_table(
        "payload",
        sa.Column("instance_row", _row(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        *_texts("transfer_syntax_uid", "path"),
        sa.Column("received_at_microseconds", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["instance_row"], ["instance.id"], name="fk_payload_instance_row"),
        sa.PrimaryKeyConstraint("instance_row", "version", name="pk_payload"),
        sa.UniqueConstraint("path", name="uq_payload_path"),
        sqlite_with_rowid=False,
    )


def _create_receipt() -> None:
    op.create_table(
        "receipt",
        _id(),
        sa.Column("received_at_microseconds", sa.BigInteger(), nullable=False),
        *_texts("sop_instance_uid"),
        sa.Column("version", sa.Integer(), nullable=False),
        *_texts("verdict"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        *_origin(),
        sa.PrimaryKeyConstraint("id", name="pk_receipt"),
    )


def _create_conflict() -> None:
    op.create_table(
        "conflict",
        _id(),
        *_texts("level", "uid", "attribute", "seen", "kept", "sop_instance_uid"),
        sa.Column("seen_at_microseconds", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conflict"),
        sa.UniqueConstraint("level", "uid", "attribute", "seen", name="uq_conflict_level"),
    )


def _create_audit() -> None:
    op.create_table(
        "audit",
        _id(),
        sa.Column("at_microseconds", sa.BigInteger(), nullable=False),
        *_texts("event", "outcome"),
        *_origin(),
        *_texts("study_instance_uid", "sop_instance_uid", "patient_id", "detail"),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
