"""What archives are asked, as the bytes that go over the wire; written into files of `timing.h`.

Questions are made of what a stock has, with a seed: the same on every run and for every archive.
"""

import random
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bench import catalogues

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.encode import encode_data_set
from hilum.dicom.syntaxes import IMPLICIT_VR_LITTLE_ENDIAN

QUESTIONS: Final = 500
_SEED: Final = 11
_FIRST_DAY: Final = date(2015, 1, 1)
_DAYS: Final = 3600
# Families of `archive.py` are three syllables; peers differ in what they make of accents, so none.
_SYLLABLES: Final = ("ba", "sch", "ler", "an", "so", "ki", "el", "to", "mann", "ve")
_TAGS: Final = {
    "PatientID": 0x00100020,
    "PatientName": 0x00100010,
    "AccessionNumber": 0x00080050,
    "StudyDate": 0x00080020,
    "ModalitiesInStudy": 0x00080061,
}
# What a workstation shows of each study.
_SHOWN: Final = (
    *(0x00080020, 0x00080030, 0x00080050, 0x00081030, 0x00100010, 0x00100020),
    *(0x00100030, 0x00100040, 0x0020000D, 0x00200010),
)

Keys = Mapping[str, str]


def write(path: Path, questions: Iterable[bytes]) -> Path:
    """Write questions into a file."""
    with path.open("wb") as file:
        for question in questions:
            file.write(struct.pack("<I", len(question)) + question)
    return path


# ---- searches ------------------------------------------------------------------------------


def searches(topic: str, studies: int) -> Sequence[Keys]:
    """Give the questions of a topic for a stock."""
    make = _TOPICS[topic](studies)
    chance = random.Random(_SEED)
    return [make(chance) for _ in range(QUESTIONS)]


def _patient(studies: int) -> Callable[[random.Random], Keys]:
    connection = catalogues.ledger_of(studies)
    known = [row[0] for row in connection.execute("SELECT patient_id FROM patient ORDER BY id")]
    connection.close()
    return lambda chance: {"PatientID": chance.choice(known)}


def _days(chance: random.Random, days: int) -> str:
    first = _FIRST_DAY + timedelta(days=chance.randrange(_DAYS - days))
    return f"{first:%Y%m%d}-{first + timedelta(days=days - 1):%Y%m%d}"


def _name(chance: random.Random, syllables: int) -> str:
    return "".join(chance.choices(_SYLLABLES, k=syllables)).capitalize() + "*"


_TOPICS: Final[Mapping[str, Callable[[int], Callable[[random.Random], Keys]]]] = {
    "patient": _patient,
    "accession": lambda studies: (
        lambda chance: {"AccessionNumber": f"A{chance.randrange(1, studies + 1):08}"}
    ),
    # Some ten studies each, in a stock of 20,000.
    "name": lambda _: lambda chance: {"PatientName": _name(chance, 3)},
    "week": lambda _: lambda chance: {"StudyDate": _days(chance, 7), "ModalitiesInStudy": "CT"},
    # More than a hundred, in each stock.
    "common name": lambda _: lambda chance: {"PatientName": _name(chance, 1)},
    "year CT": lambda _: (
        lambda chance: {"StudyDate": _days(chance, 365), "ModalitiesInStudy": "CT"}
    ),
    "year": lambda _: lambda chance: {"StudyDate": _days(chance, 365)},
    "everything": lambda _: lambda _chance: {},
}


def identifier(keys: Keys, level: str = "STUDY") -> bytes:
    """Write the identifier of a C-FIND."""
    builder = DataSetBuilder("ISO_IR 192")
    builder.texts(0x00080052, level)
    given = {_TAGS[name]: text for name, text in keys.items()}
    for tag in sorted({*_SHOWN, *given}):
        builder.texts(tag, given[tag]) if tag in given else builder.empty(tag)
    return encode_data_set(builder.data_set, IMPLICIT_VR_LITTLE_ENDIAN)


def qido(keys: Keys, **more: str) -> bytes:
    """Write a search for studies."""
    parameters = "&".join(
        f"{name}={quote(text, safe='*')}" for name, text in {**keys, **more}.items()
    )
    return get(f"/dicom-web/studies?{parameters}".rstrip("?"), "application/dicom+json")


# ---- retrievals ----------------------------------------------------------------------------


def of_study(uid: str) -> bytes:
    """Write the identifier that retrieves a study."""
    builder = DataSetBuilder()
    builder.texts(0x00080052, "STUDY")
    builder.texts(0x0020000D, uid)
    return encode_data_set(builder.data_set, IMPLICIT_VR_LITTLE_ENDIAN)


def get(path: str, accept: str) -> bytes:
    """Write a GET."""
    lines = (f"GET {path} HTTP/1.1", "Host: 127.0.0.1", f"Accept: {accept}", "", "")
    return "\r\n".join(lines).encode()


_BOUNDARY: Final = "8d3f1c7a5e"


def stow(instances: Sequence[bytes]) -> bytes:
    """Write a POST that stores instances."""
    part = f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = b"".join(part + instance + b"\r\n" for instance in instances)
    body += f"--{_BOUNDARY}--\r\n".encode()
    lines = (
        "POST /dicom-web/studies HTTP/1.1",
        "Host: 127.0.0.1",
        "Accept: application/dicom+json",
        f'Content-Type: multipart/related; type="application/dicom"; boundary={_BOUNDARY}',
        f"Content-Length: {len(body)}",
        "",
        "",
    )
    return "\r\n".join(lines).encode() + body
