"""What associations for asking and for getting propose: pure decisions."""

from collections.abc import Iterable, Sequence
from typing import Final

from hilum.destinations.dimse.inquiry import Inquiry, inquiry_for_get
from hilum.dicom.sop_classes import VERIFICATION
from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from hilum.dimse.service.query_negotiation import FindOptions, encode_options
from hilum.dimse.upper.items import ExtendedNegotiation, PresentationContext
from hilum.kernel.names import UID
from hilum.query.level import Model

_NATIVE: Final = (EXPLICIT_VR_LITTLE_ENDIAN.uid, IMPLICIT_VR_LITTLE_ENDIAN.uid)
# Six classes with a context for each frequent transfer syntax fill the 128 (`inquiry_for_get`).
CLASSES_AT_ONCE: Final = 6


def asking_inquiry(*, relational: bool) -> Inquiry:
    """Propose C-FIND and C-MOVE of both models, all that makes questions sharper, and C-ECHO."""
    finds = [UID(model.find_uid) for model in (Model.STUDY_ROOT, Model.PATIENT_ROOT)]
    moves = [UID(model.move_uid) for model in (Model.STUDY_ROOT, Model.PATIENT_ROOT)]
    wish = FindOptions(
        relational=relational, combined_moments=True, fuzzy_names=True, timezone=True
    )
    contexts = [
        PresentationContext(2 * number + 1, uid, _NATIVE)
        for number, uid in enumerate([*finds, *moves, VERIFICATION])
    ]
    extended = tuple([ExtendedNegotiation(uid, encode_options(wish)) for uid in finds])
    return Inquiry(tuple(contexts), extended=extended)


def getting_inquiry(
    get_class: UID, storage_classes: Iterable[UID], syntaxes: Sequence[UID]
) -> Inquiry:
    """Propose C-GET and contexts for what it may bring; the same for the same classes."""
    return inquiry_for_get(get_class, sorted(set(storage_classes)), syntaxes=syntaxes)
