"""Where something would go by the routes in force, and why: nothing is sent, planned or written.

The same engine as for what arrives. Holds patients' values: for a caller who may see them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hilum.dicom import tags
from hilum.dicom.dataset import DataSet
from hilum.dicom.encode import ValueNotAtHand, encode_data_set
from hilum.dicom.reader import DataSetReader
from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from hilum.dicom.tags import CATALOGUE_TAGS
from hilum.kernel.errors import CorruptPayload
from hilum.kernel.names import UID
from hilum.ledger.lookup import Held
from hilum.pipeline.inspection import inspect
from hilum.routing.facts import AssociationFacts, HeaderFacts
from hilum.routing.plan import Plan, RouteTrace, plan, trace
from hilum.routing.routes import Routes

# Tells who would bring something, of who did; that is nobody for what never came.
Bringing = Callable[[AssociationFacts], AssociationFacts]


class NotTried(ValueError):
    """It cannot be asked where this goes. The message has no patient's values."""


@dataclass(frozen=True, slots=True)
class RouteTrial:
    """What the routes say of one instance."""

    study_instance_uid: str
    sop_instance_uid: str
    patient_id: str
    plan: Plan
    traces: tuple[RouteTrace, ...]


def try_attributes(
    data_set: DataSet,
    routes: Routes,
    bringing: Bringing,
    *,
    transfer_syntax_uid: UID,
    size: int | None,
    now: datetime,
) -> RouteTrial:
    """Say where an instance with these attributes would go; `size` None: that of what is given.

    Raises:
        NotTried: a value is only referred to, or there are too many.
    """
    wanted = CATALOGUE_TAGS | routes.tags_wanted
    try:
        encoded = encode_data_set(data_set, EXPLICIT_VR_LITTLE_ENDIAN)
        reader = DataSetReader(EXPLICIT_VR_LITTLE_ENDIAN, wanted)
        reader.feed(encoded)
        header = reader.header or reader.finish()
    except (ValueNotAtHand, CorruptPayload) as error:
        raise NotTried(f"the attributes are no data set: {error}") from error
    facts = HeaderFacts(
        header,
        bringing(AssociationFacts()),
        size=len(encoded) if size is None else size,
        transfer_syntax_uid=transfer_syntax_uid,
        header_tags=wanted,
        read_data_set=lambda: data_set,
    )
    return RouteTrial(
        study_instance_uid=data_set.text(tags.STUDY_INSTANCE_UID),
        sop_instance_uid=data_set.text(tags.SOP_INSTANCE_UID),
        patient_id=data_set.text(tags.PATIENT_ID),
        plan=plan(routes, facts, now),
        traces=trace(routes, facts, now),
    )


def try_held(
    held: Held, vault: Path, routes: Routes, bringing: Bringing, *, now: datetime
) -> RouteTrial:
    """Say where an instance that is held would go if it came now.

    Raises:
        NotTried: its payload cannot be read.
    """
    try:
        inspected = inspect(vault / held.path, routes)
    except CorruptPayload as error:
        raise NotTried(f"its payload is damaged: {error}") from error
    except OSError as error:
        raise NotTried(f"its payload cannot be read: {error.strerror}") from error
    facts = inspected.routing_facts(routes, bringing(inspected.sealed_association))
    known = inspected.facts
    return RouteTrial(
        known.study_instance_uid,
        known.sop_instance_uid,
        known.patient_id,
        plan(routes, facts, now),
        trace(routes, facts, now),
    )
