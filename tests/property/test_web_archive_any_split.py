"""However an answer is cut into pieces: the same instances land, the same objects are read."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_archive import MemorySink, multipart_body, part10

from hilum.destinations.dicomweb.archive.errand import Errand
from hilum.destinations.dicomweb.archive.manner import Manner
from hilum.destinations.dicomweb.archive.receiving import Receiving
from hilum.destinations.dicomweb.archive.settings import WebArchiveSettings
from hilum.destinations.http.content_coding import Unfolding
from hilum.dicomweb.object_stream import ObjectStream
from hilum.dicomweb.resource import Place
from hilum.kernel.errors import RemoteProtocolError
from hilum.pipeline.answerers.ailments import AnswererFailed, Lost
from hilum.testing.datasets import instance

INSTANCES = [
    instance(seed=n, study=1, pixel_bytes=size) for n, size in enumerate((2, 64, 40_000), 1)
]
HELD = {one.sop_instance_uid: one.data_set for one in INSTANCES}
KIND, BODY = multipart_body([part10(one) for one in INSTANCES])


def cut(content, places):
    """Cut bytes at places, which may be the same or beyond the end."""
    ends = sorted({place % (len(content) + 1) for place in places} | {len(content)})
    return [content[a:b] for a, b in zip([0, *ends], ends, strict=False) if b > a]


class Asking:
    """Answers with one body in given pieces."""

    answerer = "cloud"

    def __init__(self, pieces):
        self._pieces = pieces

    def download(self, _url, _accept, *, what, via):
        assert what
        assert not via
        return self

    async def __aenter__(self):
        return SimpleNamespace(status=200, media_type=KIND, as_it_lies=self._all)

    async def __aexit__(self, *_):
        pass

    async def _all(self):
        for piece in self._pieces:
            yield piece

    def failed(self, reason):
        return AnswererFailed(reason, answerer="cloud", ailment=Lost.BROKEN)


def received(pieces):
    sink, errand = MemorySink(), Errand.of(Place("1"), HELD)
    receiving = Receiving(Asking(pieces), "", Manner.of(WebArchiveSettings()))
    failure = None
    try:
        asyncio.run(receiving.run(errand, (), sink))
    except AnswererFailed as error:
        failure = error
    assert not sink.open
    return sink, errand, failure


@given(st.lists(st.integers(0, 1 << 20), max_size=40))
@settings(max_examples=40, deadline=None)
def test_any_split_lands_the_same_bytes(places):
    sink, errand, failure = received(cut(BODY, places))

    assert failure is None
    assert sink.kept == HELD
    assert not errand.wanted


@given(st.integers(0, len(BODY) - 5), st.lists(st.integers(0, 1 << 20), max_size=5))
@settings(max_examples=40, deadline=None)
def test_a_body_that_is_cut_anywhere_keeps_what_was_whole_and_nothing_else(end, places):
    sink, errand, failure = received(cut(BODY[:end], places))

    assert failure is not None
    assert all(HELD[uid] == kept for uid, kept in sink.kept.items())
    assert errand.wanted == HELD.keys() - sink.kept.keys()


OBJECTS = st.dictionaries(
    st.text(max_size=5), st.recursive(st.text(max_size=8), st.lists, max_leaves=4), max_size=4
)


@given(st.lists(OBJECTS, max_size=6), st.lists(st.integers(0, 1 << 12), max_size=12), st.booleans())
def test_objects_are_cut_out_however_they_come(objects, places, is_ascii):
    body = json.dumps(objects, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    stream = ObjectStream()

    found = [one for piece in cut(body, places) for one in stream.feed(piece)]
    stream.finish()

    assert [json.loads(one.decode("utf-8", "surrogatepass")) for one in found] == objects


@pytest.mark.parametrize("text", ["", "{", "\\", '"}', 'é\\"', "\n"])
@pytest.mark.parametrize("count", [999, 1000, 1001, 2500])
def test_long_objects_are_cut_out_however_many_texts_and_escapes_they_have(text, count):
    objects = [{"Value": [text] * count}, {"Value": [text * count]}, {}]
    body = json.dumps(objects).encode()
    for places in ([], [len(body) // 2], range(0, len(body), 1021)):
        stream = ObjectStream()

        found = [one for piece in cut(body, list(places)) for one in stream.feed(piece)]
        stream.finish()

        assert [json.loads(one) for one in found] == objects


@given(st.lists(OBJECTS, min_size=1, max_size=4), st.integers(1, 1 << 12))
def test_an_array_that_is_cut_is_never_whole(objects, end):
    body = json.dumps(objects).encode()
    stream = ObjectStream()
    list(stream.feed(body[: 1 + end % (len(body) - 1)]))

    with pytest.raises(RemoteProtocolError):
        stream.finish()


@given(st.binary(max_size=5000), st.lists(st.integers(0, 1 << 13), max_size=9), st.integers(0, 3))
def test_a_compressed_body_unfolds_however_it_comes(content, places, how):
    import gzip
    import zlib

    raw = zlib.compressobj(wbits=-15)
    packed = {
        0: lambda: gzip.compress(content),
        1: lambda: zlib.compress(content),
        2: lambda: raw.compress(content) + raw.flush(),
        3: lambda: gzip.compress(content[:9]) + gzip.compress(content[9:]),
    }[how]()
    unfolding = Unfolding("deflate" if how in {1, 2} else "gzip")

    found = [one for piece in cut(packed, places) for one in unfolding.feed(piece)]
    unfolding.finish()

    assert b"".join(found) == content
