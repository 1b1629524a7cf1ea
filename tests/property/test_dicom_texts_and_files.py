"""Character sets, headers and file meta information take anything and say something definite."""

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.dicom import tags
from hilum.dicom.charsets import charset_of, decode
from hilum.dicom.facts import facts_of
from hilum.dicom.header import Header
from hilum.dicom.part10 import file_meta, read_file_meta, sniff
from hilum.kernel.errors import CorruptPayload

TERMS = st.one_of(
    st.binary(max_size=20),
    st.lists(
        st.sampled_from(
            [b"", b"ISO_IR 100", b"ISO 2022 IR 87", b"ISO 2022 IR 13", b"ISO_IR 192", b"GB18030"]
        ),
        max_size=3,
    ).map(b"\\".join),
)
TEXTS = st.lists(
    st.one_of(
        st.binary(max_size=8),
        st.sampled_from([b"\x1b", b"\x1b$B", b"\x1b$)C", b"\x1b(J", b"\x1b-F", b"^", b"=", b"\0"]),
    ),
    max_size=8,
).map(b"".join)
TITLES = st.text("ABCabc019_- .", max_size=16).map(str.strip)
UIDS = st.lists(st.integers(0, 10**9), min_size=1, max_size=5).map(lambda n: ".".join(map(str, n)))


@given(term=TERMS, text=TEXTS)
@settings(max_examples=200, deadline=None)
def test_any_bytes_can_be_decoded_and_stored(term, text):
    decoded = decode(text, charset_of(term))

    decoded.encode("utf-8")  # no lone surrogates: a database would refuse them
    assert "\x1b" not in decoded


@given(values=st.dictionaries(st.sampled_from(sorted(tags.CATALOGUE_TAGS)), TEXTS))
@settings(max_examples=150, deadline=None)
def test_facts_can_be_made_of_any_values(values):
    facts = facts_of(Header(values, {}, little_endian=True))

    for name in facts.__slots__:
        value = getattr(facts, name)
        assert value is None or isinstance(value, int) or "\0" not in value


@given(
    uids=st.tuples(UIDS, UIDS, UIDS, UIDS),
    titles=st.tuples(TITLES, TITLES, TITLES),
    private=st.binary(max_size=40),
    rest=st.binary(max_size=20).filter(lambda rest: not rest.startswith(b"\2\0")),
)
@settings(max_examples=150, deadline=None)
def test_file_meta_information_survives_a_round_trip(uids, titles, private, rest):
    data = file_meta(
        sop_class_uid=uids[0],
        sop_instance_uid=uids[1],
        transfer_syntax_uid=uids[2],
        source_ae_title=titles[0],
        sending_ae_title=titles[1],
        receiving_ae_title=titles[2],
        private_creator_uid=uids[3],
        private_information=private,
    )

    meta = read_file_meta(io.BytesIO(data + rest))

    assert (meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid) == uids[:3]
    assert (meta.source_ae_title, meta.sending_ae_title, meta.receiving_ae_title) == titles
    assert meta.private_creator_uid == uids[3]
    assert meta.private_information == private + b"\0" * (len(private) & 1)
    assert meta.data_set_offset == len(data)
    assert meta.tolerated == ()
    assert len(data) % 2 == 0


@given(
    place=st.integers(0, 400),
    size=st.integers(0, 8),
    change=st.binary(max_size=8),
    length=st.integers(0, 400),
)
@settings(max_examples=300, deadline=None)
def test_bent_files_are_read_or_refused(place, size, change, length):
    data = bytearray(file_meta(sop_class_uid="1.2", sop_instance_uid="1", transfer_syntax_uid="1"))
    data[place : place + size] = change
    bent = bytes(data[:length])

    sniff(bent[:132])
    try:
        meta = read_file_meta(io.BytesIO(bent))
    except CorruptPayload:
        return
    assert 0 <= meta.data_set_offset <= len(bent)
