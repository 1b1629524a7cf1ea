"""Addresses that we emit, whoever stands between us and the client; and warnings in headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.dicomweb.addresses import bulk_uri, url_of
from hilum.dicomweb.base_url import BaseUrl, base_url, behind_proxy
from hilum.dicomweb.resource import Place
from hilum.dicomweb.search_warning import warning_headers

OURS = BaseUrl("http", "127.0.0.1:8080", "/dicom-web")
INSTANCE = Place("1.2", "1.3", "1.4")


@pytest.mark.parametrize(
    ("scheme", "host", "prefix", "expected"),
    [
        ("http", "pacs.example.com:8080", "/dicom-web", "http://pacs.example.com:8080/dicom-web"),
        ("https", "pacs.example.com:443", "/dicom-web/", "https://pacs.example.com/dicom-web"),
        ("http", "pacs.example.com:80", "", "http://pacs.example.com"),
        ("http", "[::1]:81", "/", "http://[::1]:81"),
        ("ftp", "a b", "/x/../y", "http://own.example.com"),
        ("http", "evil/@x", "", "http://own.example.com"),
        ("http", "", "", "http://own.example.com"),
    ],
)
def test_the_address_is_that_which_the_client_used(scheme, host, prefix, expected):
    assert str(base_url(scheme, host, prefix, otherwise="own.example.com")) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], "http://127.0.0.1:8080/dicom-web"),
        ([("Forwarded", "for=1.2.3.4;proto=https;host=pacs.example.org")],
         "https://pacs.example.org/dicom-web"),
        (
            [("Forwarded", 'proto="https"; host="pacs.example.org:444", proto=http;host=inner')],
            "https://pacs.example.org:444/dicom-web",
        ),
        (
            [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "pacs.example.org, inner")],
            "https://pacs.example.org/dicom-web",
        ),
        (
            [("x-forwarded-host", "pacs.example.org"), ("x-forwarded-port", "8443")],
            "http://pacs.example.org:8443/dicom-web",
        ),
        (
            [("X-Forwarded-Prefix", "/hospital/"), ("X-Forwarded-Host", "pacs.example.org")],
            "http://pacs.example.org/hospital/dicom-web",
        ),
        (
            [("X-Forwarded-Host", "old"), ("Forwarded", "host=b.example.com"),
             ("X-Forwarded-Port", "1")],
            "http://b.example.com/dicom-web",
        ),
        ([("X-Forwarded-Host", "a/b"), ("X-Forwarded-Proto", "gopher")],
         "http://127.0.0.1:8080/dicom-web"),
        ([("X-Forwarded-Port", "99999"), ("X-Forwarded-Prefix", "//evil")],
         "http://127.0.0.1:8080/dicom-web"),
    ],
)  # fmt: skip
def test_what_a_proxy_says_comes_into_every_address(headers, expected):
    assert str(behind_proxy(OURS, headers)) == expected


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto",
                             "X-Forwarded-Port", "X-Forwarded-Prefix"]),
            st.text('abc=;,:/."\\@ \r\n<>01', max_size=20),
        ),
        max_size=4,
    )
)  # fmt: skip
def test_no_header_puts_anything_but_an_address_into_ours(headers):
    address = str(behind_proxy(OURS, headers))

    assert not set(address) & set(' \r\n<>"\\')
    assert address.partition(":")[0] in {"http", "https"}
    assert address.endswith("/dicom-web")


def test_a_retrieve_url_names_its_place():
    assert url_of(OURS, Place("1.2", "1.3")) == f"{OURS}/studies/1.2/series/1.3"


_paths = st.lists(st.integers(0, 9_999_999), max_size=4).flatmap(
    lambda items: st.tuples(
        *[part for item in items for part in (st.integers(0, 0xFFFFFFFF), st.just(item))],
        st.integers(0, 0xFFFFFFFF),
    )
)


def test_a_warning_cannot_begin_another_header_and_there_are_not_many():
    headers = warning_headers("s", ["a\r\nSet-Cookie: b\u00e9"] * 30)

    assert headers[0] == "299 s: a??Set-Cookie: b?"
    assert headers[-1] == "299 s: There are 20 more warnings"
    assert len(headers) == 11


def test_the_address_of_a_value_is_below_its_instance():
    path = (0x00880200, 0, 0x7FE00010)

    assert bulk_uri(OURS, INSTANCE, path) == (
        f"{OURS}/studies/1.2/series/1.3/instances/1.4/bulkdata/00880200/0/7FE00010"
    )


def test_warnings_are_told_as_the_standard_has_them():
    assert warning_headers("http://a.example.com", ["one thing", "another"]) == [
        "299 http://a.example.com: one thing",
        "299 http://a.example.com: another",
    ]
