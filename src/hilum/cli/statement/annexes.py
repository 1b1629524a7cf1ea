"""The tables that are too long for the text: SOP classes and transfer syntaxes."""

from collections.abc import Iterator

from hilum.cli.statement.markdown import code, heading, table
from hilum.dicom.sop_classes import STORAGE_SOP_CLASSES
from hilum.dicom.syntaxes import ALL_TRANSFER_SYNTAXES


def annexes() -> Iterator[str]:
    """Give both annexes."""
    yield heading(2, "Annex A. Storage SOP classes")
    yield "Retired ones are among them: archives hold their instances."
    yield table(
        ("SOP class", "UID"),
        ((name, code(uid)) for uid, name in sorted(STORAGE_SOP_CLASSES.items(), key=_by_name)),
    )
    yield heading(2, "Annex B. Transfer syntaxes")
    yield (
        "Any other UID is accepted as well, and its data sets read as Explicit VR Little Endian: "
        "every transfer syntax since 1996 is of that form (PS3.5 §A.4)."
    )
    yield table(
        ("Transfer syntax", "UID"),
        (
            (f"{one.name}{' (retired)' if one.retired else ''}", code(uid))
            for uid, one in ALL_TRANSFER_SYNTAXES.items()
        ),
    )


def _by_name(item: tuple[str, str]) -> tuple[str, str]:
    uid, name = item
    return name.lower(), uid
