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
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

# SQLite takes the cheap row number only for a column that is exactly INTEGER.
ROW: Final = BigInteger().with_variant(Integer(), "sqlite")

METADATA: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)


ORIGIN: Final = (
    "calling_ae_title",
    "called_ae_title",
    "peer",
    "host",
    "entity",
    "association_id",
)


def _texts(*names: str) -> list[Column[str]]:
    return [Column(name, Text, nullable=False) for name in names]


def _texts_empty(*names: str) -> list[Column[str]]:
    return [Column(name, Text, nullable=False, server_default="") for name in names]


def _integers(*names: str) -> list[Column[int]]:
    return [Column(name, BigInteger) for name in names]


def _origin() -> list[Column[str]]:
    return _texts(*ORIGIN)


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
    Column("id", ROW, primary_key=True),
    *_texts("patient_id", "issuer_of_patient_id"),
    # Without a Patient ID nobody can be told from anybody else: one patient for each such study.
    # Otherwise ''.
    Column("unidentified_in_study_uid", Text, nullable=False),
    *_texts("patient_name", "patient_birth_date", "patient_sex"),
    # As YYYYMMDD, however the device wrote it; '' when it is no date.
    *_texts_empty("birth_day"),
    UniqueConstraint("patient_id", "issuer_of_patient_id", "unidentified_in_study_uid"),
    Index(None, "birth_day"),
    sqlite_autoincrement=True,
)

STUDY: Final = Table(
    "study",
    METADATA,
    Column("id", ROW, primary_key=True),
    Column("patient_row", ROW, ForeignKey("patient.id"), nullable=False, index=True),
    Column("study_instance_uid", Text, nullable=False, unique=True),
    *_texts("study_date", "study_time", "accession_number", "study_id", "study_description"),
    *_texts("referring_physician_name"),
    *_texts_empty("study_day"),
    Index(None, "accession_number"),
    Index(None, "study_id"),
    Index(None, "study_day"),
    sqlite_autoincrement=True,
)

SERIES: Final = Table(
    "series",
    METADATA,
    Column("id", ROW, primary_key=True),
    Column("study_row", ROW, ForeignKey("study.id"), nullable=False),
    Column("series_instance_uid", Text, nullable=False),
    *_texts("modality"),
    *_integers("series_number"),
    *_texts("series_description", "series_date", "series_time", "body_part_examined"),
    *_texts("performed_station_ae_title", "manufacturer", "institution_name", "station_name"),
    *_texts_empty("performed_procedure_step_start_date", "performed_procedure_step_start_time"),
    # A series UID that turns up in two studies is wrong, but both studies are held.
    UniqueConstraint("study_row", "series_instance_uid"),
    Index(None, "series_instance_uid"),
    sqlite_autoincrement=True,
)

# Names of people as they are looked for: folded groups, words and sounds of words (see `NameKind`).
# The owner is a patient, or a study of which the name is the referring physician's.
NAME_KEY: Final = Table(
    "name_key",
    METADATA,
    Column("kind", Integer, primary_key=True),
    Column("text", Text, primary_key=True),
    Column("owner_row", ROW, primary_key=True),
    Column("number", Integer, primary_key=True),
    Index(None, "owner_row", "kind"),
    sqlite_with_rowid=False,
)

# The modalities of a study, each once, with its day: what is asked for most, in the order in which
# it is answered.
STUDY_MODALITY: Final = Table(
    "study_modality",
    METADATA,
    Column("modality", Text, primary_key=True),
    Column("study_day", Text, primary_key=True),
    Column("study_row", ROW, primary_key=True),
    Index(None, "study_row", "modality"),
    sqlite_with_rowid=False,
)

