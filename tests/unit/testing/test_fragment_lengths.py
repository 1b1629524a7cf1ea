"""Fragments of odd length are counted wherever reads end, and nothing else is."""

import pytest

from hilum.testing.fragment_lengths import FragmentLengths


def pdu(kind, body):
    return bytes((kind, 0)) + len(body).to_bytes(4, "big") + body


def pdv(data):
    return (2 + len(data)).to_bytes(4, "big") + b"\1\0" + data


STREAM = (
    pdu(1, b"odd")
    + pdu(4, pdv(b"even") + pdv(b"odd") + pdv(b""))
    + pdu(5, bytes(4))
    + pdu(4, pdv(b"1"))
    + pdu(4, pdv(bytes(100)))
)


@pytest.mark.parametrize("step", range(1, len(STREAM) + 1))
def test_odd_fragments_are_counted_wherever_reads_end(step):
    lengths = FragmentLengths()
    for at in range(0, len(STREAM), step):
        lengths.feed(STREAM[at : at + step])

    assert lengths.odd == 2
