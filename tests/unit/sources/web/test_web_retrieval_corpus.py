"""Real files over the door: as they came, in other syntaxes, frame by frame, value by value.

The corpus is not part of the project: HILUM_CORPUS names its folder, ../shared/data is the default.
"""

import io
import json
import os
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames
from web_retrieval import EXPLICIT, WebRig, parts_of

from hilum.dicom.bulk import Bulk
from hilum.dicom.json_writer import to_json
from hilum.dicom.parser import read_data_set
from hilum.dicom.part10 import guess_transfer_syntax, read_file_meta, sniff
from hilum.dicom.syntaxes import UNCOMPRESSED, transfer_syntax
from hilum.kernel.errors import CorruptPayload
from hilum.kernel.names import is_uid

CORPUS = Path(os.environ.get("HILUM_CORPUS", Path(__file__).parents[5] / "shared/data"))

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CORPUS / "MANIFEST.tsv").exists(),
        reason="no corpus: set HILUM_CORPUS to its folder",
    ),
]

OCTETS = "application/octet-stream"
# Some syntaxes have no media type of their own: bytes of them are only for who says so.
STORED = 'multipart/related; type="*/*"; transfer-syntax=*'
# Files whose pixels pydicom does not read, or reads otherwise, and why.
UNCOMPARED = {
    "pydicom/test_files/badVR.dcm": "pydicom stops at a value of the header",
}


@cache
def held():
    """Give a door over all files that can be stored; names, files and holdings."""
    rig, found = WebRig(), []
    for file in sorted(CORPUS.rglob("*")):
        content = file.read_bytes() if file.is_file() else b""
        if not sniff(content):
            continue
        try:
            meta = read_file_meta(io.BytesIO(content))
            data = content[meta.data_set_offset :]
            uid = meta.transfer_syntax_uid or guess_transfer_syntax(data[:8]).uid
            holding = rig.store(data, uid)
        except CorruptPayload:
            continue
        if not is_uid(holding.sop_instance_uid):
            rig.archive.held.pop()
            continue
        found.append((str(file.relative_to(CORPUS)), content, data, holding))
    return rig, found


def alone(rig, holding):
    """Let a door hold one instance: some files have each other's UIDs."""
    rig.archive.held = [holding]
    return f"/instances/{holding.sop_instance_uid}"


def data_set_of(content):
    meta = read_file_meta(io.BytesIO(content))
    assert not meta.tolerated
    return content[meta.data_set_offset :], meta.transfer_syntax_uid


def test_everything_comes_back_byte_by_byte():
    rig, found = held()

    assert len(found) > 400
    for name, _, data, holding in found:
        path = alone(rig, holding)
        answer = rig.get(path, 'multipart/related; type="application/dicom"; transfer-syntax=*')
        ((_, content),) = parts_of(answer)
        assert data_set_of(content) == (data, holding.transfer_syntax_uid), name


def test_what_is_uncompressed_is_made_explicit():
    rig, found = held()

    for name, _, _, holding in found:
        answer = rig.get(alone(rig, holding), "application/dicom")

        assert answer.status_code == 200, name
        _, syntax = data_set_of(answer.content)
        if syntax != EXPLICIT:
            is_plain = holding.transfer_syntax_uid in UNCOMPRESSED
            assert syntax == holding.transfer_syntax_uid, name
            # Only what lies about itself, or cannot be written any other way.
            assert not is_plain or "jpeg" in name.lower() or "DICOMDIR" in name, name


