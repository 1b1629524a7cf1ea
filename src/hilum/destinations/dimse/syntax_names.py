"""Transfer syntaxes as a configuration names them: a short word, or the UID."""

from typing import Annotated, Final

from pydantic import AfterValidator, WithJsonSchema

from hilum.dicom.syntaxes import ALL_TRANSFER_SYNTAXES, UNCOMPRESSED
from hilum.kernel.names import UID, is_uid

# The ones that archives are asked for; any other is written as its UID (PS3.6 Table A-1).
SYNTAX_WORDS: Final = {
    "explicit_little_endian": UID("1.2.840.10008.1.2.1"),
    "implicit_little_endian": UID("1.2.840.10008.1.2"),
    "deflated": UID("1.2.840.10008.1.2.1.99"),
    "explicit_big_endian": UID("1.2.840.10008.1.2.2"),
    "jpeg_baseline": UID("1.2.840.10008.1.2.4.50"),
    "jpeg_extended": UID("1.2.840.10008.1.2.4.51"),
    "jpeg_lossless": UID("1.2.840.10008.1.2.4.70"),
    "jpeg_ls_lossless": UID("1.2.840.10008.1.2.4.80"),
    "jpeg_ls": UID("1.2.840.10008.1.2.4.81"),
    "j2k_lossless": UID("1.2.840.10008.1.2.4.90"),
    "j2k": UID("1.2.840.10008.1.2.4.91"),
    "htj2k_lossless": UID("1.2.840.10008.1.2.4.201"),
    "htj2k_lossless_rpcl": UID("1.2.840.10008.1.2.4.202"),
    "htj2k": UID("1.2.840.10008.1.2.4.203"),
    "rle": UID("1.2.840.10008.1.2.5"),
}
_WORDS: Final = {uid: word for word, uid in SYNTAX_WORDS.items()}
_PRIVATE: Final = "1.2.840.10008."


def syntax_uid(text: str) -> UID:
    """Read a word or a UID.

    Raises:
        ValueError: it is neither, or a UID of the standard that is no transfer syntax.
    """
    if (uid := SYNTAX_WORDS.get(text)) is not None:
        return uid
    uid = UID(text)
    if not is_uid(text) or "." not in text:
        raise ValueError(
            f"{text!r} is no transfer syntax; write its UID or one of {', '.join(SYNTAX_WORDS)}"
        )
    if uid not in ALL_TRANSFER_SYNTAXES and text.startswith(_PRIVATE):
        raise ValueError(f"{text!r} is no transfer syntax of the standard (PS3.6 Table A-1)")
    return uid


def uncompressed_uid(text: str) -> UID:
    """Read a word or a UID of an uncompressed syntax.

    Raises:
        ValueError: it is none.
    """
    uid = syntax_uid(text)
    if uid not in UNCOMPRESSED:
        words = ", ".join(_WORDS[one] for one in UNCOMPRESSED)
        raise ValueError(f"{text!r} is compressed; write one of {words}")
    return uid


TransferSyntaxName = Annotated[
    UID,
    AfterValidator(syntax_uid),
    WithJsonSchema({"type": "string", "examples": list(SYNTAX_WORDS)}),
]
UncompressedSyntaxName = Annotated[
    UID,
    AfterValidator(uncompressed_uid),
    WithJsonSchema({"type": "string", "examples": [_WORDS[uid] for uid in UNCOMPRESSED]}),
]
