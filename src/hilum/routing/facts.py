"""What conditions can ask: who brought an instance, what is in it. Ports, and a header's facts.

Values are texts without padding, one for each value of an attribute.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from hilum.dicom import dictionary
from hilum.dicom.header import Header

# Numbers of a VR by the letter that `struct` has for them (PS3.5 §6.2).
_STRUCT_LETTERS: Final = {
    "US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d",
}  # fmt: skip
# One value only, in which a backslash is text (PS3.5 §6.2).
_SINGLE_TEXTS: Final = frozenset(("LT", "ST", "UT", "UR"))
_TEXTS: Final = _SINGLE_TEXTS | frozenset(
    ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UC", "UI")
)
# What a header can be asked for; any other VR, and those that depend, need the whole data set.
HEADER_VRS: Final = _TEXTS | _STRUCT_LETTERS.keys()


@dataclass(frozen=True, slots=True)
class AssociationFacts:
    """Who brings it and how; the same for all that comes over one association.

    A text is empty where there is none: a caller who is no peer has no `peer`.
    """

    calling_ae_title: str = ""
    called_ae_title: str = ""
    peer: str = ""
    host: str = ""
    entity: str = ""
    source: str = ""
    tls: bool = False


class Elements(Protocol):
    """A data set, or an item of a sequence."""

    def values(self, tag: int, creator: str = "") -> Sequence[str]:
        """Give the values of an attribute; none when it is absent, empty or not to be read.

        A private attribute is asked for by its creator; of its tag the last two digits count, the
        block before them is where the data set has put the creator (PS3.5 §7.8.1).
        """
        ...

    def items(self, tag: int, creator: str = "") -> Sequence["Elements"]:
        """Give the items of a sequence; none when it is absent, empty or no sequence."""
        ...


class Facts(Elements, Protocol):
    """All that is known of an instance when it is decided where it goes."""

    @property
    def association(self) -> AssociationFacts:
        """Who brought it."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the data set."""
        ...

    @property
    def transfer_syntax_uid(self) -> str:
        """How the data set is encoded."""
        ...


class NoElements:
    """A data set in which nothing is."""

    def values(self, tag: int, creator: str = "") -> Sequence[str]:
        """Give nothing."""
        del tag, creator
        return ()

    def items(self, tag: int, creator: str = "") -> Sequence[Elements]:
        """Give nothing."""
        del tag, creator
        return ()


def no_data_set() -> Elements:
    """Stand for a data set that nobody can read."""
    return NoElements()


class HeaderFacts:
    """Facts from the scanned header; what it has not got is asked of the data set, read once.

    `read_data_set` never raises: what cannot be read has no elements. `header_tags` are those the
    scanner was told to keep. Hot: one of these is made for each instance.
    """

    __slots__ = (
        "_data_set",
        "_header",
        "_header_tags",
        "_known",
        "_read_data_set",
        "association",
        "size",
        "transfer_syntax_uid",
    )

    def __init__(
        self,
        header: Header,
        association: AssociationFacts,
        *,
        size: int,
        transfer_syntax_uid: str,
        header_tags: frozenset[int],
        read_data_set: Callable[[], Elements] = no_data_set,
    ) -> None:
        self.association = association
        self.size = size
        self.transfer_syntax_uid = transfer_syntax_uid
        self._header = header
        self._header_tags = header_tags
        self._read_data_set = read_data_set
        self._data_set: Elements | None = None
        self._known: dict[int, Sequence[str]] = {}

    def values(self, tag: int, creator: str = "") -> Sequence[str]:
        """Give the values of an attribute, from the header when it was asked to keep it."""
        if creator:
            return self._whole().values(tag, creator)
        known = self._known.get(tag)
        if known is None:
            known = self._known[tag] = self._read(tag)
        return known

    def _read(self, tag: int) -> Sequence[str]:
        if tag in self._header_tags:
            return header_values(self._header, tag)
        return self._whole().values(tag)

    def items(self, tag: int, creator: str = "") -> Sequence[Elements]:
        """Give the items of a sequence; the header has none."""
        return self._whole().items(tag, creator)

    def _whole(self) -> Elements:
        if self._data_set is None:
            self._data_set = self._read_data_set()
        return self._data_set


def header_values(header: Header, tag: int) -> Sequence[str]:
    """Read the values of an attribute that the scanner kept, by the VR the dictionary has."""
    raw = header.values.get(tag)
    if not raw:
        return ()
    found = dictionary.entry(tag)
    vr = found.vr if found else ""
    letter = _STRUCT_LETTERS.get(vr)
    if letter is not None:
        return _numbers(raw, letter, little_endian=header.little_endian)
    if vr in _SINGLE_TEXTS:
        text = header.text(tag)
        return (text,) if text else ()
    return [value for value in header.texts(tag) if value]


def _numbers(raw: bytes, letter: str, *, little_endian: bool) -> Sequence[str]:
    order = "<" if little_endian else ">"
    count = len(raw) // struct.calcsize(order + letter)
    return [str(number) for number in struct.unpack_from(f"{order}{count}{letter}", raw)]
