"""Text as bytes of a Specific Character Set (PS3.3 §C.12.1.1.2, PS3.5 §6.1).

Never loses a character in silence: who writes asks first which set has them all.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from hilum.dicom.charsets import charset_of

UTF_8: Final = "ISO_IR 192"
DEFAULT: Final = ""

# How a set is called for by an escape sequence (PS3.3 Tables C.12-3 and C.12-4): what must stand
# before its bytes, and the codec that gives them. Python's codecs for JIS write escapes themselves.
_EXTENSIONS: Final[dict[str, tuple[bytes, str]]] = {
    "ISO 2022 IR 100": (b"\x1b-A", "latin_1"),
    "ISO 2022 IR 101": (b"\x1b-B", "iso8859_2"),
    "ISO 2022 IR 109": (b"\x1b-C", "iso8859_3"),
    "ISO 2022 IR 110": (b"\x1b-D", "iso8859_4"),
    "ISO 2022 IR 144": (b"\x1b-L", "iso8859_5"),
    "ISO 2022 IR 127": (b"\x1b-G", "iso8859_6"),
    "ISO 2022 IR 126": (b"\x1b-F", "iso8859_7"),
    "ISO 2022 IR 138": (b"\x1b-H", "iso8859_8"),
    "ISO 2022 IR 148": (b"\x1b-M", "iso8859_9"),
    "ISO 2022 IR 203": (b"\x1b-b", "iso8859_15"),
    "ISO 2022 IR 166": (b"\x1b-T", "iso8859_11"),
    "ISO 2022 IR 13": (b"\x1b)I", "shift_jis"),
    "ISO 2022 IR 149": (b"\x1b$)C", "euc_kr"),
    "ISO 2022 IR 58": (b"\x1b$)A", "gb2312"),
    "ISO 2022 IR 87": (b"", "iso2022_jp"),
    "ISO 2022 IR 159": (b"", "iso2022_jp_1"),
}
# Beyond these a set comes into its own only by an escape sequence.
_NEVER_FIRST: Final = frozenset(("iso2022_jp", "iso2022_jp_2", "euc_kr", "gb2312"))
# What takes a text back to the first set (PS3.5 §6.1.2.5.3).
_DELIMITERS: Final = re.compile(r"([\\^=\t\n\f\r])")


class TextWriter:
    """Writes texts in one Specific Character Set."""

    def __init__(self, term: str) -> None:
        terms = [part.strip().upper() for part in term.split("\\")]
        first = charset_of(terms[0].encode("latin_1", "replace")).codec
        is_default = terms[0] in {"", "ISO_IR 6", "ISO 2022 IR 6"} or first in _NEVER_FIRST
        self.term = term
        self._first = "ascii" if is_default else first
        self._extensions = [_EXTENSIONS[part] for part in terms if part in _EXTENSIONS]

    def encode(self, text: str) -> bytes:
        """Give the bytes of a text, which may hold several values and component groups.

        Raises:
            UnicodeEncodeError: the character set has not all of its characters.
        """
        if text.isascii():
            return text.encode("ascii")
        try:
            return text.encode(self._first)
        except UnicodeEncodeError:
            if not self._extensions:
                raise
        return b"".join([self._encode_part(part) for part in _DELIMITERS.split(text)])

    def can_encode(self, text: str) -> bool:
        """Tell whether the character set has all characters of a text."""
        try:
            self.encode(text)
        except UnicodeEncodeError:
            return False
        return True

    def _encode_part(self, part: str) -> bytes:
        """Encode what stands between two delimiters, character by character where it must be."""
        written: list[bytes] = []
        escape, codec = b"", self._first
        run = ""
        for character in part:
            if _has(codec, character):
                run += character
                continue
            written.append(escape + run.encode(codec))
            escape, codec = self._extension_for(character)
            run = character
        written.append(escape + run.encode(codec))
        return b"".join(written)

    def _extension_for(self, character: str) -> tuple[bytes, str]:
        for escape, codec in self._extensions:
            if _has(codec, character):
                return escape, codec
        # Raises: nothing has it, and the message of the codec says which character it is.
        character.encode(self._first)
        # Back to the first set, since it is there and an extension has it not.
        return b"\x1b(B" if self._first == "ascii" else _escape_to(self._first), self._first


@lru_cache(maxsize=1024)
def _has(codec: str, character: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def _escape_to(codec: str) -> bytes:
    return next((escape for escape, name in _EXTENSIONS.values() if name == codec), b"\x1b(B")


@lru_cache(maxsize=64)  # a site has a handful; a peer may ask in ever new nonsense
def text_writer(term: str) -> TextWriter:
    """Give the writer for a value of Specific Character Set (0008,0005)."""
    return TextWriter(term)


def term_for(texts: Iterable[str], preferred: str) -> str:
    """Choose the character set of an answer: the preferred one if it has all, else UTF-8."""
    foreign = [text for text in texts if not text.isascii()]
    if not foreign:
        return preferred if charset_of(preferred.encode("latin_1", "replace")).known else DEFAULT
    if charset_of(preferred.encode("latin_1", "replace")).known:
        writer = text_writer(preferred)
        if all(writer.can_encode(text) for text in foreign):
            return preferred
    return UTF_8
