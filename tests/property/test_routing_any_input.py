"""Whatever is written as conditions is read or told; `not` is the complement; ranges are ranges."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from hilum.routing.conditions import Moment
from hilum.routing.facts import AssociationFacts, NoElements
from hilum.routing.faults import Faults
from hilum.routing.known import Known
from hilum.routing.plan import plan, trace
from hilum.routing.routes import read_routes
from hilum.routing.scales import number_end, parse_range
from hilum.routing.settings import RouteSettings
from hilum.routing.when import read_when

NOW = datetime(2024, 1, 3, 12, tzinfo=UTC)
KEYS = [
    "Modality", "StudyDate", "StudyTime", "PatientAge", "SeriesNumber", "Rows", "ImageType",
    "SOPClassUID", "RequestAttributesSequence", "RequestAttributesSequence.Modality", "PixelData",
    "00100020", "(0010,0010)", '(0019,"ACME",10)', "calling_ae_title", "host", "peer", "time",
    "size", "tls", "transfer_syntax", "any", "all", "not", "AcquisitionDateTime",
    "FrameIncrementPointer",
]  # fmt: skip
WORDS = [
    "CT", "ct*", "*", "re:^c", "re:(", "1..5", "..", ">= 3", "< 18Y", "today", "-30d..", "20240101",
    "18:00-06:00", "mon-fri", "10.0.0.0/8", "1.2.3*", "CT Image Storage", ">= 1 MB", "", " ",
]  # fmt: skip
scalars = (
    st.sampled_from(WORDS)
    | st.text(max_size=12)
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.none()
)
names = st.sampled_from(KEYS) | st.text(max_size=12)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
tables = st.dictionaries(names, values, max_size=4)


class AnyFacts:
    """A data set in which every attribute has the same values, and every sequence one item."""

    association = AssociationFacts("CT1", "HILUM", "ct1", "10.1.2.3", "", "dimse")
    size = 10
    transfer_syntax_uid = "1.2.840.10008.1.2"

    def __init__(self, texts):
        self._texts = texts

    def values(self, tag, creator=""):
        del tag, creator
        return self._texts

    def items(self, tag, creator=""):
        del tag, creator
        return [self] if len(self._texts) < 3 else [NoElements()]


texts = st.lists(st.sampled_from(["CT", "5", "20240101", "020Y", "030000"]) | st.text(max_size=8))


@given(table=values, met=texts)
def test_whatever_is_written_is_read_or_told_and_can_be_asked(table, met):
    faults = Faults()
    facts = AnyFacts(met)

    reading = read_when(table, ("routes", 0, "when"), Known(), faults)

    moment = Moment(facts, NOW, UTC)
    for condition in reading.conditions:
        assert condition.holds(facts, moment) is condition.trace(facts, moment).holds
    for fault in faults.found:
        assert fault.path[:3] == ("routes", 0, "when")
        assert fault.message


@given(table=tables, met=texts)
def test_not_is_the_complement(table, met):
    faults = Faults()
    facts = AnyFacts(met)
    moment = Moment(facts, NOW, UTC)

    plain = read_when({"all": [table]}, (), Known(), Faults()).conditions
    turned = read_when({"not": table}, (), Known(), faults).conditions

    if not faults.errors:
        assert [c.holds(facts, moment) for c in turned] == [
            not c.holds(facts, moment) for c in plain
        ]


@given(when=tables, to=st.lists(values, max_size=3), then=st.lists(values, max_size=2))
def test_whatever_a_route_is_it_is_read_or_told(when, to, then):
    settings = RouteSettings(name="r", when=when, to=tuple(to), then=tuple(then))

    routes, faults = read_routes([settings, settings], Known(), UTC)

    assert faults.errors  # the name is there twice, if nothing else
    facts = AnyFacts(["CT"])
    assert len(plan(routes, facts, NOW).reasons) == len(trace(routes, facts, NOW)) == 2


numbers = st.integers(-50, 50)


@given(low=numbers, high=numbers, number=numbers)
def test_a_range_has_its_ends_and_what_is_between(low, high, number):
    if low <= high:
        made = parse_range(f"{low}..{high}", number_end)
        assert made.holds(number) is (low <= number <= high)
    assert parse_range(f">={low}", number_end).holds(number) is (number >= low)
    assert parse_range(f"> {low}", number_end).holds(number) is (number > low)
    assert parse_range(f"<= {low}", number_end).holds(number) is (number <= low)
    assert parse_range(f"<{low}", number_end).holds(number) is (number < low)
    assert parse_range(f"!= {low}", number_end).holds(number) is (number != low)
    assert parse_range(str(low), number_end).holds(number) is (number == low)
