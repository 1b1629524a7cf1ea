"""Reads the attributes that an event shall tell, from the beginning of a payload."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Final

from hilum.dicom import dictionary, tags
from hilum.dicom.header import Header
from hilum.dicom.reader import DataSetReader
from hilum.dicom.syntaxes import transfer_syntax
from hilum.kernel.errors import CorruptPayload
from hilum.pipeline.ports import Parcel, PayloadReader, Payloads
from hilum.pipeline.shortcomings import Spoiled, shortcoming

Fields = Mapping[str, Sequence[str]]

_CHUNK_BYTES: Final = 64 << 10
# What stands in front of the pixels is in the first mebibytes of any data set.
_READ_BYTES_MAX: Final = 16 << 20
_VALUES_MAX: Final = 100
_NUMBERS: Final = frozenset({"US", "UL", "SS", "SL", "UV", "SV"})
_TEXTS: Final = frozenset(
    "AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT".split()  # noqa: SIM905 -- as PS3.5 lists
)


def can_be_told(keyword: str) -> bool:
    """Tell whether an attribute has values that can stand in an event."""
    tag = dictionary.tag_of(keyword)
    entry = dictionary.entry(tag) if tag is not None else None
    return entry is not None and entry.vr in _NUMBERS | _TEXTS


def read_fields(parcel: Parcel, payloads: Payloads, keywords: Sequence[str]) -> Fields:
    """Read the values of `keywords`; what the data set does not say has none.

    Raises:
        Spoiled: the payload is missing or damaged. Full: we lack what reading takes.
    """
    wanted = {keyword: tag for keyword in keywords if (tag := dictionary.tag_of(keyword))}
    try:
        with closing(parcel.open(payloads)) as reader:
            header = _header(parcel, reader, frozenset(wanted.values()))
    except (OSError, CorruptPayload) as error:
        raise shortcoming(error) from error
    return {keyword: _values(header, tag) for keyword, tag in wanted.items()}


def _header(parcel: Parcel, payload: PayloadReader, wanted: frozenset[int]) -> Header:
    """Read up to the pixels. Raises OSError, CorruptPayload, Spoiled."""
    syntax = transfer_syntax(parcel.transfer_syntax_uid)
    data_set = DataSetReader(syntax, wanted | {tags.SPECIFIC_CHARACTER_SET})
    buffer = memoryview(bytearray(_CHUNK_BYTES))
    left = payload.size
    while left and payload.size - left < _READ_BYTES_MAX:
        count = payload.read_into(buffer)
        if not count:
            raise Spoiled(f"our payload ends {left} bytes before its end")
        left -= count
        data_set.feed(buffer[:count])
        if data_set.header is not None:
            return data_set.header
    if left:
        raise CorruptPayload(f"no pixels in its first {_READ_BYTES_MAX} bytes")
    return data_set.finish()


def _values(header: Header, tag: int) -> list[str]:
    entry = dictionary.entry(tag)
    if entry is not None and entry.vr in _NUMBERS:
        number = header.integer(tag)
        return [] if number is None else [str(number)]
    return header.texts(tag)[:_VALUES_MAX]
