"""Looks at a data set while it lands: whole to its last byte, and just what was announced?

Decides only; whoever lands it writes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hilum.dicom import tags
from hilum.dicom.reader import Chunk, DataSetReader
from hilum.dicom.shapes import Shapes
from hilum.dicom.syntaxes import transfer_syntax
from hilum.kernel.errors import NotAllowed
from hilum.kernel.names import is_uid
from hilum.pipeline.landing import Incoming

_WANTED: Final = frozenset(
    (
        tags.SPECIFIC_CHARACTER_SET,
        tags.SOP_CLASS_UID,
        tags.SOP_INSTANCE_UID,
        tags.STUDY_INSTANCE_UID,
        tags.SERIES_INSTANCE_UID,
    )
)


@dataclass(frozen=True, slots=True)
class Belonging:
    """Where an instance belongs, as its data set says."""

    series_instance_uid: str
    study_instance_uid: str


class Examination:
    """One data set. After an exception it is of no more use."""

    __slots__ = ("_incoming", "_reader")

    def __init__(self, incoming: Incoming, shapes: Shapes | None = None) -> None:
        """Begin; those that share `shapes` walk only through what none of them has seen."""
        self._incoming = incoming
        syntax = transfer_syntax(incoming.transfer_syntax_uid)
        self._reader = DataSetReader(syntax, _WANTED, shapes=shapes)

    def read(self, pieces: Iterable[Chunk]) -> None:
        """Take the next bytes. Raises CorruptPayload."""
        for piece in pieces:
            self._reader.feed(piece)

    def finish(self) -> Belonging:
        """Say where it belongs; there are no more bytes.

        Raises:
            CorruptPayload: it is not complete.
            NotAllowed: it is another instance than was announced, or it belongs nowhere.
        """
        uid = self._reader.finish().uid
        announced = self._incoming
        if uid(tags.SOP_INSTANCE_UID) != announced.sop_instance_uid:
            raise NotAllowed(
                f"the data set is not instance {announced.sop_instance_uid}, which was announced"
            )
        if uid(tags.SOP_CLASS_UID) != announced.sop_class_uid:
            raise NotAllowed(
                f"instance {announced.sop_instance_uid} has another SOP class than was announced"
            )
        series, study = uid(tags.SERIES_INSTANCE_UID), uid(tags.STUDY_INSTANCE_UID)
        if not (is_uid(series) and is_uid(study)):
            raise NotAllowed(
                f"instance {announced.sop_instance_uid} has no valid study or series UID"
            )
        return Belonging(series, study)
