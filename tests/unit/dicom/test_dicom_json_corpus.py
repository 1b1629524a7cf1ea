"""JSON of real files against that of pydicom, value by value, and read again."""

import io
import json
import re

import pydicom
import pytest
from test_dicom_corpus import REFUSED, files, pytestmark  # noqa: F401
from test_dicom_tree_corpus import UNREADABLE, split

from hilum.dicom.json_reader import read_json
from hilum.dicom.json_writer import to_json
from hilum.dicom.native_xml_reader import read_xml
from hilum.dicom.native_xml_writer import to_xml
from hilum.dicom.parser import read_data_set

NO_THRESHOLD = 1 << 30
# pydicom has a dictionary of private attributes; encapsulated pixels are OB (PS3.5 §A.4); it leaves
# the words of big endian as they are.
OTHER_VRS = {"UN", "OB"}
NO_XML = re.compile(r"\\u00[01][0-9a-f]|\\[bf]")
# One creator has two blocks; without their numbers, attributes are in the first one with room.
TWO_BLOCKS = {"nibabel/decimal_rescale.dcm"}
BIG_ENDIAN = {"pydicom-data/OBXXXX1A_expb.dcm"}


def json_of(content):
    return json.loads(to_json(read_data_set(*split(content)), inline_bytes_max=NO_THRESHOLD))


def json_by_pydicom(content):
    """Give what pydicom makes of each attribute; it fails on numbers that are none."""
    found = {}
    theirs = pydicom.dcmread(io.BytesIO(content), force=True)
    for tag in list(theirs.keys()):
        try:
            if tag.group != 2 and tag.element:
                found[f"{int(tag):08X}"] = theirs[tag].to_json_dict(None, NO_THRESHOLD)
        except ValueError:
            continue
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(180)
def test_every_value_is_that_of_pydicom():
    compared = 0
    for name, content in files().items():
        if name not in REFUSED | UNREADABLE:
            compared += compare(name, json_of(content), json_by_pydicom(content))
    assert compared > 85_000


def compare(name, ours, theirs):
    compared = 0
    for tag, other in theirs.items():
        mine = ours.get(tag)
        if tag == "00080005" or (mine is None and tag in {"7FE00010", "54001010"}):
            continue  # in the JSON it is UTF-8; pixels and other bulk have no address here
        if mine is None:
            assert "InlineBinary" in other, (name, tag)
            continue
        if mine["vr"] != other["vr"]:
            assert mine["vr"] in OTHER_VRS, (name, tag)
            continue
        if mine["vr"] == "SQ":
            items, others = mine.get("Value", []), other.get("Value", [])
            assert len(items) == len(others), (name, tag)
            compared += sum(map(compare, [name] * len(items), items, others))
        else:
            assert values(mine) == values(other), (name, tag)
            if name not in BIG_ENDIAN:
                assert mine.get("InlineBinary") == other.get("InlineBinary"), (name, tag)
        compared += 1
    return compared


def values(element):
    """Give values in a form that does not depend on taste: padding, quotes, what is empty."""
    found = [plain(element["vr"], value) for value in element.get("Value", [])]
    return [] if found == [None] else found


def plain(vr, value):  # noqa: PLR0911 -- a case each
    if value in (None, ""):
        return None
    if vr == "PN":
        return {group: text for group, text in value.items() if text} or None
    if vr in {"IS", "DS", "SV", "UV"}:
        try:
            return float(value)
        except ValueError:
            return value
    if isinstance(value, float):
        return str(value) if value == value else "NaN"  # noqa: PLR0124 -- not a number
    if isinstance(value, str):
        text = value.replace("\0", "\ufffd")
        return text.rstrip() if vr in {"LT", "ST", "UT", "UR"} else text.strip()
    return value


@pytest.mark.timeout(180)
def test_what_is_written_is_read_again():
    for name, content in files().items():
        if name in REFUSED:
            continue
        written = to_json(read_data_set(*split(content)), inline_bytes_max=NO_THRESHOLD)

        again = to_json(read_json(written)[0], inline_bytes_max=NO_THRESHOLD)

        ours, theirs = json.loads(again), json.loads(written)
        ours.pop("00080005", None)
        theirs.pop("00080005", None)
        assert ours == theirs, name


@pytest.mark.timeout(180)
def test_as_xml_it_says_the_same_as_in_json():
    for name, content in files().items():
        if name in REFUSED:
            continue
        data_set = read_data_set(*split(content))
        written = json.loads(to_json(data_set, inline_bytes_max=NO_THRESHOLD))

        document = to_xml(data_set, inline_bytes_max=NO_THRESHOLD)

        again = json.loads(to_json(read_xml(document), inline_bytes_max=NO_THRESHOLD))
        for found in (again, written):
            forget_what_xml_has_not(found)
        ours, theirs = json.dumps(again), NO_XML.sub(r"\\ufffd", json.dumps(written))
        assert ours == theirs or name in TWO_BLOCKS, name


def forget_what_xml_has_not(found):
    """Character sets of items, and components of names that are empty and last."""
    found.pop("00080005", None)
    for element in found.values():
        if element["vr"] == "SQ":
            for item in element.get("Value", []):
                forget_what_xml_has_not(item)
        elif element["vr"] == "PN":
            names = [shortened(name or {}) for name in element.pop("Value", [])]
            element.update({"Value": names} if any(names) else {})


def shortened(name):
    return {group: text.rstrip("^") for group, text in name.items() if text.rstrip("^")}
