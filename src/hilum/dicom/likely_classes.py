"""SOP classes that are likely, for peers that do not say what they have (Seen: DCMTK dcmqrscp)."""

from collections.abc import Iterable
from typing import Final

from hilum.kernel.names import UID

_ROOT: Final = "1.2.840.10008.5.1.4.1.1."

# The most frequent first.
_COMMON: Final = (
    "2 4 1 1.1 7 128 6.1 3.1 20 12.1 1.2 88.33 88.22 88.11 88.59 88.67 11.1 104.1 2.1 4.1 7.4 7.2 "
    "7.1 7.3 1.1.1 1.2.1 1.3 12.2 13.1.3 13.1.1 77.1.1 77.1.4 77.1.2 77.1.5.1 77.1.5.4 77.1.6 "
    "481.1 481.2 481.3 481.5 66 66.1 66.4 88.50 9.1.1 9.1.2 2.2 130 11.2 4.2"
)
_BY_MODALITY: Final = {
    "CR": "1",
    "CT": "2 2.1 2.2",
    "DOC": "104.1 104.2",
    "DX": "1.1 1.1.1 1",
    "ECG": "9.1.1 9.1.2 9.1.3",
    "ES": "77.1.1 77.1.1.1",
    "IO": "1.3 1.3.1",
    "KO": "88.59",
    "MG": "1.2 1.2.1 13.1.3",
    "MR": "4 4.1 4.2 4.3",
    "NM": "20 5",
    "OP": "77.1.5.1 77.1.5.2",
    "OPT": "77.1.5.4",
    "PR": "11.1 11.2 11.3 11.4",
    "PT": "128 130",
    "REG": "66.1 66.3",
    "RF": "12.2 12.2.1",
    "RTDOSE": "481.2",
    "RTIMAGE": "481.1",
    "RTPLAN": "481.5 481.8",
    "RTRECORD": "481.4 481.6 481.7 481.9",
    "RTSTRUCT": "481.3",
    "SEG": "66.4 66.5",
    "SM": "77.1.6 77.1.2",
    "SR": "88.11 88.22 88.33 88.34 88.50 88.67 88.65",
    "US": "6.1 3.1 6 3 6.2",
    "XA": "12.1 12.1.1 13.1.1",
    "XC": "77.1.4 77.1.4.1",
}
# Of any modality: secondary captures.
_ANY: Final = "7 7.1 7.2 7.3 7.4"


def _classes(text: str) -> tuple[UID, ...]:
    return tuple([UID(f"{_ROOT}{end}") for end in text.split()])


COMMON: Final = _classes(_COMMON)


def classes_of_modalities(modalities: Iterable[str]) -> tuple[UID, ...]:
    """Give the classes of instances with these modalities; none: one of them is not known."""
    found: list[str] = []
    for modality in modalities:
        if modality not in _BY_MODALITY and modality != "OT":
            return ()
        found.append(_BY_MODALITY.get(modality, "104.1"))
    return _classes(" ".join([*found, _ANY])) if found else ()
