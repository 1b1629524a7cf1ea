import re

import pytest

from hilum.destinations.dimse.address import Address, parse_address
from hilum.kernel.errors import Misconfigured
from hilum.kernel.names import AETitle

US = AETitle("US")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PACS@10.0.0.5:104", Address("10.0.0.5", 104, AETitle("PACS"), US)),
        ("10.0.0.5:104", Address("10.0.0.5", 104, AETitle("ANY-SCP"), US)),
        ("MY PACS@pacs.local:11112", Address("pacs.local", 11112, AETitle("MY PACS"), US)),
        ("A@B@host:1", Address("host", 1, AETitle("A@B"), US)),
        ("PACS@[fe80::1]:104", Address("fe80::1", 104, AETitle("PACS"), US)),
    ],
)
def test_an_address_is_title_host_and_port(text, expected):
    assert parse_address(text, calling=US) == expected


def test_a_title_given_apart_is_used():
    address = parse_address("host:104", calling=US, called=AETitle("PACS"))

    assert address.called == "PACS"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("PACS@host", "AET@host:port"),
        ("PACS@:104", "AET@host:port"),
        ("host:0", "port 0 is not between"),
        ("host:65536", "port 65536 is not between"),
        ("fe80::1:104", "AET@host:port"),
        ("@host:104", "must not be empty"),
        ("ARCHIVE_SERVER_01@host:104", "17 characters"),
        ("", "AET@host:port"),
    ],
)
def test_what_is_no_address_is_named_with_what_was_expected(text, said):
    with pytest.raises(Misconfigured, match=re.escape(said)):
        parse_address(text, calling=US)


def test_two_different_titles_are_refused():
    with pytest.raises(Misconfigured, match="name one"):
        parse_address("PACS@host:104", calling=US, called=AETitle("OTHER"))


def test_an_address_names_the_peer_and_its_place():
    assert str(Address("::1", 104, AETitle("PACS"), US)) == "PACS ([::1]:104)"
