"""What an instance that was received to its end is, or what is wrong with it by itself."""

from hilum.dicom.facts import FactsReader, InstanceFacts
from hilum.kernel.errors import CorruptPayload
from hilum.kernel.names import is_uid
from hilum.pipeline.answers import Mismatched, Misplaced, NotUnderstood
from hilum.pipeline.reception import Reception


def judge(
    reception: Reception, reader: FactsReader
) -> InstanceFacts | Mismatched | Misplaced | NotUnderstood:
    """Say what the data set is, or what is wrong with it."""
    if reception.defect is not None:
        return NotUnderstood(reception.defect)
    try:
        facts = reader.facts_of(reception.reader.finish())
    except CorruptPayload as error:
        return NotUnderstood(str(error))
    mismatch = _mismatch(reception, facts)
    if mismatch is not None:
        return Mismatched(mismatch)
    wanted = reception.announcement.study_instance_uid
    if wanted and facts.study_instance_uid != wanted:
        study = _shown(facts.study_instance_uid)
        return Misplaced(f"the data set is of study {study}, it was brought to {wanted}")
    return facts


def _mismatch(reception: Reception, facts: InstanceFacts) -> str | None:
    """Say how the data set differs from what was announced; None if it does not."""
    announced = reception.announcement
    if facts.sop_instance_uid != announced.sop_instance_uid:
        return (
            f"the data set is instance {_shown(facts.sop_instance_uid)}, "
            f"announced was {announced.sop_instance_uid}"
        )
    if facts.sop_class_uid != announced.sop_class_uid:
        return (
            f"the data set has SOP class {_shown(facts.sop_class_uid)}, "
            f"announced was {announced.sop_class_uid}"
        )
    return None


def _shown(uid: str) -> str:
    """Give a UID for a message; what is none may be anything, also a name."""
    return uid if is_uid(uid) else "without a valid UID"