# Describes the payload that is served: the one whose version is `current_version`.
INSTANCE: Final = Table(
    "instance",
    METADATA,
    Column("id", ROW, primary_key=True),
    Column("series_row", ROW, ForeignKey("series.id"), nullable=False, index=True),
    Column("sop_instance_uid", Text, nullable=False, unique=True),
    *_texts("sop_class_uid"),
    Column("current_version", Integer, nullable=False),
    *_integers("instance_number", "rows", "columns", "bits_allocated", "number_of_frames"),
    *_texts("image_type", "content_date", "content_time"),
)

PAYLOAD: Final = Table(
    "payload",
    METADATA,
    Column("instance_row", ROW, ForeignKey("instance.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    *_texts("transfer_syntax_uid"),
    # Two payloads in one file would mean that removing one removes the other.
    Column("path", Text, nullable=False, unique=True),
    Column("received_at_microseconds", BigInteger, nullable=False),
    # Who brought it, for retention by peer; '' when that was nobody we know.
    Column("peer", Text, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)

# The DICOM JSON object of a version, compressed, so that metadata requests open no payload.
# Whatever removes the payload removes it too. Most say only how they differ from another of their
# series (`base_row`); where that one is gone, they are made again. `edition`: which Hilum made it.
INSTANCE_METADATA: Final = Table(
    "instance_metadata",
    METADATA,
    Column("id", ROW, primary_key=True),
    Column("instance_row", ROW, nullable=False),
    Column("version", Integer, nullable=False),
    Column("edition", Integer, nullable=False),
    Column("base_row", ROW),
    Column("content", LargeBinary, nullable=False),
    UniqueConstraint("instance_row", "version"),
    ForeignKeyConstraint(
        ["instance_row", "version"],
        ["payload.instance_row", "payload.version"],
        ondelete="CASCADE",
    ),
)

# Attributes that a site wants to search by besides the columns: each value once. `level` is that of
# the owner, a patient, study, series or instance.
EXTRA: Final = Table(
    "extra",
    METADATA,
    Column("tag", BigInteger, primary_key=True),
    Column("level", Integer, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("owner_row", ROW, primary_key=True),
    Column("number", Integer, nullable=False),
    Index(None, "owner_row", "level"),
    sqlite_with_rowid=False,
)

# Items of Request Attributes Sequence: what of a series was asked for, and by which number.
SERIES_REQUEST: Final = Table(
    "series_request",
    METADATA,
    Column("series_row", ROW, ForeignKey("series.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    *_texts("scheduled_procedure_step_id", "requested_procedure_id", "accession_number"),
    Index(None, "scheduled_procedure_step_id"),
    Index(None, "requested_procedure_id"),
    Index(None, "accession_number"),
    sqlite_with_rowid=False,
)

# What we answered success for. Never changed and never deleted, whatever becomes of the payload;
# therefore it names its instance by UID.
RECEIPT: Final = Table(
    "receipt",
    METADATA,
    Column("id", ROW, primary_key=True),
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
    Column("id", ROW, primary_key=True),
    *_texts("level", "uid", "attribute", "seen", "kept"),
    *_texts("sop_instance_uid"),
    Column("seen_at_microseconds", BigInteger, nullable=False),
    UniqueConstraint("level", "uid", "attribute", "seen"),
)

# Append-only, like receipt: triggers in the migration see to it.
AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("id", ROW, primary_key=True),
    Column("at_microseconds", BigInteger, nullable=False),
    *_texts("event", "outcome"),
    *_origin(),
    *_texts("study_instance_uid", "sop_instance_uid", "patient_id", "detail"),
)

# What a route waits for to be complete. It stays when it is closed: who comes later is late.
GATHERING: Final = Table(
    "gathering",
    METADATA,
    Column("id", ROW, primary_key=True),
    *_texts("route", "level", "uid", "state"),
    Column("opened_at_microseconds", BigInteger, nullable=False),
    Column("last_arrival_at_microseconds", BigInteger, nullable=False),
    # Which association brought the last one: its end is evidence.
    *_texts("association_id"),
    Column("arrivals", Integer, nullable=False),
    Column("late_arrivals", Integer, nullable=False, server_default="0"),
    *_integers("closed_at_microseconds"),
    *_texts_empty("verdict", "evidence"),
    Column("is_forced", Integer, nullable=False, server_default="0"),
    UniqueConstraint("route", "level", "uid"),
    Index(
        "ix_gathering_open",
        "last_arrival_at_microseconds",
        sqlite_where=literal_column("state = 'open'"),
    ),
)

# What each destination is owed and was given. A row is never deleted, and a delivered one never
# goes back; therefore it names its instance by UID: the payload may be gone. The same version goes
# to the same destination again only as another `replay`.
DELIVERY: Final = Table(
    "delivery",
    METADATA,
    Column("id", ROW, primary_key=True),
    *_texts("sop_instance_uid"),
    Column("version", Integer, nullable=False),
    *_texts("study_instance_uid", "series_instance_uid", "destination"),
    Column("replay", Integer, nullable=False, server_default="0"),
    *_texts("route", "choice", "state"),
    Column("priority", Integer, nullable=False),
    *_integers("due_at_microseconds"),
    Column("created_at_microseconds", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("gathering_row", ROW, ForeignKey("gathering.id")),
    *_texts_empty("reason", "failing"),
    *_integers("status"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    *_texts_empty("lease_owner"),
    *_integers("leased_until_microseconds", "settled_at_microseconds"),
    UniqueConstraint("sop_instance_uid", "version", "destination", "replay"),
    Index(None, "study_instance_uid"),
    # Every open delivery is in one of the next two, with all that counting needs; a lane finds the
    # next one at the beginning of the first, however many others there are.
    Index(
        "ix_delivery_due",
        *("destination", "priority", "due_at_microseconds", "id"),
        *("state", "created_at_microseconds", "size"),
        sqlite_where=literal_column("state IN ('waiting', 'deferred')"),
    ),
    Index(
        "ix_delivery_standing",
        *("state", "destination", "created_at_microseconds", "size"),
        sqlite_where=literal_column("state IN ('active', 'held', 'refused')"),
    ),
    Index(
        "ix_delivery_gathering_row",
        "gathering_row",
        sqlite_where=literal_column("gathering_row IS NOT NULL"),
    ),
)

# Tries that failed, the last ones of each delivery.
ATTEMPT: Final = Table(
    "attempt",
    METADATA,
    Column("id", ROW, primary_key=True),
    Column("delivery_row", ROW, ForeignKey("delivery.id"), nullable=False, index=True),
    Column("at_microseconds", BigInteger, nullable=False),
    *_texts("outcome", "failing", "reason"),
    *_integers("status"),
)

# What a destination took in which minute, for forecasts.
PACE: Final = Table(
    "pace",
    METADATA,
    Column("destination", Text, primary_key=True),
    Column("minute", Integer, primary_key=True),
    Column("delivered", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("deferred", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# A slot is the permission for one association or connection to a destination, over all processes.
SLOT: Final = Table(
    "slot",
    METADATA,
    Column("destination", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    *_texts("owner"),
    Column("leased_until_microseconds", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Payloads that are held no more and whose files must go: whoever removes a file says so here first.
REMOVAL: Final = Table(
    "removal",
    METADATA,
    Column("path", Text, primary_key=True),
    sqlite_with_rowid=False,
)

# Who may call over HTTP. A row is never deleted: old audit records name keys.
ACCESS_KEY: Final = Table(
    "access_key",
    METADATA,
    Column("key_id", Text, primary_key=True),
    *_texts("name"),
    # Of the whole key; the key itself is shown once and kept nowhere.
    Column("digest", LargeBinary, nullable=False),
    *_texts("roles", "entities", "networks"),
    Column("created_at_microseconds", BigInteger, nullable=False),
    *_integers("expires_at_microseconds", "revoked_at_microseconds"),
    sqlite_with_rowid=False,
)
