"""A look at a data set that passes by, for the values that the name of its file is made of."""

import contextlib
from typing import TYPE_CHECKING, Final

from hilum.destinations.folder.template import Template
from hilum.dicom.reader import DataSetReader
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dicom.tags import (
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    SPECIFIC_CHARACTER_SET,
    STUDY_INSTANCE_UID,
)
from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.ports import Parcel

if TYPE_CHECKING:
    from hilum.dicom.header import Header

# What a parcel says by itself.
_KNOWN: Final = frozenset(
    {SOP_CLASS_UID, SOP_INSTANCE_UID, SERIES_INSTANCE_UID, STUDY_INSTANCE_UID}
)


class Look:
    """Reads no more of a data set than the template needs, and nothing when UIDs are enough."""

    def __init__(self, parcel: Parcel, template: Template) -> None:
        self._parcel = parcel
        self._template = template
        self._reader: DataSetReader | None = None
        self._header: Header | None = None
        if template.tags - _KNOWN:
            wanted = template.tags | {SPECIFIC_CHARACTER_SET}
            self._reader = DataSetReader(transfer_syntax(parcel.transfer_syntax_uid), wanted)

    def see(self, piece: memoryview) -> None:
        """Look at the next bytes."""
        if self._reader is None or self._header is not None:
            return
        try:
            self._reader.feed(piece)
            self._header = self._reader.header
        except CorruptPayload:
            # It is delivered all the same: what cannot be read has names of UIDs and "none".
            self._reader = None

    def values(self) -> dict[int, str]:
        """Give what was seen; the UIDs are those that the instance is known by."""
        values: dict[int, str] = {}
        if self._reader is not None:
            with contextlib.suppress(CorruptPayload):
                values = self._template.values(self._header or self._reader.finish())
        values[SOP_CLASS_UID] = self._parcel.sop_class_uid
        values[SOP_INSTANCE_UID] = self._parcel.sop_instance_uid
        values[SERIES_INSTANCE_UID] = self._parcel.series_instance_uid
        values[STUDY_INSTANCE_UID] = self._parcel.study_instance_uid
        return values
