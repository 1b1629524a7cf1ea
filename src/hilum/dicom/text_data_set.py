"""A data set of texts that are in Unicode already: its bytes are made when somebody wants them.

Lists of matches are thousands of these, and most are only written down again as text.
"""

from collections.abc import Mapping
from struct import Struct
from typing import Any, Final

from hilum.dicom.charsets import charset_of
from hilum.dicom.dataset import NOTHING_TOLERATED, DataSet, Element

_UTF_8: Final = charset_of(b"ISO_IR 192")
_UNSIGNED_SHORT: Final = Struct("<H")
_UNSIGNED_SHORT_MAX: Final = 0xFFFF


class TextDataSet(DataSet):
    """Elements by their tag, each a VR and its text: decimal for numbers, joined by backslashes.

    `texts_by_tag` is empty as soon as there are `elements`, which may then be changed.
    """

    __slots__ = ("texts_by_tag",)

    def __init__(self, texts_by_tag: Mapping[int, tuple[str, str]]) -> None:
        """Take texts without padding; `elements` is not set: who asks for it has it made."""
        self.texts_by_tag = texts_by_tag
        self.charset = _UTF_8
        self.little_endian = True
        self.signed = None
        self.tolerated = NOTHING_TOLERATED

    def __getattr__(self, name: str) -> Any:
        """Make what is not there yet."""
        if name != "elements":
            raise AttributeError(name)
        elements: dict[int, Element] = {
            tag: (vr, _raw(vr, text)) for tag, (vr, text) in self.texts_by_tag.items()
        }
        self.elements, self.texts_by_tag = elements, {}
        return elements


def _raw(vr: str, text: str) -> bytes:
    if vr == "US":
        numbers = [min(max(int(one), 0), _UNSIGNED_SHORT_MAX) for one in text.split("\\")]
        return b"".join([_UNSIGNED_SHORT.pack(number) for number in numbers])
    return text.encode()
