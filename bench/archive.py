"""An archive of any size in a ledger, and how long searches in it take.

    python bench/archive.py make ledger.sqlite --studies 100000
    python bench/archive.py ask ledger.sqlite

Made by bulk inserts of catalogue rows, without payload files: for searches only. Two series of five
instances a study; two and a half studies a patient; one study in a hundred has a rare modality.
"""

import argparse
import itertools
import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from hilum.dicom.match_keys import KeyRules, matching_of
from hilum.dicom.matching import Key
from hilum.ledger.ledger import Ledger
from hilum.ledger.search_names import PATIENT, REFERRING_PHYSICIAN, keys_of
from hilum.query.attributes import DEFAULTS
from hilum.query.level import Level
from hilum.query.query import Query, Wanted

SERIES_PER_STUDY: Final = 2
INSTANCES_PER_SERIES: Final = 5
STUDIES_PER_PATIENT: Final = 2.5
_FIRST_DAY: Final = date(2015, 1, 1)
_DAYS: Final = 3650
_MODALITIES: Final = ("CT", "MR", "CR", "DX", "US", "MG", "NM", "PT", "XA")
_WEIGHTS: Final = (25, 20, 15, 15, 12, 6, 3, 3, 1)
_SYLLABLES: Final = (
    "ba",
    "mü",
    "sch",
    "ler",
    "an",
    "so",
    "rö",
    "ki",
    "el",
    "to",
    "mann",
    "é",
    "ve",
)
_GIVEN: Final = ("Anna", "José", "Jürgen", "Mary", "Wei", "Zoë", "Ivan", "Łukasz", "Søren", "Li")
_CT: Final = "1.2.840.10008.5.1.4.1.1.2"
_EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
_ROOT: Final = "1.2.826.0.1.3680043.10.1"


def make(path: Path, studies: int, *, seed: int = 7) -> None:
    """Make a ledger with so many studies."""
    Ledger.open(path, durability="process").close()
    chance = random.Random(seed)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    with connection:
        patients = int(studies / STUDIES_PER_PATIENT) or 1
        _fill(connection, "patient", _patients(chance, patients))
        _fill(connection, "study", _studies(chance, studies, patients))
        _fill(connection, "series", _series(chance, studies))
        _fill(connection, "instance", _instances(studies))
        _fill(connection, "payload", _payloads(studies))
        names = (("patient", "patient_name", PATIENT),)
        for table, column, role in (
            *names,
            ("study", "referring_physician_name", REFERRING_PHYSICIAN),
        ):
            rows = connection.execute(f"SELECT id, {column} FROM {table}").fetchall()
            keys = (
                (kind, text, row, number)
                for row, name in rows
                for kind, text, number in keys_of(role, name)
            )
            _fill(connection, "name_key", keys)
        connection.execute(
            "INSERT INTO study_modality SELECT DISTINCT s.modality, t.study_day, t.id "
            "FROM series s JOIN study t ON t.id = s.study_row"
        )
    connection.close()


def _fill(connection: sqlite3.Connection, table: str, rows: Iterator[tuple[Any, ...]]) -> None:
    first = next(rows)
    marks = ", ".join("?" * len(first))
    connection.executemany(f"INSERT INTO {table} VALUES ({marks})", itertools.chain([first], rows))


def _day(chance: random.Random) -> str:
    return f"{_FIRST_DAY + timedelta(days=chance.randrange(_DAYS)):%Y%m%d}"


def _name(chance: random.Random) -> str:
    family = "".join(chance.choices(_SYLLABLES, k=3)).capitalize()
    return f"{family}^{chance.choice(_GIVEN)}"


def _patients(chance: random.Random, count: int) -> Iterator[tuple[Any, ...]]:
    for row in range(1, count + 1):
        born = f"{date(1930, 1, 1) + timedelta(days=chance.randrange(30000)):%Y%m%d}"
        yield row, f"P{row:07}", "HOSP", "", _name(chance), born, chance.choice("FMO"), born


def _studies(chance: random.Random, count: int, patients: int) -> Iterator[tuple[Any, ...]]:
    for row in range(1, count + 1):
        day = _day(chance)
        patient = chance.randrange(1, patients + 1)
        told = (day, f"{chance.randrange(24):02}1500", f"A{row:08}", str(row % 1000), "Thorax")
        yield row, patient, f"{_ROOT}.{row}", *told, _name(chance), day