def frames_of_pydicom(content, syntax):
    """Give frames as pydicom has them; None: it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = pydicom.dcmread(io.BytesIO(content), force=True)
        for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
            if keyword in read:
                break
        else:
            return None
        number = int(read.get("NumberOfFrames") or 1)
        pixels = read[keyword]
        if pixels.is_undefined_length:
            return list(generate_frames(pixels.value, number_of_frames=number))
        if read.BitsAllocated == 1:
            bits = np.unpackbits(np.frombuffer(pixels.value, np.uint8), bitorder="little")
            size = read.Rows * read.Columns
            each = [bits[at * size : (at + 1) * size] for at in range(number)]
            return [np.packbits(one, bitorder="little").tobytes() for one in each]
        value = pixels.value
        # As pydicom's decoders: by the size of a sample, and words of OW.
        if not syntax.little_endian and (pixels.VR == "OW" or read.BitsAllocated > 8):
            width = max(read.BitsAllocated // 8, 2)
            value = np.frombuffer(value, f">u{width}").astype(f"<u{width}").tobytes()
        samples = 2 if "422" in read.PhotometricInterpretation else read.SamplesPerPixel
        full = read.Rows * read.Columns * read.SamplesPerPixel * read.BitsAllocated // 8
        size = read.Rows * read.Columns * samples * read.BitsAllocated // 8
        size = full if len(value) >= full * number else size
        return [value[at * size : (at + 1) * size] for at in range(number)]


def test_frames_are_those_of_pydicom():
    rig, found = held()
    compared = 0

    for name, content, _, holding in found:
        if name in UNCOMPARED:
            continue
        path = alone(rig, holding)
        expected = frames_of_pydicom(content, transfer_syntax(holding.transfer_syntax_uid))
        if not expected or not any(expected):
            assert rig.get(f"{path}/frames/1").status_code == 404, name
            continue
        numbers = ",".join(map(str, range(1, len(expected) + 1)))
        answers = [rig.get(f"{path}/frames/{one}", STORED) for one in _chunks(numbers)]
        got = [content for answer in answers for _, content in parts_of(answer)]
        assert got == expected, name
        assert rig.get(f"{path}/frames/{len(expected) + 1}").status_code == 404, name
        compared += 1

    assert compared > 250


def _chunks(numbers):
    """Cut a list of numbers into what a path has room for."""
    every = numbers.split(",")
    return [",".join(every[at : at + 500]) for at in range(0, len(every), 500)]


def addresses_in(metadata):
    for value in metadata.values():
        if "BulkDataURI" in value:
            yield value["BulkDataURI"]
        for item in value.get("Value", ()):
            if value["vr"] == "SQ":
                yield from addresses_in(item)


def at(tree, path):
    for place in range(0, len(path) - 1, 2):
        tree = tree.items(path[place])[path[place + 1]]
    return tree.elements[path[-1]]


def test_addresses_in_metadata_lead_to_the_values():
    rig, found = held()
    compared = 0

    for name, _, data, holding in found:
        syntax = transfer_syntax(holding.transfer_syntax_uid)
        if syntax.deflated or not syntax.little_endian:
            continue
        tree = read_data_set(data, syntax)
        paths = {}

        def note(where, _vr, paths=paths):
            uri = "/".join(str(one) if n % 2 else f"{one:08X}" for n, one in enumerate(where))
            paths[uri] = where
            return uri

        metadata = json.loads(to_json(tree, bulk=note))
        path = alone(rig, holding)
        for uri in addresses_in(metadata):
            _, value = at(tree, paths[uri])
            if isinstance(value, Bulk):
                value = None if value.length is None else value.of(data)
            answer = rig.get(f"{path}/bulkdata/{uri}", STORED)
            assert answer.status_code == 200, (name, uri)
            if value is not None:
                assert [one for _, one in parts_of(answer)] == [value], (name, uri)
            compared += 1

    assert compared > 300


def test_all_bulk_data_and_pixels_are_answered():
    rig, found = held()

    for name, _, _, holding in found:
        path = alone(rig, holding)
        for what in ("bulkdata", "pixeldata", "frames/1"):
            assert rig.get(f"{path}/{what}", STORED).status_code in {200, 404}, (name, what)
            octets = rig.get(f"{path}/{what}", OCTETS).status_code
            assert octets in {200, 404, 406}, (name, what)
