import pytest
from bridging import retrieval_of, study, uids

from hilum.pipeline.answerers.narrowing import fetches_of
from hilum.pipeline.answerers.ports import Expected
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval

# Series 0: instances 0, 3, 6; series 1: 1, 4, 7; series 2: 2, 5, 8.
STUDY = study(1, 9, series=3)
OTHER = study(2, 2)
WHOLE = retrieval_of(STUDY)


def told(fetches):
    return [(one.retrieval.level.name, len(one.wanted)) for one in fetches]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([], []),
        (range(9), [("STUDY", 9)]),
        ([0, 3, 6], [("SERIES", 3)]),
        ([0, 3, 6, 1, 4, 7], [("SERIES", 6)]),
        ([0, 3, 6, 1], [("SERIES", 3), ("IMAGE", 1)]),
        ([0, 1, 2], [("IMAGE", 1)] * 3),
    ],
)
def test_as_much_as_possible_is_asked_for_as_a_whole(wanted, expected):
    fetches = fetches_of([STUDY[n] for n in wanted], STUDY, WHOLE)

    assert told(fetches) == expected
    assert sorted(uid for one in fetches for uid in uids(one.wanted)) == sorted(
        STUDY[n].sop_instance_uid for n in wanted
    )


def test_instances_are_named_below_their_series_and_study():
    (fetch,) = fetches_of([STUDY[0], STUDY[3]], STUDY, WHOLE)

    assert fetch.retrieval == Retrieval(
        Level.IMAGE,
        {
            Level.STUDY: (STUDY[0].study_instance_uid,),
            Level.SERIES: (STUDY[0].series_instance_uid,),
            Level.IMAGE: tuple(uids([STUDY[0], STUDY[3]])),
        },
    )


def test_of_a_patient_whole_studies_are_asked_for_and_the_patient_is_named():
    patient = Retrieval(Level.PATIENT, {Level.PATIENT: ("P",)})

    fetches = fetches_of([*OTHER, STUDY[0]], [*STUDY, *OTHER], patient)

    assert told(fetches) == [("STUDY", 2), ("IMAGE", 1)]
    assert all(one.retrieval.keys[Level.PATIENT] == ("P",) for one in fetches)


def test_what_has_no_place_is_asked_for_as_it_was_asked_of_us():
    nameless = Expected("", "1.2.3", "", "")

    fetches = fetches_of([nameless, STUDY[0]], [nameless, *STUDY], WHOLE)

    assert fetches[0].retrieval is WHOLE
    assert told(fetches) == [("STUDY", 1), ("IMAGE", 1)]
