"""Which way to answer a client takes: what viewers really send, against what is stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.dicomweb.choice import Accepted, Choice, Framing
from hilum.dicomweb.choices import (
    IMAGE_TYPES,
    bulk_choices,
    instance_choices,
    metadata_choices,
    pixel_choices,
    rendered_choices,
    search_choices,
    store_choices,
)
from hilum.dicomweb.refusal import RequestRefused

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
JPEG, JPEG_LS, J2K, RLE = (
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.5",
)
NATIVE_STUDY = instance_choices(IMPLICIT, [EXPLICIT], number=3)
NATIVE_INSTANCE = instance_choices(EXPLICIT, [IMPLICIT], number=1)
JPEG_STUDY = instance_choices(JPEG, [], number=3)
DECODABLE_STUDY = instance_choices(JPEG, [EXPLICIT], number=3)
NATIVE_FRAME = pixel_choices(IMPLICIT, can_decode=True, number=1)
NATIVE_FRAMES = pixel_choices(EXPLICIT, can_decode=True, number=4)
LS_FRAME = pixel_choices(JPEG_LS, can_decode=False, number=1)
LS_DECODABLE = pixel_choices(JPEG_LS, can_decode=True, number=1)
RLE_FRAME = pixel_choices(RLE, can_decode=False, number=1)
PICTURES = rendered_choices(["image/jpeg", "image/png", "image/gif"], number=1)


def part(essence, syntax=""):
    kind = f'multipart/related; type="{essence}"'
    return f"{kind}; transfer-syntax={syntax}" if syntax else kind


@pytest.mark.parametrize(
    ("accept", "choices", "expected"),
    [
        # Instances.
        ("", NATIVE_STUDY, part("application/dicom", EXPLICIT)),
        ("*/*", NATIVE_STUDY, part("application/dicom", EXPLICIT)),
        ("*", NATIVE_STUDY, part("application/dicom", EXPLICIT)),
        ('multipart/related; type="application/dicom"', NATIVE_STUDY,
         part("application/dicom", EXPLICIT)),
        ("multipart/related; type=application/dicom", NATIVE_STUDY,
         part("application/dicom", EXPLICIT)),
        ('multipart/related; type="application/dicom"; transfer-syntax=*', NATIVE_STUDY,
         part("application/dicom", IMPLICIT)),
        ("multipart/related; type=application/dicom; transfer-syntax=*", JPEG_STUDY,
         part("application/dicom", JPEG)),
        ('multipart/related; type="application/dicom; transfer-syntax=*"', NATIVE_STUDY,
         part("application/dicom", IMPLICIT)),
        (f'multipart/related;type="application/dicom";transfer-syntax="{IMPLICIT}"', NATIVE_STUDY,
         part("application/dicom", IMPLICIT)),
        ('multipart/related; type="application/dicom"', JPEG_STUDY,
         part("application/dicom", JPEG)),
        ('multipart/related; type="application/dicom"', DECODABLE_STUDY,
         part("application/dicom", EXPLICIT)),
        ('multipart/related; type="*/*"', JPEG_STUDY, part("application/dicom", JPEG)),
        ("multipart/related", JPEG_STUDY, part("application/dicom", JPEG)),
        ("multipart/*", JPEG_STUDY, part("application/dicom", JPEG)),
        ("application/dicom", NATIVE_INSTANCE, f"application/dicom; transfer-syntax={EXPLICIT}"),
        ("application/*", NATIVE_INSTANCE, f"application/dicom; transfer-syntax={EXPLICIT}"),
        ("*/*", NATIVE_INSTANCE, part("application/dicom", EXPLICIT)),
        ("application/zip", NATIVE_STUDY, "application/zip"),
        ("text/html, application/xhtml+xml, */*;q=0.8", NATIVE_STUDY,
         part("application/dicom", EXPLICIT)),
        (f"{part('application/dicom', JPEG)}; q=0.9, {part('application/dicom', '*')}; q=0.5",
         NATIVE_STUDY, part("application/dicom", IMPLICIT)),
        # Frames.
        ("multipart/related; type=application/octet-stream; transfer-syntax=*", LS_FRAME,
         part("application/octet-stream", JPEG_LS)),
        ("multipart/related; type=application/octet-stream; transfer-syntax=*", NATIVE_FRAME,
         part("application/octet-stream", EXPLICIT)),
        ('multipart/related; type="application/octet-stream"', LS_DECODABLE,
         part("application/octet-stream", EXPLICIT)),
        ('multipart/related; type="image/jls"; transfer-syntax=' + JPEG_LS, LS_FRAME,
         part("image/jls", JPEG_LS)),
        ('multipart/related; type="image/jls"', LS_FRAME, part("image/jls", JPEG_LS)),
        ('multipart/related; type="image/*"', LS_FRAME, part("image/jls", JPEG_LS)),
        ('multipart/related; type="image/x-jls"', LS_FRAME, part("image/x-jls", JPEG_LS)),
        ('multipart/related; type="image/x-dicom-rle"', RLE_FRAME, part("image/x-dicom-rle", RLE)),
        ('multipart/related; type="*/*"', LS_DECODABLE, part("image/jls", JPEG_LS)),
        ("*/*", NATIVE_FRAMES, part("application/octet-stream", EXPLICIT)),
        ("application/octet-stream", NATIVE_FRAME,
         f"application/octet-stream; transfer-syntax={EXPLICIT}"),
        (f'{part("image/jpeg")}, {part("image/jls")};q=0.4, {part("image/*")};q=0.2', LS_DECODABLE,
         part("image/jls", JPEG_LS)),
        ('multipart/related; type="application/octet-stream", multipart/related; type="image/jls"',
         LS_DECODABLE, part("application/octet-stream", EXPLICIT)),
        ('multipart/related; type="image/jls";q=0, */*', LS_DECODABLE,
         f"image/jls; transfer-syntax={JPEG_LS}"),
        ('image/*;q=0, multipart/related; type="image/*";q=0, */*', LS_DECODABLE,
         part("application/octet-stream", EXPLICIT)),
        # Metadata and searches.
        ("", search_choices(), "application/dicom+json"),
        ("application/json", search_choices(), "application/json"),
        ("application/json, application/dicom+json", search_choices(), "application/json"),
        ("application/dicom+json; charset=utf-8", search_choices(), "application/dicom+json"),
        ("application/dicom+json; transfer-syntax=*", metadata_choices(number=1),
         "application/dicom+json"),
        ('multipart/related; type="application/dicom+xml"', search_choices(),
         part("application/dicom+xml")),
        ("application/dicom+xml", metadata_choices(number=1), "application/dicom+xml"),
        ("application/dicom+json;q=0.1, multipart/related; type=application/dicom+xml",
         search_choices(), part("application/dicom+xml")),
        ("application/xml", store_choices(), "application/xml"),
        # Pictures.
        ("image/*", PICTURES, "image/jpeg"),
        ("image/webp, image/png", PICTURES, "image/png"),
        ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", PICTURES,
         "image/jpeg"),
        ("*/*", PICTURES, "image/jpeg"),
        ('multipart/related; type="image/png"', PICTURES, part("image/png")),
        ("*/*", rendered_choices(["image/jpeg"], number=2), part("image/jpeg")),
        # Bulk data.
        ("*/*", bulk_choices(number=1), part("application/octet-stream", EXPLICIT)),
        ("application/octet-stream", bulk_choices(number=1),
         f"application/octet-stream; transfer-syntax={EXPLICIT}"),
    ],
)  # fmt: skip
def test_a_client_gets_what_it_likes_most(accept, choices, expected):
    assert str(Accepted(accept).choose(choices)) == expected


@pytest.mark.parametrize(
    ("accept", "choices"),
    [
        ("application/dicom", NATIVE_STUDY),  # one part cannot hold three instances
        (part("application/dicom", JPEG), NATIVE_STUDY),
        (part("application/dicom", EXPLICIT), JPEG_STUDY),
        ('multipart/related; type="application/octet-stream"', LS_FRAME),
        ('multipart/related; type="image/jp2"', LS_FRAME),
        ("multipart/mixed", NATIVE_STUDY),
        ("text/html", search_choices()),
        ("application/dicom+xml", search_choices()),
        ("application/dicom+json;q=0", search_choices()),
        ("*/*;q=0", search_choices()),
        ("*/*", []),
    ],
)
def test_what_cannot_be_had_is_refused_with_what_can(accept, choices):
    with pytest.raises(RequestRefused) as refused:
        Accepted(accept).choose(choices)

    assert refused.value.status == 406
    for choice in choices:
        assert str(choice) in refused.value.reason or len(refused.value.reason) == 500


def test_each_instance_of_a_study_gets_its_own_syntax():
    accepted = Accepted('multipart/related; type="application/dicom"; transfer-syntax=*')

    syntaxes = [
        accepted.choose(instance_choices(stored, [EXPLICIT], number=2)).transfer_syntax
        for stored in (JPEG, IMPLICIT)
    ]

    assert syntaxes == [JPEG, IMPLICIT]


def test_the_accept_parameter_stands_for_the_header():
    accepted = Accepted("text/html", "application/json")

    assert accepted.choose(search_choices()).essence == "application/json"


@pytest.mark.parametrize("accept", ["a", "a/b c/d", "application/dicom" + ";a=b" * 5000])
def test_an_accept_header_that_is_none_is_a_bad_request(accept):
    with pytest.raises(RequestRefused) as refused:
        Accepted(accept)

    assert refused.value.status == 400


@pytest.mark.parametrize("inner", ["x", "a/b c", "/"])
def test_an_inner_type_that_is_none_is_a_bad_request(inner):
    with pytest.raises(RequestRefused) as refused:
        Accepted(f'multipart/related; type="{inner}"')

    assert refused.value.status == 400


def test_every_image_type_can_be_asked_for_by_its_syntax():
    for syntax, essences in IMAGE_TYPES.items():
        choices = pixel_choices(syntax, can_decode=False, number=2)
        for essence in essences:
            found = Accepted(part(essence, syntax)).choose(choices)
            assert found == Choice(essence, Framing.MULTIPART, syntax)


_pieces = st.sampled_from(
    ["application/dicom", "multipart/related", "*/*", "image/*", "; type=", '"', "image/jls", ";q=",
     "0", "1", "0.5", ", ", "; transfer-syntax=", "*", EXPLICIT, "application/octet-stream", " "]
)  # fmt: skip


@given(st.lists(_pieces, max_size=12).map("".join))
def test_any_accept_header_gives_a_choice_or_a_refusal(accept):
    status, found = 0, None
    try:
        found = Accepted(accept).choose(LS_DECODABLE)
    except RequestRefused as refused:
        status = refused.status

    assert found in LS_DECODABLE or status in {400, 406}
