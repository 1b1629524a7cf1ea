import asyncio

import pytest
from answerer_rig import all_of, answering, question
from dimse_archive import MODALITIES_IN_STUDY, DimseArchive
from query_peer import QueryPeer, Say

from hilum.destinations.dimse.answering import walk
from hilum.dicom import tags
from hilum.dicom.match_keys import KeyRules, matching_of
from hilum.dicom.matching import AnyOf, Key
from hilum.dicom.vrs import vr_of
from hilum.dimse.service.ending import COMPLETE, Ending
from hilum.dimse.service.query import find_ended
from hilum.pipeline.answerers.ailments import AnswererFailed
from hilum.query.level import Level, Model
from hilum.testing.datasets import CT, MR, instance

pytestmark = pytest.mark.asyncio

OUT_OF_RESOURCES = Ending(0xA700)

HELD = [
    instance(
        seed=10 * study + 3 * series + n, study=study, series=series, sop_class=(CT, MR)[series]
    )
    for study in (1, 2, 3)
    for series in (0, 1)
    for n in (1, 2, 3)
]
STUDIES = list(dict.fromkeys(one.study_instance_uid for one in HELD))


def key(tag, text, **rules):
    return Key(tag, vr_of(tag), matching_of(vr_of(tag), text, KeyRules(**rules)))


def uids(matches, level):
    return [match.attributes.text(level.unique_tag) for match in matches]


@pytest.mark.parametrize("relational", [False, True])
async def test_each_level_is_found_without_naming_the_one_above(relational):
    archive = DimseArchive(HELD, relational=relational)
    async with answering(archive) as (answerer, _):
        for level, number in ((Level.STUDY, 3), (Level.SERIES, 6), (Level.IMAGE, 18)):
            matches, ignored, warnings = await all_of(answerer, question(level))

            assert len(set(uids(matches, level))) == len(matches) == number
            assert (ignored, warnings) == ((), [])


async def test_what_belongs_to_a_study_is_told_of_its_series_by_a_peer_that_knows_no_relations():
    archive = DimseArchive(HELD)
    asked = question(
        Level.SERIES, key(tags.PATIENT_ID, "GEN00000002"), wanted=[tags.PATIENT_NAME, tags.MODALITY]
    )
    async with answering(archive) as (answerer, _):
        matches, _, _ = await all_of(answerer, asked)

    assert [
        (m.attributes.text(tags.PATIENT_NAME), m.attributes.text(tags.MODALITY), m.answerer)
        for m in matches
    ] == [("GENERATED^PERSON2", "CT", "pacs"), ("GENERATED^PERSON2", "MR", "pacs")]
    assert uids(matches, Level.STUDY) == [STUDIES[1]] * 2


async def test_a_study_that_is_named_is_not_asked_for():
    archive = DimseArchive(HELD)
    async with answering(archive) as (answerer, _):
        await all_of(answerer, question(Level.SERIES, key(tags.STUDY_INSTANCE_UID, STUDIES[0])))

    assert [query.text(0x00080052) for query in archive.queries] == ["SERIES"]


async def test_a_match_that_a_key_would_have_kept_out_is_not_given_on():
    archive = DimseArchive(HELD)
    archive._matches = lambda query: DimseArchive._matches(archive, type(query)(query.level))
    async with answering(archive) as (answerer, _):
        matches, ignored, _ = await all_of(
            answerer, question(Level.STUDY, key(tags.PATIENT_ID, "GEN00000003"))
        )

    assert uids(matches, Level.STUDY) == [STUDIES[2]]
    assert ignored == ()


async def test_a_key_that_the_peer_says_nothing_about_is_ignored_and_told():
    archive = DimseArchive(HELD, ignores=frozenset({tags.STUDY_DESCRIPTION}))
    async with answering(archive) as (answerer, _):
        matches, ignored, _ = await all_of(
            answerer, question(Level.STUDY, key(tags.STUDY_DESCRIPTION, "NOTHING*"))
        )

    assert len(matches) == 3
    assert ignored == (tags.STUDY_DESCRIPTION,)


