"""Compressed bodies unfold within bounds."""

import gzip
import zlib

import pytest

from hilum.destinations.http import content_coding
from hilum.destinations.http.content_coding import Unfolding
from hilum.kernel.errors import RemoteProtocolError


def test_what_unfolds_beyond_all_measure_is_refused(monkeypatch):
    monkeypatch.setattr(content_coding, "EXPANSION_FLOOR_BYTES", 1 << 20)
    packed = gzip.compress(bytes(8 << 20))

    with pytest.raises(RemoteProtocolError, match="unfold to more"):
        for _ in Unfolding("gzip").feed(packed):
            pass


def test_no_piece_is_longer_than_a_bound():
    packed = gzip.compress(bytes(4 << 20))

    assert max(len(piece) for piece in Unfolding("gzip").feed(packed)) <= 256 << 10


@pytest.mark.parametrize("cut", [1, 20, -1])
def test_a_body_that_is_cut_is_told(cut):
    unfolding = Unfolding("gzip")
    list(unfolding.feed(gzip.compress(b"whole" * 100)[:cut]))

    with pytest.raises(RemoteProtocolError, match="ended"):
        unfolding.finish()


def test_nothing_at_all_is_whole():
    Unfolding("gzip").finish()


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "é"])
def test_a_coding_that_was_not_asked_for_is_refused(coding):
    with pytest.raises(RemoteProtocolError, match="did not ask"):
        Unfolding(coding)


def test_damage_is_told():
    packed = bytearray(zlib.compress(bytes(range(256)) * 40))
    packed[60] ^= 0xFF
    unfolding = Unfolding("deflate")

    with pytest.raises(RemoteProtocolError, match="damaged"):
        list(unfolding.feed(bytes(packed)))
