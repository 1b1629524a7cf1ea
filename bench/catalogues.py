"""Stocks of studies that are searched: made once, kept in bench/build between runs.

Hilum's are ledgers (`archive.py`). Orthanc's has the same patients and studies, each with a single
instance where Hilum has ten: stored over four associations, and again if it was interrupted.
"""

import json
import sqlite3
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench import archive
from bench.archives import CATALOGUES, ORTHANC
from bench.receivers import BUILD, CALLED

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.encode import encode_data_set
from hilum.dicom.part10 import file_meta
from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN

STOCK: Final = BUILD / "stock"
# Written into a stock that is complete; another number makes it anew.
VERSION: Final = "1"
_CT: Final = "1.2.840.10008.5.1.4.1.1.2"
_STUDIES: Final = """\
SELECT p.patient_id, p.patient_name, p.patient_birth_date, p.patient_sex,
       s.study_instance_uid, s.study_date, s.study_time, s.accession_number, s.study_id,
       s.study_description, s.referring_physician_name,
       (SELECT modality FROM series WHERE study_row = s.id LIMIT 1)
FROM study s JOIN patient p ON p.id = s.patient_row ORDER BY s.id"""
_TAGS: Final = (
    *(0x00100020, 0x00100010, 0x00100030, 0x00100040),
    *(0x0020000D, 0x00080020, 0x00080030, 0x00080050, 0x00200010),
    *(0x00081030, 0x00080090, 0x00080060),
)


def hilum(studies: int) -> Path:
    """Give the folder of a gateway with so many studies in its ledger."""
    folder = STOCK / f"hilum-{studies}"
    stamp = folder / ".complete"
    if not (stamp.exists() and stamp.read_text() == VERSION):
        ledger = folder / "data" / "ledger.sqlite"
        ledger.parent.mkdir(parents=True, exist_ok=True)
        for left in ledger.parent.glob("ledger.sqlite*"):
            left.unlink()
        print(f"a ledger of {studies:,} studies", flush=True)
        archive.make(ledger, studies)
        stamp.write_text(VERSION)
    return folder


def orthanc(studies: int) -> Path:
    """Give the folder of an Orthanc with the studies that `hilum(studies)` has."""
    folder = STOCK / f"orthanc-{studies}"
    stamp = folder / ".complete"
    if not (stamp.exists() and stamp.read_text() == VERSION):
        files = _files(studies)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"an Orthanc of {studies:,} studies", flush=True)
        running = CATALOGUES[ORTHANC].start(folder, {})
        try:
            subprocess.run(
                [
                    *(str(BUILD / "blast"), "store", "-p", str(running.port), "-c", CALLED),
                    *("-j", "4", "-Q", str(files)),
                ],
                check=True,
            )
            if _count(running.web_port) != studies:
                raise RuntimeError(f"{folder} has not what was stored")
        finally:
            running.stop()
        stamp.write_text(VERSION)
    return folder


def ledger_of(studies: int) -> sqlite3.Connection:
    """Open the ledger of a stock for reading: questions are made of what is in it."""
    path = hilum(studies) / "data" / "ledger.sqlite"
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def _count(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/statistics", timeout=30) as answer:
        return int(json.load(answer)["CountStudies"])


def _files(studies: int) -> Path:
    folder = STOCK / f"small-{studies}"
    folder.mkdir(parents=True, exist_ok=True)
    if sum(1 for _ in folder.iterdir()) < studies:
        for number, content in enumerate(_instances(studies)):
            (folder / f"{number:06}.dcm").write_bytes(content)
    return folder


def _instances(studies: int) -> Iterator[bytes]:
    connection = ledger_of(studies)
    for row in connection.execute(_STUDIES):
        builder = DataSetBuilder("ISO_IR 192")
        study = row[4]
        builder.texts(0x00080016, _CT)
        builder.texts(0x00080018, f"{study}.1.1")
        builder.texts(0x0020000E, f"{study}.1")
        builder.texts(0x00200011, "1")
        builder.texts(0x00200013, "1")
        for tag, text in zip(_TAGS, row, strict=True):
            if text:
                builder.texts(tag, str(text))
        meta = file_meta(
            sop_class_uid=_CT,
            sop_instance_uid=f"{study}.1.1",
            transfer_syntax_uid=EXPLICIT_VR_LITTLE_ENDIAN.uid,
        )
        yield meta + encode_data_set(builder.data_set, EXPLICIT_VR_LITTLE_ENDIAN)
    connection.close()
