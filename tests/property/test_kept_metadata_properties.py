"""Whatever is kept of a batch, each description comes back as it was, or is said to be missing."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from hilum.ledger.holdings import Holding
from hilum.ledger.metadata import _pack, _plain, _unpacked

AT = datetime(2026, 1, 1, tzinfo=UTC)
JSON = st.one_of(
    st.just(b""),
    st.binary(max_size=200),
    st.builds(lambda end: b'{"00080018":{"vr":"UI","Value":["' * 30 + end, st.binary(max_size=40)),
)


def holding(number, series):
    return Holding("1.2", f"1.2.{number}", series, "1", "1.2", 1, f"{number}.dcm", 1, AT, b"")


@given(st.lists(st.tuples(st.sampled_from("ab"), JSON), max_size=8), st.sets(st.integers(0, 7)))
def test_each_is_exact_or_missing_whatever_went(batch, gone):
    made = [(holding(n, series), content) for n, (series, content) in enumerate(batch)]

    packed = list(_pack(made))

    assert len(packed) == len(batch)
    bases = {
        row: _plain(one.content)
        for row, one in enumerate(packed)
        if one.base is None and row not in gone
    }
    for one, (_, content) in zip(packed, batch, strict=True):
        found = _unpacked(one.content, one.base, bases)
        assert found == content or (found is None and one.base in gone)
