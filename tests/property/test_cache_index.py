"""The index of cached payloads: torn anywhere, mixed with anything, read in any steps."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hilum.pipeline.caching.eviction import Stock, by_use, excess_of
from hilum.vault.cache.notes import Notes
from hilum.vault.cache.record import Came, Went, decode, encode
from hilum.vault.cache.shelf import Shelf, write_index

uids = st.from_regex(r"[0-9]{1,5}(\.[0-9]{1,5}){0,6}", fullmatch=True)
cames = st.builds(
    lambda series, instance, serial, size, received, digest: Came(
        f"{series}/{instance}-{serial:x}.dcm",
        "1.2.840.10008.5.1.4.1.1.2",
        instance,
        series,
        "1.2.840.10008.1.2.1",
        size,
        size + 1200,
        received,
        digest,
    ),
    uids,
    uids,
    st.integers(0, 1 << 64),
    st.integers(0, 1 << 40),
    st.integers(0, 1 << 60),
    st.binary(min_size=16, max_size=16),
)


def read(folder):
    shelf = Shelf(str(folder), "study")
    shelf.refresh()
    return shelf


def folder_of(stack):
    folder = Path(stack)
    (folder / "study").mkdir()
    return folder


@given(cames)
def test_a_record_is_read_as_it_was_written(came):
    assert decode(encode(came).strip(b"\n")) == came
    assert decode(encode(Went(came.name)).strip(b"\n")) == Went(came.name)


@given(st.one_of(st.binary(max_size=200), st.from_regex(rb'\["[+-]","?[0-9./a-z-]{0,40}.{0,80}\]')))
def test_nonsense_is_passed_over(line):
    record = decode(line)

    assert record is None or isinstance(record, Came | Went)
    if isinstance(record, Came):
        assert ".." not in record.name.split("/")
        assert record.name.count("/") == 1


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
        lambda inner: st.lists(inner, max_size=10),
    )
)
def test_whatever_json_says_is_passed_over_or_is_a_record(value):
    record = decode(json.dumps(value).encode())

    assert record is None or isinstance(record, Came | Went)


@given(st.lists(cames, min_size=1, max_size=6, unique_by=lambda one: one.name), st.data())
def test_an_index_torn_anywhere_loses_its_last_line_only(records, data):
    with tempfile.TemporaryDirectory() as stack:
        folder = folder_of(stack)
        *before, last = records
        index = folder / "study" / "index"
        whole = b"".join(map(encode, before))
        line = encode(last)
        cut = data.draw(st.integers(0, len(line) - 2))
        index.write_bytes(whole + line[:cut])
        torn = read(folder).payloads.keys()

        later = replace(last, name=last.name.replace("-", "-f"))
        write_index(str(folder / "study"), [later])

        assert set(torn) == {one.name for one in before}
        assert set(read(folder).payloads) - {one.name for one in before} == {later.name}


@given(st.lists(cames, max_size=8, unique_by=lambda one: one.name), st.data())
def test_reading_in_any_steps_gives_what_reading_at_once_does(records, data):
    gone = data.draw(st.sets(st.sampled_from(records))) if records else set()
    text = b"".join(map(encode, [*records, *(Went(one.name) for one in gone)]))
    steps = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    with tempfile.TemporaryDirectory() as stack:
        folder = folder_of(stack)
        index = folder / "study" / "index"
        index.touch()
        shelf = Shelf(str(folder), "study")
        for at in [*steps, len(text)]:
            with index.open("r+b") as stream:
                stream.write(text[:at])
            shelf.refresh()

        assert dict(shelf.payloads) == {one.name: one for one in records if one not in gone}
        assert shelf.file_bytes == sum(one.file_bytes for one in records if one not in gone)


texts_of_a_line = st.binary(min_size=1, max_size=60).map(lambda raw: raw.replace(b"\n", b" "))


@given(st.lists(texts_of_a_line), st.data())
def test_metadata_torn_anywhere_is_whole_or_not_there(texts, data):
    with tempfile.TemporaryDirectory() as stack:
        (Path(stack) / "series").mkdir()
        paths = [f"series/{number}-f.dcm" for number in range(len(texts))]
        names = [path.rpartition("/")[2] for path in paths]
        Notes(stack).keep("series", zip(names, texts, strict=True))
        kept = Path(stack) / "series" / "metadata"
        content = kept.read_bytes()
        kept.write_bytes(content[: data.draw(st.integers(0, len(content)))])

        found = Notes(stack).read(paths)

        assert all(one in (None, text) for one, text in zip(found, texts, strict=True))
        kept.write_bytes(content)
        assert Notes(stack).read(paths) == texts


stocks = st.lists(
    st.builds(
        Stock,
        st.uuids().map(str),
        st.integers(1, 1000),
        st.integers(1, 1 << 30),
        st.integers(0, 1 << 40),
        st.floats(0, 1e9),
        st.booleans(),
    ),
    max_size=12,
)


@given(stocks, st.integers(0, 1 << 32), st.integers(-(1 << 31), 1 << 31))
def test_no_more_goes_than_has_to_and_nothing_that_is_used(everything, bytes_max, missing):
    excess = excess_of(everything, bytes_max=bytes_max, missing_bytes=missing)
    held = sum(one.file_bytes for one in everything)
    gone = []
    for stock in by_use(everything):
        if excess.is_over:
            break
        gone.append(stock)
        excess.less(stock.payloads, stock.file_bytes)

    left = held - sum(one.file_bytes for one in gone)
    bound = min(bytes_max, max(held - max(missing, 0), 0))
    assert not any(one.is_used for one in gone)
    assert left <= bound or len(gone) == sum(not one.is_used for one in everything)
    assert not gone or left + gone[-1].file_bytes > bound
