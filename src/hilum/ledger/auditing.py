"""Audit records as rows."""

from hilum.ledger.entry import AuditRecord, Origin
from hilum.ledger.texts import Row


def origin_values(origin: Origin) -> Row:
    """Give the columns that receipts and audit records have in common."""
    return (
        origin.calling_ae_title,
        origin.called_ae_title,
        origin.peer,
        origin.host,
        origin.entity,
        origin.association_id,
    )


def audit_values(record: AuditRecord, at: int) -> Row:
    """Give the columns of an audit record."""
    return (
        at,
        record.event,
        record.outcome,
        *origin_values(record.origin),
        record.study_instance_uid,
        record.sop_instance_uid,
        record.patient_id,
        record.detail,
    )
