import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.dicomweb.percent import PATH_BYTES_MAX, encoded, once, path_segments, query_pairs
from hilum.dicomweb.refusal import PROBLEM_TYPE, RequestRefused
from hilum.dicomweb.request_path import FRAMES_MAX, frame_numbers, resource_of
from hilum.dicomweb.resource import (
    Allowed,
    Capabilities,
    Delete,
    Entity,
    Place,
    RetrieveAllBulk,
    RetrieveBulk,
    RetrieveFrames,
    RetrieveInstances,
    RetrieveMetadata,
    RetrievePixels,
    RetrieveRendered,
    RetrieveThumbnail,
    Search,
    Store,
)

STUDY, SERIES, INSTANCE = Place("1.2"), Place("1.2", "1.3"), Place("1.2", "1.3", "1.4")
AT_STUDY = "/studies/1.2"
AT_SERIES = f"{AT_STUDY}/series/1.3"
AT_INSTANCE = f"{AT_SERIES}/instances/1.4"


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/studies", Search(Entity.STUDY, Place())),
        ("HEAD", "/studies/", Search(Entity.STUDY, Place())),
        ("GET", "/series", Search(Entity.SERIES, Place())),
        ("GET", "/instances", Search(Entity.INSTANCE, Place())),
        ("GET", "/patients", Search(Entity.PATIENT, Place())),
        ("GET", f"{AT_STUDY}/series", Search(Entity.SERIES, STUDY)),
        ("GET", f"{AT_STUDY}/instances", Search(Entity.INSTANCE, STUDY)),
        ("GET", f"{AT_SERIES}/instances", Search(Entity.INSTANCE, SERIES)),
        ("GET", "/series/1.3/instances", Search(Entity.INSTANCE, Place("", "1.3"))),
        ("GET", AT_STUDY, RetrieveInstances(STUDY)),
        ("GET", AT_SERIES, RetrieveInstances(SERIES)),
        ("GET", AT_INSTANCE, RetrieveInstances(INSTANCE)),
        ("get", "/studies/1%2e2", RetrieveInstances(STUDY)),
        ("GET", "/series/1.3", RetrieveInstances(Place("", "1.3"))),
        ("GET", "/instances/1.4", RetrieveInstances(Place("", "", "1.4"))),
        ("GET", "/studies/1.2/instances/1.4", RetrieveInstances(Place("1.2", "", "1.4"))),
        ("GET", "/instances/1.4/metadata", RetrieveMetadata(Place("", "", "1.4"))),
        ("GET", "/instances/1.4/frames/2", RetrieveFrames(Place("", "", "1.4"), (2,))),
        ("GET", f"{AT_STUDY}/metadata", RetrieveMetadata(STUDY)),
        ("GET", f"{AT_SERIES}/metadata", RetrieveMetadata(SERIES)),
        ("GET", f"{AT_STUDY}/rendered", RetrieveRendered(STUDY)),
        ("GET", f"{AT_SERIES}/thumbnail", RetrieveThumbnail(SERIES)),
        ("GET", f"{AT_STUDY}/bulkdata", RetrieveAllBulk(STUDY)),
        ("GET", f"{AT_INSTANCE}/pixeldata", RetrievePixels(INSTANCE)),
        ("GET", f"{AT_INSTANCE}/frames/1,3", RetrieveFrames(INSTANCE, (1, 3))),
        ("GET", f"{AT_INSTANCE}/frames/3%2C1", RetrieveFrames(INSTANCE, (3, 1))),
        ("GET", f"{AT_INSTANCE}/frames/1/rendered", RetrieveRendered(INSTANCE, (1,))),
        ("GET", f"{AT_INSTANCE}/frames/7/thumbnail", RetrieveThumbnail(INSTANCE, (7,))),
        ("GET", f"{AT_INSTANCE}/bulkdata/7FE00010", RetrieveBulk(INSTANCE, (0x7FE00010,))),
        (
            "GET",
            f"{AT_INSTANCE}/bulkdata/00880200/0/7fe00010",
            RetrieveBulk(INSTANCE, (0x00880200, 0, 0x7FE00010)),
        ),
        ("POST", "/studies", Store("")),
        ("POST", AT_STUDY, Store("1.2")),
        ("DELETE", AT_STUDY, Delete(STUDY)),
        ("DELETE", AT_INSTANCE, Delete(INSTANCE)),
        ("OPTIONS", "/", Capabilities()),
        ("GET", "", Capabilities()),
        ("OPTIONS", "/studies", Allowed(("GET", "HEAD", "OPTIONS", "POST"))),
        ("OPTIONS", AT_STUDY, Allowed(("GET", "HEAD", "OPTIONS", "DELETE", "POST"))),
    ],
)
def test_a_path_says_what_is_asked_for(method, path, expected):
    assert resource_of(method, path.encode()) == expected


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/study", 404),
        ("GET", "/STUDIES", 404),
        ("GET", f"{AT_STUDY}/frames/1", 404),
        ("GET", f"{AT_STUDY}/unknown", 404),
        ("GET", f"{AT_INSTANCE}/unknown/1", 404),
        ("GET", f"{AT_INSTANCE}/frames", 404),
        ("GET", f"{AT_INSTANCE}/bulkdata/pixels", 404),
        ("GET", f"{AT_INSTANCE}/bulkdata/7FE00010/0", 404),
        ("GET", f"{AT_STUDY}/studies/1.2", 404),
        ("GET", "/series/1.2/studies/1.3", 404),
        ("GET", "/patients/1", 404),
        ("GET", "/studies/..", 400),
        ("GET", "/studies/1.2%2F1.3", 400),
        ("GET", "/studies/DOE^JOHN", 400),
        ("GET", f"/studies/{'1' * 65}", 400),
        ("GET", "/studies//series", 400),
        ("GET", "/studies/%ff", 400),
        ("GET", "/studies/1%00", 400),
        ("GET", f"{AT_INSTANCE}/frames/0", 400),
        ("GET", f"{AT_INSTANCE}/frames/1,", 400),
        ("GET", f"{AT_INSTANCE}/frames/-1", 400),
        ("GET", f"{AT_INSTANCE}/frames/\u0661", 400),
        ("GET", f"{AT_INSTANCE}/frames/9999999999", 400),
        ("GET", "/studies/" + "1/" * PATH_BYTES_MAX, 414),
        ("POST", "/series", 405),
        ("PUT", AT_STUDY, 405),
        ("DELETE", "/studies", 405),
        ("DELETE", f"{AT_STUDY}/metadata", 405),
        ("POST", f"{AT_SERIES}", 405),
        ("BREW", "/", 405),
    ],
)
def test_what_is_not_there_is_refused_with_its_status(method, path, status):
    with pytest.raises(RequestRefused) as refused:
        resource_of(method, path.encode())

    assert refused.value.status == status
    assert "DOE" not in refused.value.reason