@pytest.mark.parametrize("associations", [1, 4])
async def test_modalities_of_studies_are_looked_up_where_the_peer_does_not_know_them(associations):
    held = [one for one in HELD if one.sop_class_uid == CT or one.study_instance_uid == STUDIES[1]]
    archive = DimseArchive(held, ignores=frozenset({MODALITIES_IN_STUDY}))
    async with answering(archive, associations_max=associations) as (answerer, _):
        matches, ignored, _ = await all_of(
            answerer, question(Level.STUDY, key(MODALITIES_IN_STUDY, "MR"))
        )

    assert uids(matches, Level.STUDY) == [STUDIES[1]]
    assert matches[0].attributes.texts(MODALITIES_IN_STUDY) == ["CT", "MR"]
    assert ignored == ()


@pytest.mark.parametrize("lists", [True, False])
async def test_every_uid_of_a_list_is_found_whether_or_not_the_peer_knows_lists(lists):
    archive = DimseArchive(HELD, lists=lists)
    several = Key(tags.STUDY_INSTANCE_UID, "UI", AnyOf(tuple(STUDIES)))
    async with answering(archive) as (answerer, _):
        for _ in range(2):
            matches, _, _ = await all_of(answerer, question(Level.STUDY, several))

            assert set(uids(matches, Level.STUDY)) == set(STUDIES)

    assert len(archive.queries) == (2 if lists else 1 + 2 + 3)


async def test_pages_are_cut_from_an_order_that_stays():
    archive = DimseArchive(HELD)
    async with answering(archive) as (answerer, _):
        whole, _, _ = await all_of(answerer, question(Level.IMAGE))
        pages = [
            (await all_of(answerer, question(Level.IMAGE, offset=at, limit=4)))[0]
            for at in range(0, 20, 4)
        ]

    assert [uids(page, Level.IMAGE) for page in pages] == [
        uids(whole, Level.IMAGE)[at : at + 4] for at in range(0, 20, 4)
    ]


async def test_an_answer_that_stops_at_a_limit_of_the_peer_says_so():
    archive = DimseArchive(HELD, limit=2)
    async with answering(archive) as (answerer, _):
        matches, _, warnings = await all_of(answerer, question(Level.STUDY))

    assert (len(matches), len(warnings)) == (2, 1)


async def test_patients_are_found_in_studies_where_the_peer_has_no_patient_root():
    archive = DimseArchive(HELD)
    peer = QueryPeer(archive.script, refuses=frozenset({Model.PATIENT_ROOT.find_uid}))
    async with answering(archive, peer=peer) as (answerer, _):
        matches, _, _ = await all_of(
            answerer, question(Level.PATIENT, wanted=[tags.PATIENT_NAME, tags.PATIENT_SEX])
        )

    assert uids(matches, Level.PATIENT) == ["GEN00000001", "GEN00000002", "GEN00000003"]
    assert tags.STUDY_INSTANCE_UID not in matches[0].attributes


async def test_many_questions_share_the_associations_that_are_allowed():
    archive = DimseArchive(HELD)
    async with answering(archive, associations_max=2) as (answerer, peer):
        await asyncio.gather(*[all_of(answerer, question(Level.IMAGE)) for _ in range(20)])

        assert len(peer.requests) <= 2
        assert answerer.figures().idle == answerer.figures().open <= 2


NUMBER_OF_SERIES = 0x00201206


async def test_what_is_shown_of_a_study_and_not_said_of_it_is_summed_up_from_its_series():
    archive = DimseArchive(HELD, omits=frozenset({MODALITIES_IN_STUDY}))
    asked = question(Level.STUDY, wanted=[MODALITIES_IN_STUDY, NUMBER_OF_SERIES])
    async with answering(archive) as (answerer, _):
        matches, _, warnings = await all_of(answerer, asked)

    assert uids(matches, Level.STUDY) == STUDIES
    assert {m.attributes.text(MODALITIES_IN_STUDY) for m in matches} == {"CT\\MR"}
    assert {m.attributes.text(NUMBER_OF_SERIES) for m in matches} == {"2"}
    assert warnings == []


async def test_nothing_is_summed_up_that_nobody_asks_for_or_that_the_peer_says_itself():
    knows = DimseArchive(HELD)
    silent = DimseArchive(HELD, omits=frozenset({MODALITIES_IN_STUDY}))
    async with answering(knows) as (answerer, _):
        await all_of(answerer, question(Level.STUDY, wanted=[MODALITIES_IN_STUDY]))
    async with answering(silent) as (answerer, _):
        await all_of(answerer, question(Level.STUDY, wanted=[tags.PATIENT_ID]))

    assert len(knows.queries) == len(silent.queries) == 1


