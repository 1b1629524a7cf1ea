"""What pictures of one instance need of its header. Blocks: for threads."""

from dataclasses import dataclass
from typing import Final, Self

from hilum.dicom.dataset import DataSet
from hilum.dicom.parser import CutShort, read_header
from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, TransferSyntax, transfer_syntax
from hilum.imaging.pixels import Pixels, pixels_of
from hilum.imaging.refusal import NoPicture
from hilum.pipeline.archive.forms import AS_STORED, Bytes, Form, formed, read_up_to
from hilum.pipeline.ports import PayloadReader

# Most headers are shorter.
_FIRST_BYTES: Final = 32 << 10
_GROWTH: Final = 8
# A header of ten thousand frames has some 50 MB; who is longer has no pictures.
_HEADER_BYTES_MAX: Final = 64 << 20
# Lookup tables of 16 bits are values of the header, not bulk.
_BULK_BYTES_MIN: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Film:
    """The header of an instance, up to its pixels, and what it says of them.

    Of the bytes of its frames, `pixels` tells how they are given out: little endian.
    """

    data_set: DataSet
    pixels: Pixels

    @classmethod
    def of(cls, payload: PayloadReader, transfer_syntax_uid: str) -> Self:
        """Read the header of an open payload.

        Raises:
            NoPicture: it has no pixels, or none that can be shown.
            CorruptPayload: its header cannot be read.
            OSError: it cannot be read at all.
        """
        syntax = transfer_syntax(transfer_syntax_uid)
        source = formed(payload, Form(is_deflated=True) if syntax.deflated else AS_STORED)
        if syntax.deflated:
            syntax = EXPLICIT_VR_LITTLE_ENDIAN
        data_set = _header(source, syntax)
        return cls(data_set, pixels_of(data_set, transfer_syntax_uid).as_given_out())


def _header(source: Bytes, syntax: TransferSyntax) -> DataSet:
    size = _FIRST_BYTES
    while True:
        head = bytes(read_up_to(source, 0, size))
        try:
            return read_header(head, syntax, bulk_bytes_min=_BULK_BYTES_MIN)
        except CutShort as error:
            if len(head) < size:
                raise NoPicture("it has no pixels") from error
            if size >= _HEADER_BYTES_MAX:
                raise NoPicture("its header is longer than any with pixels") from error
        size *= _GROWTH
