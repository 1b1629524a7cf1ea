"""SOP classes: what an instance is, or what a service works on (PS3.4 Annex B, PS3.6 Annex A)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from hilum.dicom.tables import rows
from hilum.kernel.names import UID

VERIFICATION: Final = UID("1.2.840.10008.1.1")

_ROWS: Final = rows("sop_classes")

_NAMES: Final[Mapping[str, str]] = {uid: name for uid, name, *_ in _ROWS}

# Retired classes are in: archives are full of them, and a migration sends them all.
STORAGE_SOP_CLASSES: Final[Mapping[str, str]] = MappingProxyType(
    {uid: name for uid, name, storage, _ in _ROWS if storage == "Y"}
)


def sop_class_name(uid: str) -> str:
    """Give the standard's name of a SOP class, or the UID itself when no table has it."""
    return _NAMES.get(uid, uid)
