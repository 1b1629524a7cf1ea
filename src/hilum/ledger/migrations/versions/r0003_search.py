"""What searches need: dates that sort, names that fold, the modalities of studies.

Written out and frozen: `hilum.ledger.schema` goes on changing, this file never does. How names fold
is decided in one place: a ledger whose names were folded otherwise would not be found.
"""

from collections.abc import Callable, Iterable

import sqlalchemy as sa
from alembic import op

from hilum.dicom.moments import date_of
from hilum.ledger.search_names import PATIENT, REFERRING_PHYSICIAN, NameRole, keys_of

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_PAGE_ROWS = 1000


def upgrade() -> None:
    """Add columns, tables and indexes, and fill them from what is there."""
    _create_tables()
    op.add_column("patient", _text_empty("birth_day"))
    op.add_column("study", _text_empty("study_day"))
    op.drop_index("ix_study_study_date", "study")
    _fill_days("patient", "patient_birth_date", "birth_day")
    _fill_days("study", "study_date", "study_day")
    _fill_names("patient", "patient_name", PATIENT)
    _fill_names("study", "referring_physician_name", REFERRING_PHYSICIAN)
    op.execute(
        "INSERT INTO study_modality (modality, study_day, study_row) "
        "SELECT DISTINCT series.modality, study.study_day, study.id "
        "FROM series JOIN study ON study.id = series.study_row WHERE series.modality != ''"
    )
    op.create_index("ix_patient_birth_day", "patient", ["birth_day"])
    op.create_index("ix_study_study_id", "study", ["study_id"])
    op.create_index("ix_study_study_day", "study", ["study_day"])
    op.create_index("ix_series_series_instance_uid", "series", ["series_instance_uid"])
    op.create_index("ix_name_key_owner_row", "name_key", ["owner_row", "kind"])
    op.create_index("ix_study_modality_study_row", "study_modality", ["study_row", "modality"])


def downgrade() -> None:
    """Refuse: a ledger never goes back."""
    raise NotImplementedError("a ledger never goes back; restore a backup or run `hilum rebuild`")


def _row(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _text_empty(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _create_tables() -> None:
    op.create_table(
        "name_key",
        sa.Column("kind", sa.Integer(), nullable=False),
        _text("text"),
        _row("owner_row"),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "text", "owner_row", "number", name="pk_name_key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "study_modality",
        *(_text("modality"), _text("study_day")),
        _row("study_row"),
        sa.PrimaryKeyConstraint("modality", "study_day", "study_row", name="pk_study_modality"),
        sqlite_with_rowid=False,
    )


def _fill_days(table: str, source: str, target: str) -> None:
    """Fill a day from a date as it was received."""
    statement = sa.text(f"UPDATE {table} SET {target} = :day WHERE id = :row")  # noqa: S608 -- names of ours

    def fill(rows: Iterable[tuple[int, str]]) -> None:
        days = [{"row": row, "day": day} for row, text in rows if (day := date_of(text))]
        if days:
            op.get_bind().execute(statement, days)

    _by_pages(table, source, fill)


def _fill_names(table: str, source: str, role: NameRole) -> None:
    """Fill the keys by which a name is found."""
    statement = sa.text(
        "INSERT INTO name_key (kind, text, owner_row, number) VALUES (:kind, :text, :row, :number)"
    )

    def fill(rows: Iterable[tuple[int, str]]) -> None:
        keys = [
            {"kind": kind, "text": text, "row": row, "number": number}
            for row, name in rows
            for kind, text, number in keys_of(role, name)
        ]
        if keys:
            op.get_bind().execute(statement, keys)

    _by_pages(table, source, fill)


def _by_pages(table: str, source: str, fill: Callable[[Iterable[tuple[int, str]]], None]) -> None:
    """Go through a table; a million rows must not be in memory at once."""
    page = sa.text(
        f"SELECT id, {source} FROM {table} WHERE id > :after AND {source} != '' "  # noqa: S608 -- names of ours
        f"ORDER BY id LIMIT {_PAGE_ROWS}"
    )
    after = -1
    while rows := op.get_bind().execute(page, {"after": after}).fetchall():
        fill([(row, text) for row, text in rows])
        after = rows[-1][0]
