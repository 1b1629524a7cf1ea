"""What is vouched for: instances that are held under their SOP class and whose file is whole.

A file counts when it opens and is as long as was sealed. Its bytes are not read: who receives them
tells, and retention compares.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from hilum.dimse.service.commitment_answer import Reference as Named
from hilum.dimse.service.commitment_answer import Vouched
from hilum.dimse.status import CLASS_INSTANCE_CONFLICT, NO_SUCH_SOP_INSTANCE, PROCESSING_FAILURE
from hilum.kernel.errors import CorruptPayload
from hilum.kernel.names import UID
from hilum.ledger.commitment import Reference
from hilum.pipeline.ports import Payloads

_NO_FAULT: Final = 0


def vouch(transaction_uid: UID, references: Iterable[Reference], payloads: Payloads) -> Vouched:
    """Judge every instance by what the ledger has said of it and by its file. For a thread."""
    committed: list[Named] = []
    failed: dict[Named, int] = {}
    for reference in references:
        named = (reference.sop_class_uid, reference.sop_instance_uid)
        reason = _fault_of(reference, payloads)
        if reason == _NO_FAULT:
            committed.append(named)
        else:
            failed[named] = reason
    return Vouched(transaction_uid, committed, failed)


def _fault_of(reference: Reference, payloads: Payloads) -> int:
    """Give the Failure Reason (PS3.3 §C.14.1.1), or none."""
    if not reference.path:
        return NO_SUCH_SOP_INSTANCE
    if reference.held_class_uid != reference.sop_class_uid:
        return CLASS_INSTANCE_CONFLICT
    try:
        payloads.open_payload(reference.path).close()
    except (OSError, CorruptPayload):
        return PROCESSING_FAILURE
    return _NO_FAULT


def vouch_elsewhere(vouched: Vouched, classes: Mapping[UID, UID] | None) -> Vouched:
    """Judge again what is not kept here, by what archives elsewhere have.

    `classes`: the SOP class of each instance that they have; None: they do not say what they have.
    """
    committed = list(vouched.committed)
    failed: dict[Named, int] = {}
    for named, reason in vouched.failed.items():
        if reason != NO_SUCH_SOP_INSTANCE:
            failed[named] = reason
            continue
        fault = PROCESSING_FAILURE if classes is None else _fault_elsewhere(named, classes)
        if fault == _NO_FAULT:
            committed.append(named)
        else:
            failed[named] = fault
    return Vouched(vouched.transaction_uid, committed, failed)


def nothing_here(transaction_uid: UID, references: Iterable[Reference]) -> Vouched:
    """Judge as if nothing was held here: it does not count where it was brought."""
    failed = {(one.sop_class_uid, one.sop_instance_uid): NO_SUCH_SOP_INSTANCE for one in references}
    return Vouched(transaction_uid, [], failed)


def _fault_elsewhere(named: Named, classes: Mapping[UID, UID]) -> int:
    sop_class, sop_instance = named
    if sop_instance not in classes:
        return NO_SUCH_SOP_INSTANCE
    # Some archives (dcmqrscp) do not tell the class of what they have. A UID has one instance: what
    # is found by it is there, and only a class that was told can be another.
    told = classes[sop_instance]
    return _NO_FAULT if told in ("", sop_class) else CLASS_INSTANCE_CONFLICT
