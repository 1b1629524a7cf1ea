"""What one fetch brings, what it leaves out, and what it says of the rest."""

import asyncio

import pytest
from fetch_rig import RigArchive, RigGoal

from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.dicom.matching import AnyOf, Key
from hilum.kernel.errors import HilumError, Unreachable
from hilum.ledger.entry import OURSELVES
from hilum.ledger.fetch import Progress, Wanted
from hilum.pipeline.fetches import course
from hilum.pipeline.fetches.course import Course
from hilum.query.level import Level
from hilum.testing.datasets import instance

FOUR = [instance(seed=seed, series=seed // 2, pixel_bytes=64) for seed in range(4)]
STUDY = FOUR[0].study_instance_uid
UIDS = [one.sop_instance_uid for one in FOUR]


def fetched(archive, goal, wanted=Wanted(STUDY)):  # noqa: B008 - a value
    bringing = Course(archive, goal, OURSELVES)
    asyncio.run(bringing.run(wanted))
    return bringing.progress


def test_a_study_is_brought_whole_and_each_payload_let_go_of():
    archive, goal = RigArchive(*FOUR), RigGoal()

    progress = fetched(archive, goal)

    assert sorted(goal.brought) == sorted(UIDS)
    size = sum(len(one.data_set) for one in FOUR)
    assert progress == Progress(expected=4, fetched=4, bytes=size)
    [supply] = archive.supplies
    assert sorted(supply.let_go) == sorted(UIDS)
    assert supply.is_closed


def test_only_the_series_that_are_wanted_are_asked_for():
    archive, goal = RigArchive(*FOUR), RigGoal()

    fetched(archive, goal, Wanted(STUDY, (FOUR[2].series_instance_uid,)))

    assert sorted(goal.brought) == sorted(UIDS[2:])
    assert archive.retrievals[0].level is Level.SERIES


def test_what_is_held_is_not_fetched_again():
    archive, goal = RigArchive(*FOUR), RigGoal(*UIDS)

    progress = fetched(archive, goal)

    assert goal.brought == archive.given == []
    assert progress == Progress(expected=4, held=4)
    assert archive.supplies[0].is_closed


def test_of_a_study_that_is_held_in_part_the_rest_is_asked_for_by_series():
    archive, goal = RigArchive(*FOUR), RigGoal(UIDS[0])

    progress = fetched(archive, goal)

    assert sorted(goal.brought) == sorted(UIDS[1:])
    assert sorted(archive.given) == sorted(UIDS[1:])
    assert (progress.expected, progress.held, progress.fetched) == (4, 1, 3)
    assert [one.level for one in archive.retrievals[1:]] == [Level.IMAGE, Level.IMAGE]
    assert all(len(one.keys[Level.SERIES]) == 1 for one in archive.retrievals[1:])


def test_what_is_missing_or_refused_is_counted_with_its_reason():
    archive, goal = RigArchive(*FOUR), RigGoal()
    archive.missing = {UIDS[0]}
    goal.refused = {UIDS[1]}

    progress = fetched(archive, goal)

    assert (progress.fetched, progress.failed) == (2, 2)
    assert sorted(progress.failures) == sorted([(UIDS[0], "it has gone"), (UIDS[1], "no room")])


def test_the_studies_of_a_patient_are_found_first():
    archive, goal = RigArchive(*FOUR), RigGoal()
    archive.studies = [DataSetBuilder().texts(tags.STUDY_INSTANCE_UID, STUDY).data_set]

    fetched(archive, goal, Wanted(patient_id="P1", accession_number="A1"))

    [(query, _)] = archive.queries
    assert query.keys == (
        Key(tags.PATIENT_ID, "LO", AnyOf(("P1",))),
        Key(tags.ACCESSION_NUMBER, "SH", AnyOf(("A1",))),
    )
    assert len(goal.brought) == 4


@pytest.mark.parametrize("wanted", [Wanted(patient_id="P1"), Wanted(STUDY)])
def test_what_a_part_of_the_archive_may_have_besides_is_not_all_that_was_wanted(wanted):
    """An entity that is partial gives what the others have; "done" would be taken for all of it."""
    archive, goal = RigArchive(*FOUR), RigGoal()
    archive.studies = [DataSetBuilder().texts(tags.STUDY_INSTANCE_UID, STUDY).data_set]
    archive.warnings = ("pacs: cannot connect",)

    with pytest.raises(HilumError, match=r"not all archives have .*pacs: cannot connect"):
        fetched(archive, goal, wanted)

    assert len(goal.brought) == 4


def studies_of_a_patient(archive, *uids):
    archive.studies = [
        DataSetBuilder().texts(tags.STUDY_INSTANCE_UID, uid).data_set for uid in uids
    ]
    return Wanted(patient_id="P1")


def test_a_study_that_cannot_be_had_keeps_back_none_of_the_others():
    """Asking again would stop at the same study again."""
    archive, goal = RigArchive(*FOUR), RigGoal()
    archive.broken = {"1.2.3"}
    wanted = studies_of_a_patient(archive, "1.2.3", STUDY)

    with pytest.raises(Unreachable, match=r"1 of 2 studies: 1\.2\.3 cannot be listed"):
        fetched(archive, goal, wanted)

    assert len(goal.brought) == 4


def test_an_archive_that_gives_one_study_after_the_other_not_is_not_asked_for_all():
    archive = RigArchive()
    archive.broken = {f"1.2.{number}" for number in range(9)}
    wanted = studies_of_a_patient(archive, *sorted(archive.broken))

    with pytest.raises(Unreachable, match="3 of 9 studies"):
        fetched(archive, RigGoal(), wanted)

    assert len(archive.retrievals) == course.FAILING_MAX == 3


def test_an_archive_that_is_down_ends_it():
    archive = RigArchive(*FOUR)
    archive.is_down = True

    with pytest.raises(Unreachable):
        fetched(archive, RigGoal())


def test_whoever_cancels_it_leaves_no_supply_open():
    archive = RigArchive(*FOUR)

    async def main():
        archive.pause, archive.asked = asyncio.Event(), asyncio.Event()
        task = asyncio.ensure_future(Course(archive, RigGoal(), OURSELVES).run(Wanted(STUDY)))
        await archive.asked.wait()
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled()

    assert asyncio.run(main())
    assert archive.supplies[0].is_closed
