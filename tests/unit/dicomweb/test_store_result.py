import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.dicomweb.native_xml import attributes_of_xml
from hilum.dicomweb.store_result import (
    FailedInstance,
    StoredInstance,
    StoreResult,
    read_store_result,
    store_result_json,
)
from hilum.kernel.errors import RemoteProtocolError

JSON = "application/dicom+json"
XML = "application/dicom+xml"

NATIVE = """<?xml version="1.0" encoding="UTF-8"?>
<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">
 <DicomAttribute tag="00081190" vr="UR"><Value number="1">https://pacs.example.org/s</Value></DicomAttribute>
 <DicomAttribute tag="00081198" vr="SQ" keyword="FailedSOPSequence"><Item number="1">
  <DicomAttribute tag="00081150" vr="UI"><Value number="1">1.2.3</Value></DicomAttribute>
  <DicomAttribute tag="00081155" vr="UI"><Value number="1">1.5</Value></DicomAttribute>
  <DicomAttribute tag="00081197" vr="US"><Value number="1">43264</Value></DicomAttribute>
 </Item></DicomAttribute>
 <DicomAttribute tag="00081199" vr="SQ" keyword="ReferencedSOPSequence">
  <Item number="1">
   <DicomAttribute tag="00081155" vr="UI"><Value number="1"> 1.6 </Value></DicomAttribute>
   <DicomAttribute tag="00081196" vr="US"><Value number="1">45056</Value></DicomAttribute>
  </Item>
  <Item number="2">
   <DicomAttribute tag="00081155" vr="UI"><Value number="1">1.7</Value></DicomAttribute>
  </Item>
 </DicomAttribute>
 <DicomAttribute tag="0008119a" vr="SQ"><Item number="1">
  <DicomAttribute tag="00081197" vr="US"><Value number="1">49152</Value></DicomAttribute>
 </Item></DicomAttribute>
</NativeDicomModel>"""

uids = st.text("0123456789.", min_size=1, max_size=20)
reasons = st.integers(1, 0xFFFF)
results = st.builds(
    StoreResult,
    st.dictionaries(
        uids, st.builds(StoredInstance, uids, st.none() | reasons, st.just("http://127.0.0.1/"))
    ),
    st.dictionaries(uids, st.builds(FailedInstance, uids, reasons)),
    st.lists(reasons, max_size=3).map(tuple),
).filter(lambda result: not result.stored.keys() & result.failed.keys())


@given(results)
def test_what_is_written_is_read(result):
    assert read_store_result(store_result_json(result), JSON) == result


def test_xml_says_the_same_as_json():
    assert read_store_result(NATIVE.encode(), XML) == StoreResult(
        {"1.6": StoredInstance("", 45056), "1.7": StoredInstance()},
        {"1.5": FailedInstance("1.2.3", 43264)},
        (49152,),
        "https://pacs.example.org/s",
    )


@pytest.mark.parametrize(
    "body",
    [
        '[{"00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.6"]}}]}}]',
        '\ufeff{"00081199":{"Value":[{"00081155":{"Value":["1.6 ", null]}}]}}',
        '{"00081199":{"Value":[{"00081155":{"Value":["1.6"]},"00081196":{"Value":["0"]}},null,7]}}',
    ],
)
def test_careless_json_is_read(body):
    assert read_store_result(body.encode(), "application/json").stored == {"1.6": StoredInstance()}


def test_a_wrong_type_is_tolerated_when_the_body_is_right():
    body = b'{"00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.6"]}}]}}'

    assert read_store_result(body, "text/plain").stored
    assert read_store_result(NATIVE.encode(), "").stored


def test_failure_wins_where_an_instance_is_in_both_tables():
    item = {"00081155": {"vr": "UI", "Value": ["1.6"]}}
    table = {"vr": "SQ", "Value": [item]}

    result = read_store_result(json.dumps({"00081198": table, "00081199": table}).encode(), JSON)

    assert not result.stored
    assert result.failed == {"1.6": FailedInstance()}


def test_a_failed_instance_without_a_name_is_a_failure_of_somebody():
    body = b'{"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":["0x0110"]}}]}}'

    assert read_store_result(body, JSON).other_failures == (272,)


@pytest.mark.parametrize(
    ("body", "essence"),
    [
        (b"", JSON),
        (b"", ""),
        (b"stored, thank you", "text/plain"),
        (b"<html><body>Welcome</body></html>", "text/html"),
        (b"<html><body>Welcome</body></html>", XML),
        (b"{", JSON),
        (b"7", JSON),
        (b"[]", JSON),
        (b"[{}, {}]", JSON),
        (b"\xff\xfe", JSON),
        (b'{"00081199": ' + b"[" * 100_000, JSON),
        (b'{"00081199": {"Value": [' * 30 + b"]}}" * 30, JSON),
        (b"<NativeDicomModel>", XML),
        (b"<a/>", XML),
        (b"<NativeDicomModel>" + b"<Item>" * 5000, XML),
    ],
)
def test_what_is_no_answer_is_refused(body, essence):
    with pytest.raises(RemoteProtocolError):
        read_store_result(body, essence)


BOMBS = {
    "billion laughs": '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><NativeDicomModel>&b;',
    "a file": '<!DOCTYPE x [<!ENTITY a SYSTEM "/etc/passwd">]><NativeDicomModel>&a;',
    "a document type alone": "<!DOCTYPE NativeDicomModel><NativeDicomModel/>",
    "a parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "x"> %p;]><NativeDicomModel/>',
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_xml_that_declares_anything_is_refused(body):
    with pytest.raises(RemoteProtocolError, match="document type"):
        attributes_of_xml(body.encode())


@given(
    st.lists(
        st.sampled_from(
            [
                "<NativeDicomModel>",
                "</NativeDicomModel>",
                "<Item>",
                "</Item>",
                '<DicomAttribute tag="00081199">',
                "</DicomAttribute>",
                "<Value>",
                "</Value>",
                "x",
                "&lt;",
            ]
        )
    )
)
def test_well_formed_nonsense_in_xml_is_read_or_refused(pieces):
    try:
        read_store_result("".join(pieces).encode(), XML)
    except RemoteProtocolError:
        return


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["00081199", "00081198", "00081155", "00081197", "Value", "vr"]), inner
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_well_formed_nonsense_in_json_is_read_or_refused(value):
    try:
        read_store_result(json.dumps(value).encode(), JSON)
    except RemoteProtocolError:
        return
