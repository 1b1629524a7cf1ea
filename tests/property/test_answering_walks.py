"""However a question walks down an archive, its answer is that of a relational one."""

import asyncio

from answerer_rig import all_of, answering
from dimse_archive import MODALITIES_IN_STUDY, DimseArchive
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.dicom import tags
from hilum.dicom.match_keys import matching_of
from hilum.dicom.matching import AnyOf, Key
from hilum.dicom.vrs import vr_of
from hilum.query.level import Level
from hilum.query.query import Query, Wanted
from hilum.testing.datasets import CT, MR, instance, uid

HELD = [
    instance(seed=n, study=study, series=series, sop_class=(CT, MR)[(study + series) % 2])
    for study in range(4)
    for series in range(1 + study % 3)
    for n in range(1 + series)
]
TEXTS = {
    tags.PATIENT_ID: ["GEN0000000?", "GEN00000001", "GEN00000001\\GEN00000003", "NOBODY"],
    tags.PATIENT_NAME: ["GENERATED*", "GENERATED^PERSON2", "*3"],
    tags.STUDY_DATE: ["19000101-", "-19000101", "20240103"],
    tags.ACCESSION_NUMBER: ["A*", "A000000002"],
    MODALITIES_IN_STUDY: ["CT", "MR", "CT\\MR"],
    tags.MODALITY: ["CT", "MR", "CT\\MR"],
    tags.SERIES_NUMBER: ["0", "1"],
    tags.INSTANCE_NUMBER: ["0", "1"],
    tags.SOP_CLASS_UID: [CT, MR],
}
OF_PATIENTS = (tags.PATIENT_ID, tags.PATIENT_NAME)
LEVELS = {tags.MODALITY: Level.SERIES, tags.SERIES_NUMBER: Level.SERIES}
LEVELS |= dict.fromkeys((tags.INSTANCE_NUMBER, tags.SOP_CLASS_UID), Level.IMAGE)
UIDS = {
    Level.STUDY: [*sorted({one.study_instance_uid for one in HELD}), uid("nowhere")],
    Level.SERIES: sorted({one.series_instance_uid for one in HELD}),
    Level.IMAGE: [one.sop_instance_uid for one in HELD],
}


@st.composite
def queries(draw):
    level = draw(st.sampled_from(list(Level)))
    keys = []
    for tag in draw(st.sets(st.sampled_from(sorted(TEXTS)), max_size=3)):
        if LEVELS.get(tag, Level.STUDY) <= level and (level > Level.PATIENT or tag in OF_PATIENTS):
            text = draw(st.sampled_from(TEXTS[tag]))
            keys.append(Key(tag, vr_of(tag), matching_of(vr_of(tag), text)))
    for named in draw(st.sets(st.sampled_from(list(UIDS)), max_size=2)):
        if named <= level:
            some = draw(st.lists(st.sampled_from(UIDS[named]), min_size=1, max_size=3, unique=True))
            keys.append(Key(named.unique_tag, "UI", AnyOf(tuple(some))))
    wanted = draw(st.sets(st.sampled_from([tags.PATIENT_NAME, tags.STUDY_DATE, tags.MODALITY])))
    return Query(
        level,
        tuple(keys),
        tuple(
            Wanted(tag, vr_of(tag))
            for tag in sorted(wanted)
            if LEVELS.get(tag, Level.STUDY) <= level or tag in OF_PATIENTS
        ),
    )


async def answer(query, archive, **ways):
    async with answering(archive, **ways) as (answerer, _):
        matches, ignored, warnings = await all_of(answerer, query)
    assert (ignored, warnings) == ((), [])
    return {
        match.identity: [match.attributes.text(one.attribute) for one in query.wanted]
        for match in matches
    }, len(matches)


@settings(max_examples=40, deadline=None)
@given(
    queries(),
    st.booleans(),
    st.sampled_from(["study", "patient"]),
    st.sampled_from(["auto", "never"]),
    st.integers(1, 4),
)
def test_a_walk_finds_what_a_relational_archive_finds(query, lists, model, uid_lists, most):
    async def both():
        relational = await answer(query, DimseArchive(HELD, relational=True), model="study")
        walked = await answer(
            query,
            DimseArchive(HELD, lists=lists),
            model=model,
            uid_lists=uid_lists,
            associations_max=most,
        )
        return relational, walked

    relational, walked = asyncio.run(both())

    assert walked == relational
    assert walked[1] == len(walked[0])
