"""Meta information that is compared with that of the file before says what it would say if read."""

from io import BytesIO

import pytest

from hilum.dicom import metas as module
from hilum.dicom.metas import Metas
from hilum.dicom.part10 import file_meta, read_file_meta
from hilum.kernel.errors import CorruptPayload

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"


def head(instance, *, sop_class=CT, syntax=EXPLICIT, behind=b"\x08\0\x16\0UI", **more):
    meta = file_meta(
        sop_class_uid=sop_class, sop_instance_uid=instance, transfer_syntax_uid=syntax, **more
    )
    return meta + behind


FIRST = head("1.2.3.41")


def test_what_differs_in_the_instance_alone_is_not_read(monkeypatch):
    metas = Metas()
    metas.read(FIRST)
    monkeypatch.setattr(module, "read_file_meta", None)

    assert metas.read(head("1.2.3.42")) == read_file_meta(BytesIO(head("1.2.3.42")))


@pytest.mark.parametrize(
    "other",
    [
        head("1.2.3.4"),  # as long, with its padding
        head("1.2.3.4567"),
        head("1.2.3.42", sop_class=MR),
        head("1.2.3.42", syntax=IMPLICIT),
        head("1.2.3.42", sending_ae_title="CT1"),
        head("1.2.3.42", behind=b"\x02\0\x00\1UI\x04\x001.2\0\x08\0"),  # the group goes on
        head("1.2.3.42")[128:],  # without a prefix
        head("1.2.3.42")[132:],
        b"\1" * 128 + head("1.2.3.42")[128:],
        head(""),
    ],
)
def test_whatever_comes_is_read_as_if_nothing_had_come_before(other):
    metas = Metas()
    metas.read(FIRST)

    assert [metas.read(one) for one in (other, FIRST, other)] == [
        read_file_meta(BytesIO(one)) for one in (other, FIRST, other)
    ]


def test_what_a_preamble_says_is_not_compared():
    def lying(instance):
        said = b"\x02\0\x03\0UI\x08\0" + instance.encode()
        return said.ljust(128, b"\0") + head("1.2.3.41")[128:]

    metas = Metas()
    metas.read(lying("1.2.3.41"))

    assert metas.read(lying("1.2.3.42")).sop_instance_uid == "1.2.3.41"


@pytest.mark.parametrize("size", range(130, len(FIRST), 17))
def test_what_is_cut_is_refused_as_ever(size):
    metas = Metas()
    metas.read(FIRST)

    def outcome(read):
        try:
            return read()
        except CorruptPayload as error:
            return str(error)

    cut = FIRST[:size]
    assert outcome(lambda: metas.read(cut)) == outcome(lambda: read_file_meta(BytesIO(cut)))