async def test_no_more_studies_are_summed_up_than_somebody_looks_at(monkeypatch):
    monkeypatch.setattr(walk, "SUMS_MAX", 2)
    archive = DimseArchive(HELD, omits=frozenset({MODALITIES_IN_STUDY}))
    async with answering(archive) as (answerer, _):
        matches, _, _ = await all_of(answerer, question(Level.STUDY, wanted=[MODALITIES_IN_STUDY]))

    said = [m.attributes.text(MODALITIES_IN_STUDY) for m in matches]
    assert said == ["CT\\MR", "CT\\MR", ""]


async def test_studies_are_not_lost_because_their_series_cannot_be_asked_for():
    archive = DimseArchive(HELD, omits=frozenset({MODALITIES_IN_STUDY}))
    usual = archive._find

    def only_studies(asked):
        if asked.identifier.text(0x00080052) == "SERIES":
            archive.find_ending = OUT_OF_RESOURCES
        return usual(asked)

    archive._find = only_studies
    async with answering(archive) as (answerer, _):
        matches, _, _ = await all_of(answerer, question(Level.STUDY, wanted=[MODALITIES_IN_STUDY]))

    assert uids(matches, Level.STUDY) == STUDIES


class OneSet(DimseArchive):
    """Knows names in one character set only, and converts none: as many old archives do.

    `refusal`: how it ends questions in others; else it finds nothing.
    """

    charset = "ISO_IR 126"
    refusal = COMPLETE

    def _find(self, asked):
        if asked.identifier.text(tags.SPECIFIC_CHARACTER_SET) == self.charset:
            yield from super()._find(asked)
            return
        self.queries.append(asked.identifier)
        yield Say(find_ended(asked.command, self.refusal))


def one_set(charset, refusal=COMPLETE):
    archive = OneSet(HELD[:1], ignores=frozenset({tags.PATIENT_NAME}))
    archive.charset, archive.refusal = charset, refusal
    return archive


def sets_asked_in(archive):
    return [one.text(tags.SPECIFIC_CHARACTER_SET) for one in archive.queries]


GREEK = key(tags.PATIENT_NAME, "Διον*")


@pytest.mark.parametrize("refusal", [COMPLETE, Ending(0xA900)])
@pytest.mark.parametrize(
    ("known", "asked_in"),
    [("ISO_IR 126", ["ISO_IR 126"]), ("ISO_IR 192", ["ISO_IR 126", "ISO_IR 192"])],
)
async def test_it_is_asked_in_the_character_set_of_who_asks_and_then_in_utf_8(
    known, asked_in, refusal
):
    """So it finds what it would find if it were asked directly."""
    archive = one_set(known, refusal)
    async with answering(archive) as (answerer, _):
        matches, _, _ = await all_of(answerer, question(Level.STUDY, GREEK, charset="ISO_IR 126"))

    assert len(matches) == 1
    assert sets_asked_in(archive) == asked_in


async def test_an_answer_in_the_set_of_who_asks_that_ends_in_the_middle_is_none():
    class Ending700(OneSet):
        def _find(self, asked):
            for one in super()._find(asked):
                yield one
                break
            yield Say(find_ended(asked.command, OUT_OF_RESOURCES))

    archive = Ending700(HELD, ignores=frozenset({tags.PATIENT_NAME}))
    async with answering(archive) as (answerer, _):
        with pytest.raises(AnswererFailed):
            await all_of(answerer, question(Level.STUDY, GREEK, charset="ISO_IR 126"))

    assert sets_asked_in(archive) == ["ISO_IR 126"]


@pytest.mark.parametrize(
    ("asks_in", "settings"),
    [("ISO_IR 126", {"charset": "ISO_IR 192"}), ("ISO_IR 100", {}), ("NO SUCH SET", {})],
)
async def test_it_is_asked_in_utf_8_if_that_is_set_or_nothing_else_has_the_letters(
    asks_in, settings
):
    archive = one_set("ISO_IR 126")
    async with answering(archive, **settings) as (answerer, _):
        matches, _, _ = await all_of(answerer, question(Level.STUDY, GREEK, charset=asks_in))

    assert matches == []
    assert sets_asked_in(archive) == ["ISO_IR 192"]
