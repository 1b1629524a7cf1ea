"""How pictures are wanted, and WADO-URI."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.dicomweb.choices import instance_choices, rendered_choices, single_part
from hilum.dicomweb.percent import query_pairs
from hilum.dicomweb.refusal import RequestRefused
from hilum.dicomweb.rendering import (
    Annotation,
    ColorProfile,
    Rendering,
    Viewport,
    VoiFunction,
    Window,
    rendering_of,
    thumbnail_of,
)
from hilum.dicomweb.resource import Place
from hilum.dicomweb.wado_uri import Region, wado_uri_of

JPEG = "1.2.840.10008.1.2.4.70"
WADO = "requestType=WADO&studyUID=1.2&seriesUID=1.3&objectUID=1.4"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", Rendering()),
        ("quality=1", Rendering(quality=1)),
        ("window=40,400.5,linear", Rendering(window=Window(40, 400.5))),
        ("window=-1e2,.5,SIGMOID", Rendering(window=Window(-100, 0.5, VoiFunction.SIGMOID))),
        ("viewport=512,256", Rendering(viewport=Viewport(512, 256))),
        ("viewport=512,256,,,-10,20.5", Rendering(viewport=Viewport(
            512, 256, None, None, 10, 20.5, flips_horizontally=True))),
        ("viewport=9,9,1,2", Rendering(viewport=Viewport(9, 9, 1, 2))),
        ("annotation=patient,technique", Rendering(annotations=frozenset(Annotation))),
        ("iccprofile=srgb", Rendering(color_profile=ColorProfile.SRGB)),
        ("accept=image/png&x=1", Rendering()),
    ],
)  # fmt: skip
def test_a_picture_is_wanted_so(query, expected):
    assert rendering_of(query_pairs(query.encode())) == expected


@pytest.mark.parametrize(
    "query",
    ["quality=0", "quality=101", "quality=x", "quality=1.5", "quality=1&quality=2", "window=40,400",
     "window=40,400,cubic", "window=,400,linear", "window=40,0,linear", "window=40,0.5,linear",
     "window=nan,1,linear", "window=1,inf,linear", "window=1,2,linear,3", "window=1_0,5,linear",
     "viewport=512", "viewport=0,5", "viewport=20000,5", "viewport=-5,5", "viewport=5,5,1,1,0,1",
     "viewport=5,5,-1", "viewport=1,2,3,4,5,6,7", "annotation=all", "iccprofile=cmyk"],
)  # fmt: skip
def test_a_parameter_without_meaning_is_a_bad_request(query):
    with pytest.raises(RequestRefused) as refused:
        rendering_of(query_pairs(query.encode()))

    assert refused.value.status == 400
    assert refused.value.reason.startswith(query.partition("=")[0])


def test_a_thumbnail_has_a_size_only():
    assert thumbnail_of((("viewport", "64,64"),)).viewport == Viewport(64, 64)
    with pytest.raises(RequestRefused):
        thumbnail_of((("viewport", "64,64,1"),))


def wado(more="", accept=""):
    return wado_uri_of(query_pairs(f"{WADO}{more}".encode()), accept)


def test_a_wado_uri_names_an_instance_and_a_picture_of_it():
    found = wado(
        "&frameNumber=3&rows=100&columns=50&windowCenter=40&windowWidth=400&imageQuality=70"
        "&region=0,0,0.5,1&imageAnnotation=patient&charset=utf-8"
    )

    assert (found.place, found.frame) == (Place("1.2", "1.3", "1.4"), 3)
    assert found.rendering == Rendering(
        window=Window(40, 400),
        viewport=Viewport(50, 100),
        quality=70,
        annotations=frozenset([Annotation.PATIENT]),
    )
    assert found.region == Region(0, 0, 0.5, 1)
    assert not found.is_anonymized


@pytest.mark.parametrize(
    ("more", "accept", "expected"),
    [
        ("", "", "image/jpeg"),
        ("", "image/png", "image/png"),
        ("&contentType=image/png,image/gif", "image/gif", "image/png"),
        ("&contentType=application%2Fdicom", "*/*", "application/dicom; transfer-syntax=" + JPEG),
        ("&contentType=application/dicom&transferSyntax=" + JPEG, "",
         "application/dicom; transfer-syntax=" + JPEG),
    ],
)  # fmt: skip
def test_a_wado_uri_is_answered_with_its_content_type(more, accept, expected):
    pictures = rendered_choices(["image/jpeg", "image/png", "image/gif"], number=1)
    choices = [*pictures, *single_part(instance_choices(JPEG, [], number=1))]

    assert str(wado(more, accept).accepted.choose(choices)) == expected


@pytest.mark.parametrize(
    "query",
    ["", "requestType=WFS", "requestType=WADO&studyUID=1.2&seriesUID=1.3",
     "requestType=WADO&studyUID=a&seriesUID=1.3&objectUID=1.4", f"{WADO}&frameNumber=0",
     f"{WADO}&frameNumber=1,2", f"{WADO}&rows=x", f"{WADO}&windowCenter=1",
     f"{WADO}&region=0,0,2,1",
     f"{WADO}&region=0,0,1", f"{WADO}&transferSyntax=jpeg", f"{WADO}&anonymize=maybe",
     f"{WADO}&objectUID=1.5"],
)  # fmt: skip
def test_a_wado_uri_without_meaning_is_a_bad_request(query):
    with pytest.raises(RequestRefused) as refused:
        wado_uri_of(query_pairs(query.encode()), "")

    assert refused.value.status == 400


_names = st.sampled_from(["window", "viewport", "quality", "annotation", "iccprofile"])


@given(st.lists(st.tuples(_names, st.text("0123456789,.-+eEx", max_size=30)), max_size=5))
def test_any_parameters_are_a_rendering_or_a_refusal(pairs):
    status = 200
    try:
        rendering_of(tuple(pairs))
    except RequestRefused as refused:
        status = refused.status

    assert status in {200, 400}
