"""Whatever the answerers' pace, pages are cut from one whole: no match twice, none left out."""

import asyncio
from dataclasses import dataclass

from bridging import bridge, virtually
from hypothesis import given, settings
from hypothesis import strategies as st
from merged_answers import Answer, merge

from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.pipeline.archive.ports import Batch
from hilum.query.level import Level
from hilum.query.match import Match
from hilum.query.query import Query


@dataclass
class Pace:
    before: float
    each: float
    batch: int


class Told:
    """An answerer that knows studies by number, and takes its time anew for each question."""

    def __init__(self, name, numbers, paces):
        self.name = name
        self.matches = [match_of(number, name) for number in numbers]
        self._paces = paces
        self._asked = 0

    def has_asked(self, _):
        return False

    async def find(self, query):
        pace = self._paces[self._asked % len(self._paces)]
        self._asked += 1
        await asyncio.sleep(pace.before)
        end = None if query.limit is None else query.offset + query.limit
        found = self.matches[query.offset : end]
        for start in range(0, len(found) or 1, pace.batch):
            await asyncio.sleep(pace.each)
            yield Batch(tuple(found[start : start + pace.batch]))


def match_of(number, name):
    builder = DataSetBuilder()
    builder.texts(tags.STUDY_INSTANCE_UID, f"1.2.{number}")
    return Match(Level.STUDY, builder.data_set, name)


PACES = st.lists(
    st.builds(
        Pace,
        st.sampled_from([0.0, 0.01, 0.04, 0.06, 0.5, 3.0]),
        st.sampled_from([0.0, 0.001, 0.2]),
        st.integers(1, 5),
    ),
    min_size=1,
    max_size=4,
)
ANSWERERS = st.lists(
    st.tuples(st.lists(st.integers(1, 25), unique=True, max_size=15), PACES),
    min_size=2,
    max_size=4,
)


def told(answerers):
    return [Told(f"a{place}", numbers, paces) for place, (numbers, paces) in enumerate(answerers)]


def identities(matches):
    return [(match.identity, match.answerer) for match in matches]


def whole(voices, order, offset=0, limit=None):
    places = {name: place for place, name in enumerate(order)}
    ordered = sorted(voices, key=lambda one: places.get(one.name, len(places)))
    answers = [Answer(one.name, one.matches) for one in ordered]
    return identities(merge(answers, offset=offset, limit=limit).matches)


@settings(max_examples=150, deadline=None)
@given(ANSWERERS)
def test_all_of_them_are_one_whole_in_the_order_that_came_about(answerers):
    voices = told(answerers)

    async def run(clock):
        at = bridge(clock, *voices)
        query = Query(Level.STUDY)
        return await at.matches(query), at.archive._orders.of(query)

    matches, order = virtually(run)

    assert identities(matches) == whole(voices, order)


@settings(max_examples=150, deadline=None)
@given(ANSWERERS, st.integers(1, 7))
def test_pages_one_after_the_other_are_the_whole(answerers, limit):
    voices = told(answerers)

    async def run(clock):
        at = bridge(clock, *voices)
        pages = []
        while not pages or pages[-1]:
            page = Query(Level.STUDY, limit=limit, offset=limit * len(pages))
            pages.append(identities(await at.matches(page)))
        return pages, at.archive._orders.of(Query(Level.STUDY))

    pages, order = virtually(run)

    assert all(len(page) == limit for page in pages[:-2])
    assert [match for page in pages for match in page] == whole(voices, order)


@settings(max_examples=100, deadline=None)
@given(ANSWERERS, st.integers(0, 12), st.integers(1, 7))
def test_answerers_that_are_all_soon_are_merged_as_configured(answerers, offset, limit):
    voices = told(
        [(numbers, [Pace(0.001 * n, 0.0, 3)]) for n, (numbers, _) in enumerate(answerers)]
    )

    async def run(clock):
        return await bridge(clock, *voices).matches(Query(Level.STUDY, limit=limit, offset=offset))

    assert identities(virtually(run)) == whole(voices, [], offset, limit)
