"""What searches need of an instance beside its facts: extra attributes, requests of its series.

In the commit, and again when the ledger is made anew; never a reason to refuse anything.
"""

from collections.abc import Callable, Iterable
from typing import Final

from hilum.dicom import tags
from hilum.dicom.dataset import DataSet
from hilum.dicom.header import Header
from hilum.dicom.parser import CutShort, read_up_to
from hilum.dicom.syntaxes import TransferSyntax
from hilum.dicom.vrs import SINGLE_TEXT_VRS
from hilum.kernel.errors import CorruptPayload
from hilum.ledger.extras import REQUESTS_MAX, Extra, ExtraAttribute, SeriesRequest
from hilum.ledger.recent import Recent
from hilum.ledger.search_extras import BUILT_IN, REQUEST_ATTRIBUTES
from hilum.query.level import Level

# Most headers end sooner. Private ones of some devices are a hundred kilobytes, and stand in front
# of what is looked for.
SHORT_FRONT_BYTES: Final = 32 << 10
FRONT_BYTES: Final = 256 << 10
# Without pixels a header has no end: reports are read this far.
FRONT_BYTES_MAX: Final = 4 << 20
_TAG_BYTES: Final = {True: b"\x40\x00\x75\x02", False: b"\x00\x40\x02\x75"}
_PIXEL_TAG_BYTES: Final = {True: b"\xe0\x7f\x10\x00", False: b"\x7f\xe0\x00\x10"}
_STEP_ID: Final = 0x00400009
_PROCEDURE_ID: Final = 0x00401001
_TEXT_CHARACTERS_MAX: Final = 64
# Series that are being received; of more, some are looked into again.
_SERIES_MAX: Final = 256
# What series say alike that are being received at a time; of more, some is decoded again.
_SHARED_MAX: Final = 64

Front = Callable[[int], bytes]


class Indexing:
    """Finds it. `attributes` are those that are kept, `tags_wanted` what headers must have."""

    def __init__(self, attributes: Iterable[ExtraAttribute] = ()) -> None:
        self.attributes = (*BUILT_IN, *attributes)
        self.tags_wanted = frozenset(one.tag for one in self.attributes)
        self._shared = tuple(one for one in self.attributes if one.level < Level.IMAGE)
        self._shared_tags = tuple(one.tag for one in self._shared)
        self._own = tuple(one for one in self.attributes if one.level == Level.IMAGE)
        self._said: dict[tuple[object, ...], tuple[Extra, ...]] = {}
        self._series: Recent[str, bool] = Recent(_SERIES_MAX)

    def extras(self, header: Header) -> tuple[Extra, ...]:
        """Give what a header says of extra attributes.

        Hot: what a series repeats is decoded once, recognised by its bytes as facts are.
        """
        raw = (header.charset.codec, *map(header.values.get, self._shared_tags))
        shared = self._said.get(raw)
        if shared is None:
            if len(self._said) >= _SHARED_MAX:
                self._said.clear()
            shared = self._said[raw] = _extras(header, self._shared)
        own = _extras(header, self._own)
        return shared + own if own else shared

    def requests(
        self, series_instance_uid: str, front: Front, size: int, syntax: TransferSyntax
    ) -> tuple[SeriesRequest, ...]:
        """Give what a series was made for; nothing if it came lately: then it was said."""
        if self._series.get(series_instance_uid) is not None:
            return ()
        self._series.put(series_instance_uid, value=True)
        return requests_of(front, size, syntax)

    def forget(self) -> None:
        """Look into every series again: what was found may not have been recorded."""
        self._series.clear()


def requests_of(front: Front, size: int, syntax: TransferSyntax) -> tuple[SeriesRequest, ...]:
    """Read Request Attributes Sequence of a data set of `size` bytes; never raises."""
    try:
        data = front(SHORT_FRONT_BYTES)
        wanted, pixels = (names[syntax.little_endian] for names in (_TAG_BYTES, _PIXEL_TAG_BYTES))
        if syntax.deflated or (len(data) < size and wanted not in data and pixels not in data):
            data = front(FRONT_BYTES)
        if not syntax.deflated and wanted not in data:
            return ()
        found = _header(front, data, size, syntax)
    except (CorruptPayload, OSError):
        return ()
    return tuple([_request(item) for item in found.items(REQUEST_ATTRIBUTES)[:REQUESTS_MAX]])


def _header(front: Front, data: bytes, size: int, syntax: TransferSyntax) -> DataSet:
    """Read no further than is asked for: reports have hundreds of items behind it."""

    def read(data: bytes) -> DataSet:
        return read_up_to(REQUEST_ATTRIBUTES, data, syntax, is_whole=len(data) >= size)

    try:
        return read(data)
    except CutShort:
        return read(front(FRONT_BYTES_MAX))


def _request(item: DataSet) -> SeriesRequest:
    return SeriesRequest(
        *[
            item.text(tag)[:_TEXT_CHARACTERS_MAX]
            for tag in (_STEP_ID, _PROCEDURE_ID, tags.ACCESSION_NUMBER)
        ]
    )


def _extras(header: Header, attributes: Iterable[ExtraAttribute]) -> tuple[Extra, ...]:
    values = header.values
    return tuple(
        [
            Extra(one.level, one.tag, found)
            for one in attributes
            if values.get(one.tag) and (found := _texts(header, one))
        ]
    )


def _texts(header: Header, one: ExtraAttribute) -> tuple[str, ...]:
    if one.vr == "US":
        raw = header.values[one.tag]
        order: Final = "little" if header.little_endian else "big"
        pairs = [raw[at : at + 2] for at in range(0, len(raw) - 1, 2)]
        return tuple([str(int.from_bytes(pair, order)) for pair in pairs])
    if one.vr in SINGLE_TEXT_VRS:
        text = header.text(one.tag)
        return (text,) if text else ()
    return tuple([text for text in header.texts(one.tag) if text])
