"""Results that are written straight are those that are written by way of a data set."""

import pytest

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.bulk import Bulk
from hilum.dicom.charset_writing import UTF_8
from hilum.dicom.json_writer import to_json
from hilum.dicom.text_data_set import Columns, TextDataSet
from hilum.query.answer import result_of
from hilum.query.level import Level
from hilum.query.match import Match
from hilum.query.parameters import query_of_parameters
from hilum.query.result_json import ResultJson

URL = "http://pacs/dicom-web/studies/1.2.3"


def attributes(charset):
    builder = DataSetBuilder(charset)
    builder.texts(0x00100010, "Müller^Jürgen" if charset else "Doe^Jane")
    builder.texts(0x00100020, "P1 ")
    builder.texts(0x00080020, "20260101")
    builder.texts(0x00080061, "CT", "MR")
    builder.texts(0x00080054, "ELSEWHERE")
    builder.texts(0x00080056, "OFFLINE")
    builder.texts(0x00081030, "x" * 2000)
    builder.empty(0x00080050)
    builder.texts(0x0020000D, "1.2.3")
    builder.texts(0x0020000E, "1.2.3.4")
    builder.texts(0x00080018, "1.2.3.4.5")
    builder.texts(0x00201206, "3")
    builder.numbers(0x00280010, 512)
    item = builder.item().texts(0x00400009, "Ä1" if charset else "A1").data_set
    builder.items(0x00400275, item, DataSetBuilder().data_set)
    builder.data_set.elements[0x00081032] = ("SQ", [])
    builder.data_set.elements[0x00420011] = ("OB", Bulk(0, 5))
    return builder.data_set


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("charset", ["", "ISO_IR 100", UTF_8])
@pytest.mark.parametrize(
    "asked",
    [
        [],
        [("includefield", "StudyDescription,00081032,00420011,00280010,00080056,00080005")],
        [("includefield", "all")],
        [("includefield", "RequestAttributesSequence.ScheduledProcedureStepID")],
        [("includefield", "00091001"), ("00090010", "ACME")],
        [("PatientName", "M*"), ("OtherPatientIDs", "7")],
    ],
)
@pytest.mark.parametrize("url", [URL, ""])
def test_both_ways_give_the_same(level, charset, asked, url):
    query = query_of_parameters(level, asked, resource={}, limit_max=10).query
    match = Match(level, attributes(charset))

    straight = ResultJson(query).write(match, retrieve_url=url)

    assert straight == to_json(result_of(query, match, retrieve_url=url))


def row_of(texts):
    """Make it as the catalogue does: other things may stand in a row, too."""
    columns = Columns((place, tag, vr) for place, (tag, (vr, _)) in enumerate(texts.items(), 1))
    return TextDataSet(columns, ("before", *[text for _, text in texts.values()], "behind"))


TEXTS = {
    0x00080020: ("DA", "20260101"),
    0x00080061: ("CS", "CT\\MR"),
    0x00080054: ("AE", "ELSEWHERE"),
    0x00081030: ("LO", 'a "quoted" tail'),
    0x00100010: ("PN", "Müller^Jürgen=山田^太郎"),
    0x00100020: ("LO", "P1"),
    0x0020000D: ("UI", "1.2.3"),
    0x0020000E: ("UI", "1.2.3.4"),
    0x00080018: ("UI", "1.2.3.4.5"),
    0x00200013: ("IS", "+7"),
    0x00201206: ("IS", "3"),
    0x00280010: ("US", "512"),
    0x00280034: ("IS", "1\\2"),
}


PLAIN = TEXTS | {
    0x00080050: ("SH", None),
    0x00081030: ("LO", ""),
    0x00080061: ("CS", "CT"),
    0x00201208: ("IS", 30),
    0x00280010: ("US", 512),
    0x00280034: ("IS", None),
}


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize(
    "asked", [[], [("includefield", "StudyDescription,00280010,00280034,00080056")]]
)
@pytest.mark.parametrize("url", [URL, ""])
def test_rows_of_the_catalogue_are_written_as_their_bytes_are(level, asked, url):
    query = query_of_parameters(level, asked, resource={}, limit_max=10).query
    expected = to_json(result_of(query, Match(level, row_of(PLAIN)), retrieve_url=url))
    writer = ResultJson(query)

    for row in (row_of(PLAIN), row_of(dict(reversed(PLAIN.items()))), row_of(PLAIN)):
        assert expected == writer.write(Match(level, row), retrieve_url=url)
        assert row.row  # nobody has made bytes of it


def test_what_another_archive_says_of_its_availability_is_handed_on():
    query = query_of_parameters(Level.STUDY, [], resource={}, limit_max=10).query
    match = Match(Level.STUDY, attributes(UTF_8), "elsewhere")

    written = ResultJson(query).write(match, retrieve_url=URL)

    assert b'"OFFLINE"' in written
    assert written == to_json(result_of(query, match, retrieve_url=URL))


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize(
    "asked", [[], [("includefield", "StudyDescription,00280010,00280034,00080056")]]
)
@pytest.mark.parametrize("url", [URL, ""])
def test_texts_of_the_catalogue_are_written_as_their_bytes_are(level, asked, url):
    query = query_of_parameters(level, asked, resource={}, limit_max=10).query
    as_bytes = row_of(TEXTS)
    assert len(as_bytes.elements) == len([text for _, text in TEXTS.values() if text])

    straight = ResultJson(query).write(Match(level, row_of(TEXTS)), retrieve_url=url)

    assert straight == ResultJson(query).write(Match(level, as_bytes), retrieve_url=url)
    assert straight == to_json(result_of(query, Match(level, as_bytes), retrieve_url=url))


def test_a_study_without_modalities_says_nothing_of_them():
    """OHIF 3.13 lists no study at all when one says that it has none."""
    query = query_of_parameters(
        Level.STUDY, [("includefield", "Modality")], resource={}, limit_max=10
    ).query
    empty = DataSetBuilder().texts(0x0020000D, "1.2.3").empty(0x00080061).data_set
    sources = [
        empty,
        DataSetBuilder().texts(0x0020000D, "1.2.3").data_set,
        row_of({0x0020000D: ("UI", "1.2.3")}),
    ]
    for source in sources:
        match = Match(Level.STUDY, source)

        written = ResultJson(query).write(match, retrieve_url=URL)

        assert b'"00080061"' not in written
        assert written == to_json(result_of(query, match, retrieve_url=URL))