def test_a_method_that_is_not_taken_is_answered_with_those_that_are():
    with pytest.raises(RequestRefused) as refused:
        resource_of("PUT", b"/studies")

    assert refused.value.headers == {"Allow": "GET, HEAD, OPTIONS, POST"}


def test_a_refusal_says_in_its_body_what_was_wrong():
    assert PROBLEM_TYPE == "application/problem+json"
    assert RequestRefused(406, 'nothing "here"').body == (
        b'{"title": "Not Acceptable", "status": 406, "detail": "nothing \\"here\\""}'
    )


def test_too_many_frames_are_refused():
    with pytest.raises(RequestRefused, match="frames at once"):
        frame_numbers("1," * FRAMES_MAX + "1")


_segments = st.sampled_from(
    ["studies", "series", "instances", "1.2", "metadata", "frames", "1,2", "rendered", "bulkdata",
     "7FE00010", "0", "..", "%2e%2e", "%2F", "%", "%zz", "", "patients", "thumbnail", "\u00e9"]
)  # fmt: skip


@given(st.sampled_from(["GET", "POST", "DELETE", "OPTIONS", "X"]), st.lists(_segments, max_size=9))
def test_any_path_is_a_resource_or_a_refusal(method, segments):
    status = 200
    try:
        resource_of(method, "/".join(segments).encode())
    except RequestRefused as refused:
        status = refused.status

    assert status in {200, 400, 404, 405, 414}


@given(st.binary(max_size=300))
def test_any_bytes_are_segments_and_pairs_or_a_refusal(raw):
    for read in (path_segments, query_pairs):
        with suppress(RequestRefused):
            assert isinstance(read(raw), tuple)


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        (b"", ()),
        (b"a=b&c", (("a", "b"), ("c", ""))),
        (b"PatientName=M%C3%BCller%5EEva&x=1+2", (("PatientName", "Müller^Eva"), ("x", "1 2"))),
        (b"a=%2B0100&&b==", (("a", "+0100"), ("b", "="))),
        (b"a=50%&b=%4", (("a", "50%"), ("b", "%4"))),
        (b"a=%2525", (("a", "%25"),)),  # decoded once
    ],
)
def test_a_query_is_decoded(query, pairs):
    assert query_pairs(query) == pairs


@pytest.mark.parametrize(
    ("query", "status"), [(b"a=%ff", 400), (b"a=1&" * 600, 400), (b"a" * 100_000, 414)]
)
def test_a_query_beyond_the_limits_is_refused(query, status):
    with pytest.raises(RequestRefused) as refused:
        query_pairs(query)

    assert refused.value.status == status


def test_a_parameter_that_is_there_twice_has_no_meaning():
    with pytest.raises(RequestRefused):
        once((("quality", "1"), ("Quality", "2")), "quality")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40))
def test_what_is_encoded_is_decoded(text):
    assert set(encoded(text)) <= set(string.ascii_letters + string.digits + "-._~%")
    assert query_pairs(f"a={encoded(text)}".encode()) == (("a", text),)
