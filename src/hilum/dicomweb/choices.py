"""The ways in which each resource can be answered, best first (PS3.18 Tables 8.7.3-2 to -5).

What is possible depends on what is stored and on what can be made of it; both come from outside.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, transfer_syntax
from hilum.dicomweb.choice import Choice, Framing
from hilum.dicomweb.media_types import DICOM, DICOM_JSON, DICOM_XML

OCTETS: Final = "application/octet-stream"
JSON: Final = "application/json"  # asked for by who has no word of DICOM
XML: Final = "application/xml"
ZIP: Final = "application/zip"
_EXPLICIT: Final = EXPLICIT_VR_LITTLE_ENDIAN.uid
_JPEG_FAMILY: Final = "1.2.840.10008.1.2.4."

# PS3.18 Table 8.7.3-5, the names of older editions behind them: viewers still ask for those.
_IMAGE_TYPES: Final[Mapping[tuple[str, ...], str]] = {
    ("image/jpeg",): "50 51 57 70",
    ("image/jls", "image/x-jls"): "80 81",
    ("image/jp2", "image/jpeg2000", "image/j2c"): "90 91",
    ("image/jpx",): "92 93",
    ("image/jphc", "image/jph"): "201 202 203",
    ("image/jxl",): "110 111 112",
    ("video/mpeg", "video/mpeg2"): "100 100.1 101 101.1",
    ("video/mp4",): "102 102.1 103 103.1 104 104.1 105 105.1 106 106.1",
    ("video/h265",): "107 108",
}
IMAGE_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    **{_JPEG_FAMILY + end: types for types, ends in _IMAGE_TYPES.items() for end in ends.split()},
    "1.2.840.10008.1.2.5": ("image/dicom-rle", "image/x-dicom-rle"),
}


def _framed(choice: Choice, number: int) -> Sequence[Choice]:
    """Give a choice in many parts, and as the only part where there is one thing to send."""
    many = Choice(
        choice.essence,
        Framing.MULTIPART,
        choice.transfer_syntax,
        choice.is_default,
        choice.is_stored,
    )
    return (many, choice) if number == 1 else (many,)


def instance_choices(stored: str, producible: Iterable[str], *, number: int) -> list[Choice]:
    """Answer with instances; `producible`: syntaxes that this one can be written in.

    Who names no transfer syntax gets explicit VR little endian, or what is stored where that cannot
    be made: its file says what it is.
    """
    possible = dict.fromkeys((stored, *producible))
    default = _EXPLICIT if _EXPLICIT in possible else stored
    choices: list[Choice] = []
    for syntax in dict.fromkeys((default, *possible)):
        one = Choice(
            DICOM,
            Framing.SINGLE,
            syntax,
            is_default=syntax == default,
            is_stored=syntax == stored,
        )
        choices += _framed(one, number)
    return [*choices, Choice(ZIP)]


def pixel_choices(stored: str, *, can_decode: bool, number: int) -> list[Choice]:
    """Answer with frames or pixel data: compressed ones as they are, others as plain bytes.

    Plain bytes of what is compressed: only where it can be decoded, or when its syntax is named;
    who asked for bytes alone would take them for pixels.
    """
    syntax = transfer_syntax(stored)
    choices: list[Choice] = []
    if syntax.encapsulated:
        for essence in IMAGE_TYPES.get(stored, ()):
            choices += _framed(Choice(essence, Framing.SINGLE, stored), number)
    if can_decode or not syntax.encapsulated:
        plain = Choice(OCTETS, Framing.SINGLE, _EXPLICIT, is_stored=not syntax.encapsulated)
        choices += _framed(plain, number)
    if syntax.encapsulated:
        choices += _framed(Choice(OCTETS, Framing.SINGLE, stored, is_default=False), number)
    return choices


def bulk_choices(*, number: int) -> list[Choice]:
    """Answer with values that are not pixels: bytes, little endian."""
    return list(_framed(Choice(OCTETS, Framing.SINGLE, _EXPLICIT), number))


def metadata_choices(*, number: int) -> list[Choice]:
    """Answer with data sets: JSON has room for many in one part, XML has not (PS3.18 §8.7.3.2)."""
    return [Choice(DICOM_JSON), *_framed(Choice(DICOM_XML), number), Choice(JSON)]


def search_choices() -> list[Choice]:
    """Answer a search, whose number of results nobody knows."""
    return metadata_choices(number=0)


def store_choices() -> list[Choice]:
    """Answer a store, with one data set."""
    return [Choice(DICOM_JSON), Choice(DICOM_XML), Choice(JSON), Choice(XML)]


def rendered_choices(types: Iterable[str], *, number: int) -> list[Choice]:
    """Answer with pictures; `types`: those that can be made, the default first.

    One picture comes alone, as a page that shows it has `*/*` in Accept; several cannot.
    """
    framed = [choice for essence in types for choice in _framed(Choice(essence), number)]
    return sorted(framed, key=lambda choice: choice.framing is Framing.MULTIPART)


def single_part(choices: Iterable[Choice]) -> list[Choice]:
    """Leave out what has parts: WADO-URI knows none (PS3.18 §9.5)."""
    return [choice for choice in choices if choice.framing is Framing.SINGLE]
