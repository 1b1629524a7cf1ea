"""Every statement of the ledger, by name."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Table,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.sqlite import insert as insert_unless
from sqlalchemy.sql.expression import ClauseElement

from hilum.ledger.schema import (
    AUDIT,
    CONFLICT,
    INSTANCE,
    META,
    PATIENT,
    PAYLOAD,
    RECEIPT,
    SERIES,
    STUDY,
)
from hilum.ledger.texts import Insert, SelectIn, Statement

PAGE_ROWS: Final = 1000
_NONE: Final[ColumnElement[int]] = literal_column("0")

# The columns that carry an InstanceFacts field of the same name, in the order of the tables.
IDENTITY: Final = ("patient_id", "issuer_of_patient_id")
PATIENT_ATTRIBUTES: Final = ("patient_name", "patient_birth_date", "patient_sex")
STUDY_ATTRIBUTES: Final = (
    "study_date",
    "study_time",
    "accession_number",
    "study_id",
    "study_description",
    "referring_physician_name",
)
SERIES_ATTRIBUTES: Final = (
    "modality",
    "series_number",
    "series_description",
    "series_date",
    "series_time",
    "body_part_examined",
    "performed_station_ae_title",
    "manufacturer",
    "institution_name",
    "station_name",
    "performed_procedure_step_start_date",
    "performed_procedure_step_start_time",
)
INSTANCE_ATTRIBUTES: Final = (
    "instance_number",
    "rows",
    "columns",
    "bits_allocated",
    "number_of_frames",
    "image_type",
    "content_date",
    "content_time",
)


class Reading:
    """What is asked."""

    def __init__(self) -> None:
        self.held = SelectIn(_held(), "uids")
        self.payloads = Statement(_payloads(), "after_row", "after_version")
        self.payload_at = Statement(_payload_at(), "path")
        self.newest_version = Statement(_newest_version(), "instance_row")
        self.patient = Statement(_patient(), *IDENTITY, "unidentified_in_study_uid")
        self.study = Statement(_study(), "study_instance_uid")
        self.series = Statement(_series(), "study_row", "series_instance_uid")
        self.place = Statement(_place(), "id")
        self.parents = Statement(_parents(), "id")
        self.conflicts = Statement(_conflicts(), "level", "uid", "attribute")
        self.ledger_uuid = Statement(select(META.c.ledger_uuid))
        self.counts = Statement(_counts())
        self.served_but_not_held = Statement(_served_but_not_held())


class Writing:
    """What is written."""

    def __init__(self) -> None:
        self.add_meta = _add(META, "id")
        self.add_patient = _add(PATIENT)
        self.add_study = _add(STUDY)
        self.add_series = _add(SERIES)
        self.add_instance = _add(INSTANCE)
        self.add_payload = _add(PAYLOAD)
        self.add_receipt = _add(RECEIPT)
        self.add_conflict = _add_unless_there(CONFLICT)
        self.add_audit = _add(AUDIT)

        self.change_patient = _change(PATIENT, *PATIENT_ATTRIBUTES, "birth_day")
        self.change_study = _change(STUDY, *STUDY_ATTRIBUTES, "study_day")
        self.change_series = _change(SERIES, *SERIES_ATTRIBUTES)
        self.change_instance = _change(
            INSTANCE, "series_row", "sop_class_uid", "current_version", *INSTANCE_ATTRIBUTES
        )
        self.serve_version = _change(INSTANCE, "current_version")

        self.drop_payload = Statement(
            delete(PAYLOAD).where(*are(PAYLOAD, "instance_row", "version")),
            *("instance_row", "version"),
        )
        self.drop_instance = Statement(delete(INSTANCE).where(*are(INSTANCE, "id")), "id")
        self.drop_empty_series = _drop_unless_used(SERIES, INSTANCE.c.series_row)
        self.drop_empty_study = _drop_unless_used(STUDY, SERIES.c.study_row)
        self.drop_empty_patient = _drop_unless_used(PATIENT, STUDY.c.patient_row)

        self.probe = Statement(update(META), "probed_at_microseconds", sets=_names(META)[-1:])


def _names(table: Table, *besides: str) -> tuple[str, ...]:
    """Give the columns of `table` that an INSERT names: all but the number SQLite gives."""
    return tuple(c.name for c in table.columns if c.name != "id" or c.name in besides)


def _add(table: Table, *besides: str) -> Insert:
    return Insert(insert(table), *_names(table, *besides))


def _add_unless_there(table: Table) -> Insert:
    return Insert(insert_unless(table).on_conflict_do_nothing(), *_names(table))


def _change(table: Table, *names: str) -> Statement:
    return Statement(update(table).where(*are(table, "id")), *names, "id", sets=names)


def _drop_unless_used(table: Table, reference: ColumnElement[Any]) -> Statement:
    unused = ~exists().where(reference == table.c.id)
    return Statement(delete(table).where(*are(table, "id"), unused), "id")


def are(table: Table, *names: str) -> Iterable[ColumnElement[bool]]:
    """Ask for the rows whose columns have the values that are given by their names."""
    return (table.c[name] == bindparam(name) for name in names)


def _columns(table: Table, names: Iterable[str]) -> Iterable[Column[Any]]:
    return (table.c[name] for name in names)


def _held() -> ClauseElement:
    return (
        select(
            INSTANCE.c.sop_instance_uid,
            INSTANCE.c.id,
            INSTANCE.c.current_version,
            PAYLOAD.c.version,
            PAYLOAD.c.digest,
            PAYLOAD.c.path,
            PAYLOAD.c.size,
            PAYLOAD.c.received_at_microseconds,
        )
        # Outer, so that an instance without payloads (which should not be) is found as well.
        .join_from(INSTANCE, PAYLOAD, isouter=True)
        .where(INSTANCE.c.sop_instance_uid.in_(bindparam("uids", expanding=True)))
    )


def _payloads() -> ClauseElement:
    place = tuple_(PAYLOAD.c.instance_row, PAYLOAD.c.version)
    return (
        select(
            PAYLOAD.c.instance_row,
            PAYLOAD.c.version,
            PAYLOAD.c.path,
            PAYLOAD.c.digest,
            PAYLOAD.c.size,
            INSTANCE.c.sop_instance_uid,
        )
        .join_from(PAYLOAD, INSTANCE)
        .where(place > tuple_(bindparam("after_row"), bindparam("after_version")))
        .order_by(PAYLOAD.c.instance_row, PAYLOAD.c.version)
        # limit() would add an OFFSET of its own, with a value nobody gives.
        .suffix_with(f"LIMIT {PAGE_ROWS}")
    )


def _payload_at() -> ClauseElement:
    return (
        select(
            PAYLOAD.c.instance_row,
            PAYLOAD.c.version,
            INSTANCE.c.current_version,
            INSTANCE.c.series_row,
            INSTANCE.c.sop_instance_uid,
            STUDY.c.study_instance_uid,
            PATIENT.c.patient_id,
            PAYLOAD.c.size,
        )
        .join_from(PAYLOAD, INSTANCE)
        .join(SERIES)
        .join(STUDY)
        .join(PATIENT)
        .where(*are(PAYLOAD, "path"))
    )


def _newest_version() -> ClauseElement:
    """Give the version that came last; the numbers only say in which order they were recorded."""
    return (
        select(PAYLOAD.c.version)
        .where(*are(PAYLOAD, "instance_row"))
        .order_by(PAYLOAD.c.received_at_microseconds.desc(), PAYLOAD.c.version.desc())
        .suffix_with("LIMIT 1")
    )


def _patient() -> ClauseElement:
    return select(PATIENT.c.id, *_columns(PATIENT, PATIENT_ATTRIBUTES)).where(
        *are(PATIENT, *IDENTITY, "unidentified_in_study_uid")
    )


def _study() -> ClauseElement:
    return (
        select(
            STUDY.c.id,
            STUDY.c.patient_row,
            *_columns(PATIENT, IDENTITY + PATIENT_ATTRIBUTES),
            *_columns(STUDY, STUDY_ATTRIBUTES),
        )
        .join_from(STUDY, PATIENT)
        .where(*are(STUDY, "study_instance_uid"))
    )


def _series() -> ClauseElement:
    return select(SERIES.c.id, *_columns(SERIES, SERIES_ATTRIBUTES)).where(
        *are(SERIES, "study_row", "series_instance_uid")
    )


def _place() -> ClauseElement:
    """Where an instance belongs, and the series row that says so."""
    return (
        select(
            INSTANCE.c.series_row,
            STUDY.c.study_instance_uid,
            SERIES.c.series_instance_uid,
            INSTANCE.c.sop_class_uid,
        )
        .join_from(INSTANCE, SERIES)
        .join(STUDY)
        .where(*are(INSTANCE, "id"))
    )


def _parents() -> ClauseElement:
    return (
        select(SERIES.c.study_row, STUDY.c.patient_row)
        .join_from(SERIES, STUDY)
        .where(*are(SERIES, "id"))
    )


def _conflicts() -> ClauseElement:
    return select(func.count()).where(*are(CONFLICT, "level", "uid", "attribute"))


def _counts() -> ClauseElement:
    tables = (PATIENT, STUDY, SERIES, INSTANCE, PAYLOAD)
    return select(
        *(select(func.count()).select_from(table).scalar_subquery() for table in tables),
        select(func.coalesce(func.sum(PAYLOAD.c.size), _NONE)).scalar_subquery(),
        # Receipts are never deleted, so that the last number tells how many there are.
        select(func.coalesce(func.max(RECEIPT.c.id), _NONE)).scalar_subquery(),
        select(func.count()).select_from(CONFLICT).scalar_subquery(),
    )


def _served_but_not_held() -> ClauseElement:
    payload = exists().where(
        PAYLOAD.c.instance_row == INSTANCE.c.id, PAYLOAD.c.version == INSTANCE.c.current_version
    )
    return select(INSTANCE.c.sop_instance_uid).where(~payload)
