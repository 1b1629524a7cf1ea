import io

from hilum.cli.querying.columns import columns_for, default_columns
from hilum.cli.querying.keys import Key
from hilum.cli.querying.table import Table
from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.query.level import Level

UID = "1.2.826.0.1.3680043.8.498." + "9" * 38


def study(**texts):
    builder = DataSetBuilder("ISO_IR 192").texts(tags.STUDY_INSTANCE_UID, UID)
    for tag, text in texts.items():
        builder.texts(getattr(tags, tag), text)
    return builder.data_set


def shown(*matches, width=None, columns=None):
    stream = io.StringIO()
    table = Table(columns or default_columns(Level.STUDY), stream, width=width)
    for match in matches:
        table.match(match)
    table.close()
    return stream.getvalue().splitlines()


def test_without_a_terminal_a_match_is_one_line_and_nothing_is_cut():
    long = "A description of the study that goes on and on, much longer than lines are"

    lines = shown(study(STUDY_DESCRIPTION=long))

    assert len(lines) == 2
    assert long in lines[1]
    assert lines[1].endswith(UID)


def test_on_a_terminal_no_line_is_longer_than_it_but_a_uid():
    matches = [study(PATIENT_NAME="Name^" + "n" * 60, STUDY_DESCRIPTION="d" * 64)] * 3

    lines = shown(*matches, width=80)

    assert max(len(line) for line in lines) <= 80
    assert [line.strip() for line in lines if UID in line] == [UID] * 3
    assert any("…" in line for line in lines)


def test_matches_after_the_first_fifty_are_shown_at_once():
    stream = io.StringIO()
    table = Table(default_columns(Level.STUDY), stream)
    for _ in range(50):
        table.match(study())
    before = stream.getvalue().count("\n")
    table.match(study(PATIENT_NAME="A^much^longer^name^than^before"))

    assert before == 51
    assert stream.getvalue().count("\n") == 52
    assert "A, much, longer, name, than, before" in stream.getvalue()


def test_keys_that_somebody_asked_for_have_a_column():
    step = Key((0x00400275, 0x00400009))
    columns = columns_for(Level.SERIES, [step, Key((tags.MODALITY,), "CT"), step])

    titles = [column.title for column in columns]
    assert titles.count("ScheduledProcedureStepID") == 1
    assert titles[-1] == "series"


def test_control_characters_of_a_peer_do_not_reach_the_terminal():
    match = DataSetBuilder("ISO_IR 192").texts(tags.PATIENT_NAME, "A\x1b[31mB").data_set

    assert "\x1b" not in "\n".join(shown(match))
