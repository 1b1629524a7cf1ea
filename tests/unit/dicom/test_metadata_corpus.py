"""Metadata of real files: read from few bytes, and still every value that pydicom finds."""

import json

import pytest
from test_dicom_corpus import REFUSED, files, pytestmark  # noqa: F401
from test_dicom_json_corpus import NO_THRESHOLD, compare, json_by_pydicom
from test_dicom_tree_corpus import UNREADABLE, split

from hilum.dicom.bulk import Bulk, path_text
from hilum.dicom.json_writer import to_json
from hilum.dicom.parser import read_data_set
from hilum.pipeline.archive import header
from hilum.pipeline.archive.header import header_of
from hilum.testing.payloads import MemoryPayloads


def header_by_parts(data, syntax):
    payloads = MemoryPayloads()
    payloads.put("one", data)
    payload = payloads.open_payload("one")
    found = header_of(payload, syntax)
    payload.close()
    return found


def addressed(data_set):
    return json.loads(to_json(data_set, bulk=lambda path, _: path_text(path)))


@pytest.mark.timeout(180)
def test_it_is_what_the_whole_payload_says_wherever_the_first_read_ends(monkeypatch):
    for name, content in files().items():
        if name in REFUSED:
            continue
        data, syntax = split(content)
        whole = addressed(read_data_set(data, syntax))

        for first_bytes in (header.FIRST_BYTES, 1000):
            monkeypatch.setattr(header, "FIRST_BYTES", first_bytes)
            assert addressed(header_by_parts(data, syntax)) == whole, (name, first_bytes)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(180)
def test_every_value_is_that_of_pydicom(monkeypatch):
    monkeypatch.setattr(header, "FIRST_BYTES", 1000)
    compared = 0
    for name, content in files().items():
        if name not in REFUSED | UNREADABLE:
            found = header_by_parts(*split(content))
            ours = json.loads(to_json(found, inline_bytes_max=NO_THRESHOLD))
            compared += compare(name, ours, json_by_pydicom(content))
    assert compared > 85_000


def test_pixels_have_an_address_in_every_file_that_has_them():
    for name, content in files().items():
        if name in REFUSED:
            continue
        found = header_by_parts(*split(content))
        pixels = found.elements.get(0x7FE00010)
        if pixels is not None and isinstance(pixels[1], Bulk):
            assert addressed(found)["7FE00010"]["BulkDataURI"] == "7FE00010", name
