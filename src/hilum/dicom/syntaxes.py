"""Transfer syntaxes: how a data set is put into bytes (PS3.5 §10, Annex A)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from hilum.dicom.tables import rows
from hilum.kernel.names import UID


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """How to read the bytes of a data set."""

    uid: UID
    name: str
    explicit: bool  # elements name their VR
    little_endian: bool
    deflated: bool  # the whole data set is one raw deflate stream (PS3.5 §A.5)
    encapsulated: bool  # pixel data comes in fragments (PS3.5 §A.4)
    retired: bool
    known: bool  # False: private, or newer than our tables


ALL_TRANSFER_SYNTAXES: Final[Mapping[UID, TransferSyntax]] = MappingProxyType(
    {
        UID(uid): TransferSyntax(
            uid=UID(uid),
            name=name,
            explicit=explicit == "Y",
            little_endian=little_endian == "Y",
            deflated=deflated == "Y",
            encapsulated=encapsulated == "Y",
            retired=retired == "Y",
            known=True,
        )
        for uid, name, explicit, little_endian, deflated, encapsulated, retired in rows(
            "transfer_syntaxes"
        )
    }
)

IMPLICIT_VR_LITTLE_ENDIAN: Final = ALL_TRANSFER_SYNTAXES[UID("1.2.840.10008.1.2")]
EXPLICIT_VR_LITTLE_ENDIAN: Final = ALL_TRANSFER_SYNTAXES[UID("1.2.840.10008.1.2.1")]
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: Final = ALL_TRANSFER_SYNTAXES[UID("1.2.840.10008.1.2.1.99")]
EXPLICIT_VR_BIG_ENDIAN: Final = ALL_TRANSFER_SYNTAXES[UID("1.2.840.10008.1.2.2")]

# Each can become each other without decoding; first what costs a receiver least.
UNCOMPRESSED: Final = (
    EXPLICIT_VR_LITTLE_ENDIAN.uid,
    IMPLICIT_VR_LITTLE_ENDIAN.uid,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN.uid,
    EXPLICIT_VR_BIG_ENDIAN.uid,
)


def transfer_syntax(uid: str) -> TransferSyntax:
    """Give the transfer syntax that `uid` names, also when no table has it.

    A syntax we do not know is read as encapsulated explicit little endian: every syntax since 1996
    is of that form (PS3.5 §A.4), and the reader finds out by itself when elements name no VR.
    """
    known = ALL_TRANSFER_SYNTAXES.get(UID(uid))
    if known is not None:
        return known
    return TransferSyntax(
        uid=UID(uid),
        name="unknown transfer syntax",
        explicit=True,
        little_endian=True,
        deflated=False,
        encapsulated=True,
        retired=False,
        known=False,
    )