def _series(chance: random.Random, studies: int) -> Iterator[tuple[Any, ...]]:
    for study in range(1, studies + 1):
        modality = chance.choices(_MODALITIES, _WEIGHTS)[0]
        for number in range(1, SERIES_PER_STUDY + 1):
            row = (study - 1) * SERIES_PER_STUDY + number
            texts = (
                "axial",
                "20200101",
                "101500",
                "CHEST",
                "CT1",
                "ACME",
                "Clinic",
                "ST1",
                "20200101",
                "101500",
            )
            yield row, study, f"{_ROOT}.{study}.{number}", modality, number, *texts


def _instances(studies: int) -> Iterator[tuple[Any, ...]]:
    row = 0
    for series in range(1, studies * SERIES_PER_STUDY + 1):
        for number in range(1, INSTANCES_PER_SERIES + 1):
            row += 1
            shape = (number, 512, 512, 16, None, "ORIGINAL\\PRIMARY", "20200101", "101500")
            yield row, series, f"{_ROOT}.9.{row}", _CT, 1, *shape


def _payloads(studies: int) -> Iterator[tuple[Any, ...]]:
    for row in range(1, studies * SERIES_PER_STUDY * INSTANCES_PER_SERIES + 1):
        digest = row.to_bytes(16, "big")
        yield row, 1, digest, 526_000, _EXPLICIT_LITTLE, f"instances/{row}.dcm", row, "ct1"


def _query(**texts: str) -> Query:
    rules = KeyRules()
    vrs = {"PatientID": 0x00100020, "PatientName": 0x00100010, "AccessionNumber": 0x00080050}
    vrs |= {"StudyDate": 0x00080020, "ModalitiesInStudy": 0x00080061, "StudyID": 0x00200010}
    kinds = {"PatientName": "PN", "StudyDate": "DA", "ModalitiesInStudy": "CS"}
    keys = [
        Key(vrs[name], kind := kinds.get(name, "LO"), matching_of(kind, text, rules))
        for name, text in texts.items()
    ]
    wanted = tuple(Wanted(tag, "LO") for tag in DEFAULTS[Level.STUDY])
    return Query(Level.STUDY, tuple(keys), wanted)


def _questions(chance: random.Random, studies: int) -> dict[str, Callable[[], Query]]:
    patients = int(studies / STUDIES_PER_PATIENT)

    def days() -> str:
        first = _FIRST_DAY + timedelta(days=chance.randrange(_DAYS - 365))
        return f"{first:%Y%m%d}-{first + timedelta(days=365):%Y%m%d}"

    return {
        "patient ID": lambda: _query(PatientID=f"P{chance.randrange(1, patients + 1):07}"),
        "accession": lambda: _query(AccessionNumber=f"A{chance.randrange(1, studies + 1):08}"),
        "name, beginning": lambda: _query(PatientName=_name(chance)[:5] + "*"),
        "name, middle": lambda: _query(PatientName="*" + _name(chance)[2:7] + "*"),
        "name, given": lambda: _query(PatientName=_name(chance)[:3] + "*^An*"),
        "year and CT": lambda: _query(StudyDate=days(), ModalitiesInStudy="CT"),
        "year and XA": lambda: _query(StudyDate=days(), ModalitiesInStudy="XA"),
        "year": lambda: _query(StudyDate=days()),
        "day": lambda: _query(StudyDate=_day(chance)),
        "everything": _query,
    }


def ask(path: Path, *, times: int = 100, seed: int = 3) -> None:
    """Ask each question many times; print how long the first hundred answers take."""
    ledger = Ledger.open(path, durability="process")
    studies = ledger.counts().studies
    print(f"{studies:,} studies")
    chance = random.Random(seed)
    for name, question in _questions(chance, studies).items():
        taken: list[float] = []
        answers = 0
        for _ in range(times):
            query = question()
            begun = time.perf_counter()
            answers += len(ledger.search.find(query, limit=100).matches)
            taken.append((time.perf_counter() - begun) * 1e3)
        quantiles = statistics.quantiles(taken, n=100)
        print(
            f"{name:16} p50 {quantiles[49]:7.2f} ms  p99 {quantiles[98]:7.2f} ms"
            f"  {answers / times:6.1f} answers"
        )
    ledger.close()


def main() -> None:
    """Make or ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("make", "ask"))
    parser.add_argument("path", type=Path)
    parser.add_argument("--studies", type=int, default=10_000)
    given = parser.parse_args()
    if given.what == "make":
        make(given.path, given.studies)
    else:
        ask(given.path)


if __name__ == "__main__":
    main()
