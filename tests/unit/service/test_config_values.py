"""The kinds of value a setting can have: what may be written, and what it comes to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.kernel.setting_types import address, byte_count, host_name
from hilum.service.config_options import size_text


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("65536", 65536),
        ("64 KiB", 65536),
        ("64kib", 65536),
        (" 1 GB ", 10**9),
        ("1.5 MB", 1_500_000),
        ("12 B", 12),
        ("2 TiB", 2 * 1024**4),
    ],
)
def test_a_size_may_have_a_unit(text, count):
    assert byte_count(text) == count


@pytest.mark.parametrize(
    "text", ["", "GB", "-1", "1 G", "1e9", "1 KB 2", "0x10", "1,5 MB", "9" * 21, "1 ZiB"]
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="is not a size"):
        byte_count(text)


@given(st.integers(0, 2**60))
def test_a_size_that_is_written_is_read_again(count):
    text = size_text(count)

    assert byte_count(text.removesuffix(" bytes")) == count


@pytest.mark.parametrize(
    "text",
    [
        "10.1.2.3",
        "10.1.2.0/24",
        "0.0.0.0/0",
        "::1",
        "fd00::/8",
        "ct1",
        "ct-1.radiology.example",
        "CT_ROOM_4",
        "ct1.example.",
        "4ct",
    ],
)
def test_an_address_is_an_ip_a_network_or_a_name(text):
    assert address(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "10.1.2",
        "10.1.2.300",
        "10.1.2.*",
        "10.1.2.3:104",
        "10.1.2.3/24",
        "10.1.2.0/33",
        "fd00::/129",
        "ct 1",
        "-ct1",
        "ct1-",
        "ct1..example",
        "a" * 64,
        ".".join(["a" * 60] * 5),
        "http://ct1",
        "ct1\n",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match=r"\S"):
        address(text)


def test_one_listens_on_an_address_and_not_on_a_network():
    assert host_name("::") == "::"
    with pytest.raises(ValueError, match="neither an IP address nor a host name"):
        host_name("10.1.2.0/24")
