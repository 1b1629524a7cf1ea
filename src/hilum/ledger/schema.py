"""The tables, as SQLAlchemy Core knows them: SQLite now, PostgreSQL later.

Row numbers are `id`, references to them `<table>_row`, so that `study_id` stays DICOM's Study ID.
Moments are whole microseconds since 1970 in UTC. A text that was absent or empty is ''. A change
here needs a new file in `migrations/versions`; a test compares the two.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

# SQLite takes the cheap row number only for a column that is exactly INTEGER.
_ROW: Final = BigInteger().with_variant(Integer(), "sqlite")

METADATA: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)


def _texts(*names: str) -> list[Column[str]]:
    return [Column(name, Text, nullable=False) for name in names]


def _integers(*names: str) -> list[Column[int]]:
    return [Column(name, BigInteger) for name in names]


def _origin() -> list[Column[str]]:
    return _texts("calling_ae_title", "called_ae_title", "peer", "host", "entity", "association_id")


META: Final = Table(
    "meta",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("ledger_uuid", Text, nullable=False),
    Column("created_at_microseconds", BigInteger, nullable=False),
    # Moved by the probe that finds out whether the ledger can be written again.
    Column("probed_at_microseconds", BigInteger, nullable=False),
)

# The row numbers of patient, study and series are remembered by every worker; they are never given
# twice (AUTOINCREMENT), so that one remembered too long leads to an error, not to somebody else.
PATIENT: Final = Table(
    "patient",
    METADATA,
    Column("id", _ROW, primary_key=True),
    *_texts("patient_id", "issuer_of_patient_id"),
    # Without a Patient ID nobody can be told from anybody else: one patient for each such study.
    # Otherwise ''.
    Column("unidentified_in_study_uid", Text, nullable=False),
    *_texts("patient_name", "patient_birth_date", "patient_sex"),
    UniqueConstraint("patient_id", "issuer_of_patient_id", "unidentified_in_study_uid"),
    sqlite_autoincrement=True,
)

STUDY: Final = Table(
    "study",
    METADATA,
    Column("id", _ROW, primary_key=True),
    Column("patient_row", _ROW, ForeignKey("patient.id"), nullable=False, index=True),
    Column("study_instance_uid", Text, nullable=False, unique=True),
    *_texts("study_date", "study_time", "accession_number", "study_id", "study_description"),
    *_texts("referring_physician_name"),
    Index(None, "accession_number"),
    Index(None, "study_date"),
    sqlite_autoincrement=True,
)

SERIES: Final = Table(
    "series",
    METADATA,
    Column("id", _ROW, primary_key=True),
    Column("study_row", _ROW, ForeignKey("study.id"), nullable=False),
    Column("series_instance_uid", Text, nullable=False),
    *_texts("modality"),
    *_integers("series_number"),
    *_texts("series_description", "series_date", "series_time", "body_part_examined"),
    *_texts("performed_station_ae_title", "manufacturer", "institution_name", "station_name"),
    # A series UID that turns up in two studies is wrong, but both studies are held.
    UniqueConstraint("study_row", "series_instance_uid"),
    sqlite_autoincrement=True,
)

# Describes the payload that is served: the one whose version is `current_version`.
INSTANCE: Final = Table(
    "instance",
    METADATA,
    Column("id", _ROW, primary_key=True),
    Column("series_row", _ROW, ForeignKey("series.id"), nullable=False, index=True),
    Column("sop_instance_uid", Text, nullable=False, unique=True),
    *_texts("sop_class_uid"),
    Column("current_version", Integer, nullable=False),
    *_integers("instance_number", "rows", "columns", "bits_allocated", "number_of_frames"),
    *_texts("image_type", "content_date", "content_time"),
)

PAYLOAD: Final = Table(
    "payload",
    METADATA,
    Column("instance_row", _ROW, ForeignKey("instance.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    *_texts("transfer_syntax_uid"),
    # Two payloads in one file would mean that removing one removes the other.
    Column("path", Text, nullable=False, unique=True),
    Column("received_at_microseconds", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What we answered success for. Never changed and never deleted, whatever becomes of the payload;
# therefore it names its instance by UID.
RECEIPT: Final = Table(
    "receipt",
    METADATA,
    Column("id", _ROW, primary_key=True),
    Column("received_at_microseconds", BigInteger, nullable=False),
    *_texts("sop_instance_uid"),
    Column("version", Integer, nullable=False),
    *_texts("verdict"),
    Column("digest", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    *_origin(),
)

# An attribute that should be the same in all of a study (series, instance) and is not: once for
# each value that was seen beside the one that is kept. Patient conflicts name the study.
CONFLICT: Final = Table(
    "conflict",
    METADATA,
    Column("id", _ROW, primary_key=True),
    *_texts("level", "uid", "attribute", "seen", "kept"),
    *_texts("sop_instance_uid"),
    Column("seen_at_microseconds", BigInteger, nullable=False),
    UniqueConstraint("level", "uid", "attribute", "seen"),
)

# Append-only, like receipt: triggers in the migration see to it.
AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("id", _ROW, primary_key=True),
    Column("at_microseconds", BigInteger, nullable=False),
    *_texts("event", "outcome"),
    *_origin(),
    *_texts("study_instance_uid", "sop_instance_uid", "patient_id", "detail"),
)
