"""A data set that lies in pieces is cut as one that does not, and nothing of it is copied."""

import pytest
from dimse_cases import established_requestor

from hilum.dimse.upper.fragments import Fragments

CONTEXT = 3
PDU_BYTES = 26  # 20 of a fragment


def fragments():
    return Fragments(established_requestor(), pdu_bytes_max=PDU_BYTES)


@pytest.mark.parametrize("size", [0, 1, 2, 19, 20, 21, 40, 41, 99, 100])
@pytest.mark.parametrize("step", [1, 3, 20, 21, 64])
def test_pieces_are_cut_as_if_they_were_one(size, step):
    content = bytes(range(size))
    pieces = [memoryview(content[at : at + step]) for at in range(0, size, step)]

    cut = fragments().whole(CONTEXT, pieces)

    assert b"".join(cut) == b"".join(fragments().data(CONTEXT, content, is_last=True))


def test_a_piece_that_fits_into_a_fragment_goes_as_it_lies():
    piece = memoryview(b"0123456789")

    assert any(part is piece for part in fragments().whole(CONTEXT, [piece]))
