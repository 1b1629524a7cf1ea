"""What a C-MOVE or C-GET wants, read from its identifier."""

import pytest

from hilum.dicom.building import DataSetBuilder
from hilum.query.identifier import BadIdentifier
from hilum.query.level import Level, Model
from hilum.query.retrieval import Retrieval, retrieval_of_identifier

PATIENT, STUDY, SERIES, IMAGE = 0x00100020, 0x0020000D, 0x0020000E, 0x00080018
LEVEL = 0x00080052


def identifier(level, **keys):
    builder = DataSetBuilder("").texts(LEVEL, level)
    names = {"patient": PATIENT, "study": STUDY, "series": SERIES, "image": IMAGE}
    for name, value in keys.items():
        builder.texts(names[name], *value.split("\\"))
    return builder.data_set


@pytest.mark.parametrize(
    ("model", "asked", "level", "keys"),
    [
        (
            Model.STUDY_ROOT,
            identifier("STUDY", study="1.2\\1.3"),
            Level.STUDY,
            {Level.STUDY: ("1.2", "1.3")},
        ),
        (
            Model.STUDY_ROOT,
            identifier("SERIES", study="1.2", series="1.2.1\\1.2.2", patient="A*"),
            Level.SERIES,
            {Level.STUDY: ("1.2",), Level.SERIES: ("1.2.1", "1.2.2")},
        ),
        (
            Model.PATIENT_ROOT,
            identifier("PATIENT", patient="P1"),
            Level.PATIENT,
            {Level.PATIENT: ("P1",)},
        ),
        (
            Model.PATIENT_ROOT,
            identifier("IMAGE", patient="P1", study="1.2", series="1.3", image="1.4"),
            Level.IMAGE,
            {
                Level.PATIENT: ("P1",),
                Level.STUDY: ("1.2",),
                Level.SERIES: ("1.3",),
                Level.IMAGE: ("1.4",),
            },
        ),
        (
            Model.PATIENT_STUDY_ONLY,
            identifier("STUDY", patient="P1", study="1.2"),
            Level.STUDY,
            {Level.PATIENT: ("P1",), Level.STUDY: ("1.2",)},
        ),
    ],
)
def test_the_unique_keys_of_a_level_say_what_is_wanted(model, asked, level, keys):
    assert retrieval_of_identifier(asked, model) == Retrieval(level, keys)


@pytest.mark.parametrize(
    ("model", "asked", "tag"),
    [
        (Model.STUDY_ROOT, identifier("PATIENT", patient="P1"), LEVEL),
        (Model.PATIENT_STUDY_ONLY, identifier("SERIES", series="1.2"), LEVEL),
        (Model.STUDY_ROOT, identifier(""), LEVEL),
        (Model.STUDY_ROOT, identifier("STUDY"), STUDY),
        (Model.STUDY_ROOT, identifier("STUDY", study="1.*"), STUDY),
        (Model.STUDY_ROOT, identifier("SERIES", series="1.2"), STUDY),
        (Model.STUDY_ROOT, identifier("SERIES", study="1\\2", series="1.2"), STUDY),
        (Model.PATIENT_ROOT, identifier("PATIENT", patient="P1\\P2"), PATIENT),
        (Model.PATIENT_ROOT, identifier("PATIENT", patient="*"), PATIENT),
        (Model.PATIENT_ROOT, identifier("STUDY", study="1.2"), PATIENT),
    ],
)
def test_what_does_not_say_it_is_refused_with_its_attribute(model, asked, tag):
    with pytest.raises(BadIdentifier) as refused:
        retrieval_of_identifier(asked, model)

    assert (refused.value.tag, refused.value.status) == (tag, 0xA900)


def test_a_relational_retrieval_needs_no_levels_above():
    asked = identifier("IMAGE", image="1.4\\1.5")

    wanted = retrieval_of_identifier(asked, Model.PATIENT_ROOT, relational=True)

    assert wanted == Retrieval(Level.IMAGE, {Level.IMAGE: ("1.4", "1.5")})
