"""The quick look for both UIDs finds what reading finds, or leaves it to that."""

from struct import pack

import pytest

from hilum.dicom.opening import _met, _quickly_met
from hilum.testing.datasets import instance

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
CT = b"1.2.840.10008.5.1.4.1.1.2\0"


def element(number, vr, value, length=None):
    return pack("<HH2sH", 8, number, vr, len(value) if length is None else length) + value


CHARSET = element(0x05, b"CS", b"ISO_IR 100")
CLASS = element(0x16, b"UI", CT)
UID = element(0x18, b"UI", b"1.2.3.45")


def test_it_finds_what_reading_finds():
    generated = instance(seed=1)
    front = generated.data_set[:2048]

    found = _quickly_met(front, generated.transfer_syntax_uid)

    assert found == _met(front, generated.transfer_syntax_uid)
    assert found == (generated.sop_class_uid, generated.sop_instance_uid)


def test_padding_is_no_part_of_a_uid():
    front = CHARSET + CLASS + UID

    assert _quickly_met(front, EXPLICIT) == ("1.2.840.10008.5.1.4.1.1.2", "1.2.3.45")


@pytest.mark.parametrize(
    "front",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(CHARSET + CLASS, id="no instance"),
        pytest.param(CHARSET + UID, id="no class"),
        pytest.param(CLASS + UID[:-1], id="cut in the UID"),
        pytest.param(CLASS + element(0x18, b"UN", b"1.2.3.45"), id="a VR of a careless writer"),
        pytest.param(CLASS + element(0x18, b"UI", b"1.2\\3.45"), id="two UIDs"),
        pytest.param(CLASS + element(0x18, b"UI", b""), id="empty"),
        pytest.param(element(0x05, b"OB", b"\0\0\0\0") + CLASS + UID, id="a long header first"),
        pytest.param(CLASS[8:] + UID, id="nonsense"),
    ],
)
def test_what_is_not_as_usual_is_left_to_reading(front):
    assert _quickly_met(front, EXPLICIT) is None


def test_other_encodings_are_left_to_reading():
    assert _quickly_met(CHARSET + CLASS + UID, IMPLICIT) is None
