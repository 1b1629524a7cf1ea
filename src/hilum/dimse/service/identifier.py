"""Identifiers: the data sets that C-FIND, C-MOVE and C-GET ask and answer with (PS3.7 §9.1.2-4).

From bytes and into bytes only; what an identifier asks for is read by `hilum.query`.
"""

from typing import Final

from hilum.dicom.dataset import DataSet
from hilum.dicom.encode import encode_data_set
from hilum.dicom.limits import ReaderLimits
from hilum.dicom.parser import read_data_set
from hilum.dicom.syntaxes import transfer_syntax
from hilum.kernel.errors import CorruptPayload, RemoteProtocolError
from hilum.kernel.names import UID

# Ten thousand instances by their UIDs are 650 KB; nobody asks for more at once.
IDENTIFIER_BYTES_MAX: Final = 1 << 20
# A question has some fifty attributes, and sequences in one another four deep.
IDENTIFIER_LIMITS: Final = ReaderLimits(
    depth_max=16,
    elements_max=20_000,
    malformed_max=100,
    value_bytes_max=IDENTIFIER_BYTES_MAX,
    inflated_bytes_max=4 * IDENTIFIER_BYTES_MAX,
)


class IdentifierPieces:
    """Collects one identifier from the pieces of its message, up to a limit.

    After the limit the pieces are still to be taken, so that the message ends; they are dropped.
    """

    __slots__ = ("_bytes", "is_too_long")

    def __init__(self) -> None:
        self._bytes = bytearray()
        self.is_too_long = False

    def take(self, piece: bytes | memoryview) -> None:
        """Take the next piece."""
        if len(self._bytes) + len(piece) > IDENTIFIER_BYTES_MAX:
            self.is_too_long = True
            self._bytes.clear()
        if not self.is_too_long:
            self._bytes += piece

    def read(self, syntax: UID) -> DataSet:
        """Read what was collected.

        Raises:
            RemoteProtocolError: it was too long, or is no data set.
        """
        if self.is_too_long:
            raise RemoteProtocolError(f"an identifier of more than {IDENTIFIER_BYTES_MAX} bytes")
        return read_identifier(bytes(self._bytes), syntax)


def read_identifier(data: bytes, syntax: UID) -> DataSet:
    """Read an identifier in the transfer syntax of its context; one without elements is empty.

    Raises:
        RemoteProtocolError: it is no data set.
    """
    if not data:
        return DataSet()
    try:
        return read_data_set(
            data,
            transfer_syntax(syntax),
            limits=IDENTIFIER_LIMITS,
            bulk_bytes_min=IDENTIFIER_BYTES_MAX,
        )
    except CorruptPayload as error:
        raise RemoteProtocolError(f"an identifier that is no data set: {error}") from error


def encode_identifier(identifier: DataSet, syntax: UID) -> bytes:
    """Write an identifier in the transfer syntax of its context."""
    return encode_data_set(identifier, transfer_syntax(syntax))
