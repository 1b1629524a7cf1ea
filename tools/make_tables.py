"""Write the packaged tables of hilum.dicom from a folder of digests of the standard.

    python tools/make_tables.py STANDARDS [TABLES]

STANDARDS has one TSV for each table of the standard; TABLES is the package folder that is filled.
"""
# ruff: noqa: INP001 -- a script that developers run, not part of a package

import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

DEFAULT_TABLES: Final = Path(__file__).parents[1] / "src/hilum/dicom/tables"

# Not data sets that could be stored as a file: MIME and XML wrappings (retired), the SMPTE streams
# of DICOM-RTV, and Papyrus 3 (retired, a file format of its own).
NOT_FOR_DATA_SETS: Final = ("1.2.840.10008.1.2.6.", "1.2.840.10008.1.2.7.", "1.2.840.10008.1.20")

# The whole data set is one deflate stream (PS3.5 §A.5, §A.7). The digest says it of the first only.
DEFLATED: Final = {
    "1.2.840.10008.1.2.1.99": "Deflated Explicit VR Little Endian",
    "1.2.840.10008.1.2.4.95": "JPIP Referenced Deflate",
    "1.2.840.10008.1.2.4.205": "JPIP HTJ2K Referenced Deflate",
}


def read(standards: Path, name: str) -> list[dict[str, str]]:
    """Read one digest as a list of rows."""
    with (standards / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def transfer_syntaxes(standards: Path) -> list[list[str]]:
    """Keep the syntaxes of data sets; flags are Y or empty."""
    return [
        [
            row["uid"],
            row["name"],
            flag(wanted=row["vr"] == "explicit"),
            flag(wanted=row["endian"] == "little"),
            flag(wanted=row["uid"] in DEFLATED),
            flag(wanted=row["pixel_encoding"] == "encapsulated"),
            row["retired"],
        ]
        for row in read(standards, "ps3.5_transfer_syntaxes.tsv")
        if not row["uid"].startswith(NOT_FOR_DATA_SETS)
    ]


def sop_classes(standards: Path) -> list[list[str]]:
    """Join the storage classes of PS3.4 with every other SOP class that PS3.6 names."""
    storage = {row["uid"]: row for row in read(standards, "ps3.4_storage_sop_classes.tsv")}
    others = {
        row["uid"]: row
        for row in read(standards, "ps3.6_uids.tsv")
        if row["type"] in {"SOPClass", "MetaSOPClass"}
    }
    return [
        [uid, row["name"], flag(wanted=uid in storage), row["retired"]]
        for uid, row in sorted((others | storage).items())
    ]


def data_dictionary(standards: Path) -> list[list[str]]:
    """Copy the data dictionary; `x` in a tag stands for any hexadecimal digit."""
    columns = ("tag", "keyword", "name", "vr", "vm", "retired")
    dictionary = read(standards, "ps3.6_data_dictionary_2026c.tsv")
    return [[row[column] for column in columns] for row in dictionary]


def value_representations(standards: Path) -> list[list[str]]:
    """Say which VRs have a length of 32 bits in explicit encodings, and how values are padded."""
    return [
        [
            row["vr"],
            row["name"],
            flag(wanted=row["explicit_length_bytes"].startswith("4")),
            row["padding"].split(" ", maxsplit=1)[0].upper(),
            flag(wanted=row["multivalue_backslash"] == "yes"),
            flag(wanted=row["affected_by_0008_0005"] == "yes"),
        ]
        for row in read(standards, "ps3.5_vr.tsv")
    ]


def flag(*, wanted: bool) -> str:
    """Spell a flag as the tables do."""
    return "Y" if wanted else ""


def write(path: Path, heading: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write one table: a heading and its rows, cells without tabs."""
    lines = ["\t".join(cells) for cells in (heading, *rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def main(standards: Path, tables: Path) -> None:
    """Write every table."""
    write(
        tables / "transfer_syntaxes.tsv",
        ("uid", "name", "explicit", "little_endian", "deflated", "encapsulated", "retired"),
        transfer_syntaxes(standards),
    )
    write(
        tables / "sop_classes.tsv",
        ("uid", "name", "storage", "retired"),
        sop_classes(standards),
    )
    write(
        tables / "data_dictionary.tsv",
        ("tag", "keyword", "name", "vr", "vm", "retired"),
        data_dictionary(standards),
    )
    write(
        tables / "value_representations.tsv",
        ("vr", "name", "long", "padding", "multiple", "charset"),
        value_representations(standards),
    )


if __name__ == "__main__":
    if len(sys.argv) not in {2, 3}:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else DEFAULT_TABLES)
