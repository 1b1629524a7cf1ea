"""Every real file that others can read to its end must pass, with the values that they find.

The corpus is not part of the project: HILUM_CORPUS names its folder, ../shared/data is the default.
"""

import io
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pydicom
import pytest
from pydicom.dataelem import RawDataElement

from hilum.dicom.facts import facts_of
from hilum.dicom.part10 import guess_transfer_syntax, read_file_meta, sniff
from hilum.dicom.reader import CATALOGUE_TAGS, DataSetReader
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dicom.tags import SPECIFIC_CHARACTER_SET
from hilum.kernel.errors import CorruptPayload

CORPUS = Path(os.environ.get("HILUM_CORPUS", Path(__file__).parents[4] / "shared/data"))

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CORPUS / "MANIFEST.tsv").exists(),
        reason="no corpus: set HILUM_CORPUS to its folder",
    ),
]

# Where pydicom or DCMTK gets to the end and we refuse, with the reason why we do.
REFUSED = {
    # pydicom gives the short value that there is. What was cut off is gone: truncated.
    "pydicom/test_files/MR_truncated.dcm",
    "pydicom/test_files/rtplan_truncated.dcm",
    # Both pass, since its last item claims 24 bytes that somebody edited away. By its bytes it is
    # a data set cut inside of its last sequence, and those must not pass. No DICOMDIR is stored.
    "pydicom/test_files/dicomdirtests/DICOMDIR-nooffset",
    # pydicom gives an empty data set without an error; the delimiter of the pixels was cut off.
    "pydicom-data/emri_small_jpeg_2k_lossless_too_short.dcm",
}
# Where DCMTK fails and we pass, as pydicom does.
PASSED_WITHOUT_DCMTK = {
    # An implicit data set that is labelled explicit, JPEG.
    "pydicom/test_files/SC_rgb_jpeg.dcm",
    # No preamble, and "DICM" in a value at just the place of the prefix. pydicom fails, too.
    "dcm4che/no_preamble_dicm_in_data",
}


@cache
def files() -> dict[str, bytes]:
    """Load what looks like DICOM, by the name that the manifest gives it."""
    lines = (CORPUS / "MANIFEST.tsv").read_text("utf-8").splitlines()[1:]
    names = [line.split("\t", maxsplit=1)[0] for line in lines]
    contents = {name: (CORPUS / name).read_bytes() for name in names if not name.endswith(".hl7")}
    return {name: content for name, content in contents.items() if sniff(content[:132])}


def read(content, *, chunk_bytes):
    meta = read_file_meta(io.BytesIO(content))
    data_set = memoryview(content)[meta.data_set_offset :]
    if meta.transfer_syntax_uid:
        syntax = transfer_syntax(meta.transfer_syntax_uid)
    else:
        syntax = guess_transfer_syntax(bytes(data_set[:8]))
    reader = DataSetReader(syntax)
    for start in range(0, len(data_set), chunk_bytes):
        reader.feed(data_set[start : start + chunk_bytes])
    return reader.finish()


def test_the_corpus_is_not_empty():
    assert len(files()) > 400


def test_whole_files_pass_and_broken_ones_do_not():
    refused = set()
    for name, content in files().items():
        try:
            read(content, chunk_bytes=1 << 20)
        except CorruptPayload:
            refused.add(name)

    assert refused == REFUSED


def test_every_split_gives_the_same():
    for name, content in files().items():
        if name not in REFUSED:
            whole = read(content, chunk_bytes=1 << 20)
            for chunk_bytes in (61, 16384):
                header = read(content, chunk_bytes=chunk_bytes)
                assert (header.values, header.tolerated) == (whole.values, whole.tolerated), name


def test_a_whole_file_without_its_last_byte_is_refused():
    for name, content in files().items():
        # An odd number of zeros behind a deflate stream is padding, which may be missing.
        if name not in REFUSED and not name.endswith("_dfl.dcm") and not name.endswith("_dfl"):
            with pytest.raises(CorruptPayload):
                read(content[:-1], chunk_bytes=1 << 20)


@pytest.mark.filterwarnings("ignore")
def test_values_and_facts_are_those_of_pydicom():
    compared = 0
    for name, content in files().items():
        if name in REFUSED | PASSED_WITHOUT_DCMTK:
            continue
        theirs = pydicom.dcmread(io.BytesIO(content), force=True)
        header = read(content, chunk_bytes=1 << 20)

        for tag in CATALOGUE_TAGS - {SPECIFIC_CHARACTER_SET}:
            element = theirs.get_item(tag)
            raw = element.value if isinstance(element, RawDataElement) else None
            assert (raw or b"") == header.values.get(tag, b""), (name, hex(tag))
        compared += compare_facts(name, theirs, facts_of(header))

    assert compared > 5000


TEXTS = {
    "sop_instance_uid": "SOPInstanceUID",
    "study_instance_uid": "StudyInstanceUID",
    "patient_id": "PatientID",
    "accession_number": "AccessionNumber",
    "modality": "Modality",
    "study_description": "StudyDescription",
    "series_description": "SeriesDescription",
    "institution_name": "InstitutionName",
    "study_date": "StudyDate",
}
NAMES = {
    "patient_name": "PatientName",
    "referring_physician_name": "ReferringPhysicianName",
}
NUMBERS = {"series_number": "SeriesNumber", "rows": "Rows", "columns": "Columns"}


def compare_facts(name, theirs, facts):
    """Compare what both have; say how much that was."""
    compared = 0
    for field, keyword in (TEXTS | NAMES | NUMBERS).items():
        value, ours = theirs.get(keyword), getattr(facts, field)
        if field in NUMBERS:
            assert ours == (None if value is None else int(value)), (name, keyword)
        elif field in NAMES:
            # pydicom drops component groups that are empty.
            assert ours.rstrip("=") == str(value or ""), (name, keyword)
        else:
            assert ours == str(value or "").strip(), (name, keyword)
        compared += value is not None
    return compared


@pytest.mark.peer
@pytest.mark.timeout(180)
@pytest.mark.skipif(shutil.which("dcmdump") is None, reason="DCMTK is not installed")
def test_what_dcmtk_reads_to_the_end_passes_and_nothing_else():
    failed_by_dcmtk = {
        name
        for name in files()
        if subprocess.run(
            ["dcmdump", "-q", CORPUS / name], capture_output=True, check=False
        ).returncode
    }
    passed_by_dcmtk = set(files()) - failed_by_dcmtk

    assert passed_by_dcmtk & REFUSED == {"pydicom/test_files/dicomdirtests/DICOMDIR-nooffset"}
    assert failed_by_dcmtk - REFUSED == PASSED_WITHOUT_DCMTK
