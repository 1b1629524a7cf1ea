"""Specific Character Set: bytes of a data set as text (PS3.3 §C.12.1.1.2, PS3.5 §6.1).

Never raises: a wrong character set must not cost an instance. What has no meaning becomes U+FFFD.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

# Bytes above 7F without a character set are Latin-1 far more often than not, and Latin-1 gives
# every byte a character: nothing is lost, and who knows better can go back to the bytes.
DEFAULT_CODEC: Final = "latin_1"

# Registration numbers of ISO 2375 as the defined terms have them (PS3.3 Tables C.12-2 to C.12-5).
# 87, 159, 149 and 58 may not come first (they need escape sequences), but do.
_CODEC_OF_NUMBER: Final = {
    "6": DEFAULT_CODEC,
    "100": "latin_1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "144": "iso8859_5",
    "127": "iso8859_6",
    "126": "iso8859_7",
    "138": "iso8859_8",
    "148": "iso8859_9",
    "203": "iso8859_15",
    "166": "iso8859_11",
    "13": "shift_jis",
    "87": "iso2022_jp",
    "159": "iso2022_jp_2",
    "149": "euc_kr",
    "58": "gb2312",
    "192": "utf_8",
}

# "ISO_IR 100", "ISO 2022 IR 100", and as seen from converters "ISO-IR 100", "ISO_IR_100", "IR 100".
_NUMBERED: Final = re.compile(r"(?:ISO[ _-]?)?(?:2022[ _-]?)?(?:IR[ _-]?)?([0-9]+)")
_PARTS_OF_8859: Final = frozenset(str(part) for part in range(1, 16) if part != 12)
# Seen: "ISO 8859/1", "8859/1", "ISO-8859-1", from people who know HL7 or Java.
_NUMBERED_BY_8859: Final = re.compile(r"(?:ISO[ _-]?)?8859[/_-]([0-9]+)")

_CODEC_OF_NAME: Final = {
    "": DEFAULT_CODEC,
    "GB18030": "gb18030",
    "GBK": "gbk",
    "ISO 2022 GBK": "gbk",
    # Not defined terms, but the meaning is clear.
    "GB 18030": "gb18030",
    "GB 18030-2000": "gb18030",
    "GB2312": "gb2312",
    "UTF-8": "utf_8",
    "UTF8": "utf_8",
    "UNICODE": "utf_8",
    "UNICODE UTF-8": "utf_8",
    "ASCII": DEFAULT_CODEC,
    "US-ASCII": DEFAULT_CODEC,
}

# Escape sequences of ISO 2022 (PS3.3 Tables C.12-3 and C.12-4): what the bytes behind them are.
_CODEC_OF_ESCAPE: Final = {
    b"\x1b-A": "latin_1",
    b"\x1b-B": "iso8859_2",
    b"\x1b-C": "iso8859_3",
    b"\x1b-D": "iso8859_4",
    b"\x1b-L": "iso8859_5",
    b"\x1b-G": "iso8859_6",
    b"\x1b-F": "iso8859_7",
    b"\x1b-H": "iso8859_8",
    b"\x1b-M": "iso8859_9",
    b"\x1b-b": "iso8859_15",
    b"\x1b-T": "iso8859_11",
    b"\x1b)I": "shift_jis",
    b"\x1b(J": "shift_jis",
    b"\x1b$)C": "euc_kr",
    b"\x1b$)A": "gb2312",
    b"\x1b$B": "iso2022_jp",
    b"\x1b$(D": "iso2022_jp_2",
}
_TO_ASCII: Final = b"\x1b(B"
# Their two bytes for one character may look like a delimiter, and the codec wants the escape.
_JAPANESE: Final = frozenset(("iso2022_jp", "iso2022_jp_2"))

_BEFORE_ESCAPES: Final = re.compile(rb"(?=\x1b)")
# What ends a code extension: ends of values, components and lines (PS3.5 §6.1.2.5.3).
_DELIMITER: Final = re.compile(rb"[\\^=\t\n\f\r]")


@dataclass(frozen=True, slots=True)
class Charset:
    """How to decode the texts of a data set, up to the first escape sequence."""

    codec: str
    known: bool


DEFAULT_CHARSET: Final = Charset(DEFAULT_CODEC, known=True)


@lru_cache(maxsize=64)  # a site has a handful; a peer may send ever new nonsense
def charset_of(value: bytes) -> Charset:
    """Read the value of Specific Character Set (0008,0005).

    The first value is what texts begin with. The others only announce escape sequences, and those
    are understood whether announced or not.
    """
    term = value.split(b"\\", maxsplit=1)[0].decode("latin_1").strip("\0 ").upper()
    codec = _CODEC_OF_NAME.get(term)
    if codec is None and (match := _NUMBERED_BY_8859.fullmatch(term)):
        codec = f"iso8859_{match[1]}" if match[1] in _PARTS_OF_8859 else None
    if codec is None and (match := _NUMBERED.fullmatch(term)):
        codec = _CODEC_OF_NUMBER.get(match[1])
    if codec is None:
        return Charset(DEFAULT_CODEC, known=False)
    return Charset(codec, known=True)


def decode(value: bytes, charset: Charset) -> str:
    """Turn bytes into text. Padding and delimiters stay, escape sequences go."""
    if b"\x1b" not in value:
        return value.decode(charset.codec, "replace")
    pieces = _BEFORE_ESCAPES.split(value)
    return "".join([_decode_piece(piece, charset.codec) for piece in pieces])


def _decode_piece(piece: bytes, initial: str) -> str:
    """Decode an escape sequence and what stands behind it."""
    if not piece.startswith(b"\x1b"):
        return piece.decode(initial, "replace")
    if piece.startswith(_TO_ASCII):
        return piece[3:].decode(initial, "replace")
    for size in (3, 4):
        codec = _CODEC_OF_ESCAPE.get(piece[:size])
        if codec in _JAPANESE:
            return piece.decode(codec, "replace")
        if codec is not None:
            return _decode_extended(piece[size:], codec, initial)
    return piece.decode(initial, "replace").replace("\x1b", "\ufffd")


def _decode_extended(text: bytes, codec: str, initial: str) -> str:
    """Decode with `codec` up to the first delimiter, then with the initial codec again."""
    delimiter = _DELIMITER.search(text)
    if delimiter is None:
        return text.decode(codec, "replace")
    end = delimiter.start()
    return text[:end].decode(codec, "replace") + text[end:].decode(initial, "replace")
