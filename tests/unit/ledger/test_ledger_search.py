"""Whatever SQL does: found is what the rules of matching say, each once, in pages that fit."""

import itertools

import pytest
from ledger_entries import ORIGIN, entry, rows

from hilum.dicom.dictionary import tag_of
from hilum.dicom.match_keys import DEFAULT_RULES, KeyRules, matching_of
from hilum.dicom.matching import AnyOf, Key, matches_data_set
from hilum.dicom.vrs import vr_of
from hilum.ledger import search as searching
from hilum.ledger.ledger import Ledger
from hilum.ledger.schema import INSTANCE, PATIENT, SERIES, STUDY
from hilum.ledger.search_columns import COMPUTED, STORED
from hilum.query.level import Level
from hilum.query.query import Query, combined

NAMES = (
    "Müller^Jürgen",
    "MULLER^JURGEN",
    "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "Buc^Jérôme",
    "Meier^Anna",
    "Mayr^Anne^B",
    "",
    "[Odd]^Name",
)
DATES = ("20240101", "2024.02.03", "", "20241231", "no date", "20230615")
TIMES = ("101500", "10:15:30", "", "2359", "000000.5", "101500.25")
MODALITIES = ("CT", "MR", "", "PT", "SEG")


def attributes(patient, study, series):
    return {
        "patient_id": f"P{patient}" if patient != 6 else "",
        "issuer_of_patient_id": "HOSP" if patient % 2 else "",
        "patient_name": NAMES[patient % len(NAMES)],
        "patient_birth_date": DATES[patient % len(DATES)],
        "patient_sex": "MFO"[patient % 3],
        "study_instance_uid": f"1.2.{patient}.{study}",
        "study_date": DATES[(patient + study) % len(DATES)],
        "study_time": TIMES[(patient * study) % len(TIMES)],
        "accession_number": f"ACC-{patient}{study}" if study else "",
        "study_id": str(study),
        "study_description": "Head [x] 100%_*?"[: patient + 6],
        "referring_physician_name": NAMES[(patient + study + 3) % len(NAMES)],
        "series_instance_uid": f"1.2.{patient}.{study}.{series}",
        "modality": MODALITIES[(patient + series) % len(MODALITIES)],
        "series_number": series or None,
        "series_description": "ax" if series else "",
        "series_date": DATES[series],
        "performed_procedure_step_start_date": DATES[study],
    }


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Eight patients with three studies each, up to two series a study."""
    ledger = Ledger.open(tmp_path_factory.mktemp("search") / "ledger.db", durability="process")
    number = itertools.count(1)
    for patient, study in itertools.product(range(8), range(3)):
        entries = []
        for series in range(1 + (patient + study) % 2):
            for which in range(2):
                told = attributes(patient, study, series)
                uid = f"{told['series_instance_uid']}.{which}"
                entries.append(
                    entry(
                        next(number),
                        sop_instance_uid=uid,
                        image_type="ORIGINAL\\PRIMARY" if which else "DERIVED",
                        rows=512 if which else None,
                        **told,
                        instance_number=which,
                        content_time=TIMES[which],
                    )
                )
        ledger.record(entries)
    yield ledger
    ledger.close()


def keys_of(texts, rules=DEFAULT_RULES):
    tags = {tag_of(keyword): text for keyword, text in texts.items()}
    return tuple(
        Key(tag, vr_of(tag), matching_of(vr_of(tag), text, rules)) for tag, text in tags.items()
    )


def question(level, *, fuzzy=False, **texts):
    keys = keys_of(texts, KeyRules(fuzzy_names=fuzzy))
    return Query(level, keys, everything=True, relational=True)


def identities(matches):
    return [match.identity for match in matches]


def expected_of(archive, query):
    """All there is of a level, filtered by the rules themselves."""
    everything = archive.search.find(Query(query.level, everything=True)).matches
    return [match for match in everything if matches_data_set(query.keys, match.attributes)]


CASES = [
    {"PatientID": "P1"},
    {"PatientID": "P*"},
    {"PatientID": "P?", "PatientSex": "M"},
    {"PatientID": "P1\\P3"},
    {"PatientID": '""'},
    {"IssuerOfPatientID": "HOSP"},
    {"PatientName": "muller*"},
    {"PatientName": "MÜLLER^JÜRGEN"},
    {"PatientName": "*ller*"},
    {"PatientName": "*a*e*r*"},
    {"PatientName": "?eier^*"},
    {"PatientName": "*^ann*"},
    {"PatientName": "山田*"},
    {"PatientName": "yamada*=山*"},
    {"PatientName": "=山田^太郎"},
    {"PatientName": "==やまだ*"},
    {"PatientName": "*=*=や*"},
    {"PatientName": "[odd]*"},
    {"PatientName": "*[odd*"},
    {"PatientName": '""'},
    {"PatientName": "buc*\\meier*"},
    {"PatientBirthDate": "20240101"},
    {"PatientBirthDate": "-20240101"},
    {"PatientBirthDate": "20240101-", "PatientName": "*"},
]
STUDY_CASES = [
    {"StudyInstanceUID": "1.2.3.1\\1.2.4.2"},
    {"StudyInstanceUID": "9.9"},
    {"AccessionNumber": "ACC-11"},
    {"AccessionNumber": "ACC-?1"},
    {"AccessionNumber": "*1*"},
    {"AccessionNumber": '""'},
    {"StudyID": "2", "StudyDate": "20241231"},
    {"StudyDate": "20240203"},
    {"StudyDate": "20240101-20240630"},
    {"StudyDate": "-20240101"},
    {"StudyDate": "20240101-", "ModalitiesInStudy": "CT"},
    {"StudyDate": '""'},
    {"StudyTime": "101500"},
    {"StudyTime": "1015-1016"},
    {"ModalitiesInStudy": "MR"},
    {"ModalitiesInStudy": "CT\\PT"},
    {"ModalitiesInStudy": "S*"},
    {"ModalitiesInStudy": '""'},
    {"StudyDescription": "Head [x]*"},
    {"StudyDescription": "*100%*"},
    {"StudyDescription": "*_*"},
    {"ReferringPhysicianName": "mayr*"},
    {"ReferringPhysicianName": "*=*=や*", "PatientSex": "F"},
    {"NumberOfStudyRelatedSeries": "2"},
    {"NumberOfStudyRelatedInstances": "2", "PatientName": "m*"},
    {"SOPClassesInStudy": "1.2.840.10008.5.1.4.1.1.2"},
    {"SOPClassesInStudy": "1.2"},
    {"NumberOfPatientRelatedStudies": "3"},
]
SERIES_CASES = [
    {"Modality": "CT"},
    {"Modality": "CT", "StudyDate": "20240101-"},
    {"ModalitiesInStudy": "CT", "Modality": "MR"},
    {"SeriesInstanceUID": "1.2.3.1.0"},
    {"SeriesNumber": "1"},
    {"SeriesNumber": '""', "PatientID": "P3"},
    {"SeriesDate": "20240101-20241231"},
    {"NumberOfSeriesRelatedInstances": "2"},
    {"SeriesNumber": "9" * 30},
    {"NumberOfStudyRelatedSeries": "9" * 30},
    {"PerformedProcedureStepStartDate": "20240101-20240301", "PatientID": "P1"},
]
IMAGE_CASES = [
    {"SOPInstanceUID": "1.2.3.1.0.1"},
    {"Rows": "512"},
    {"Rows": '""', "StudyInstanceUID": "1.2.2.0"},
    {"ImageType": "PRIMARY"},
    {"ImageType": "D*"},
    {"InstanceNumber": "1", "SeriesInstanceUID": "1.2.3.1.0"},
    {"ContentTime": "10"},
    {"AvailableTransferSyntaxUID": "1.2.840.10008.1.2.1", "PatientID": "P1"},
]


def _cases():
    lists = (CASES, STUDY_CASES, SERIES_CASES, IMAGE_CASES)
    for own in Level:
        for cases in lists[: own + 1]:
            for case in cases:
                yield pytest.param(own, case, id=f"{own.name} {case}")


@pytest.mark.parametrize(("level", "case"), list(_cases()))
def test_what_is_found_is_what_the_rules_say(archive, level, case):
    query = question(level, **case)

    found = archive.search.find(query)

    assert sorted(identities(found.matches)) == sorted(identities(expected_of(archive, query)))
    assert found.next is None
    assert found.ignored == ()


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("name", ["meyer", "jurgen mull", "Anna", "taro", "x", "山田"])
def test_fuzzy_names_are_found_by_words_and_sounds(archive, level, name):
    query = question(level, fuzzy=True, PatientName=name)

    found = archive.search.find(query)

    assert sorted(identities(found.matches)) == sorted(identities(expected_of(archive, query)))


def test_moments_are_days_with_their_times(archive):
    keys = combined(keys_of({"StudyDate": "20240101-20240203", "StudyTime": "1015-"}), 60)
    query = Query(Level.STUDY, keys, everything=True)

    found = archive.search.find(query).matches

    assert sorted(identities(found)) == sorted(identities(expected_of(archive, query)))
    assert found


@pytest.mark.parametrize(
    ("level", "case"),
    [
        (Level.STUDY, {}),
        (Level.STUDY, {"PatientName": "*a*"}),
        (Level.IMAGE, {"PatientName": "m*"}),
        (Level.IMAGE, {"StudyDate": "20230101-"}),
        (Level.SERIES, {"ModalitiesInStudy": "CT"}),
        (Level.IMAGE, {"ContentTime": "10"}),
        (Level.SERIES, {"StudyInstanceUID": "1.2.3.1\\1.2.1.1\\1.2.2.1"}),
        (Level.PATIENT, {"PatientID": "P*"}),
    ],
)
@pytest.mark.parametrize("size", [1, 3])
def test_pages_put_together_are_the_whole(archive, level, case, size):
    query = question(level, **case)
    whole = identities(archive.search.find(query).matches)
    pages, after = [], None

    while True:
        page = archive.search.find(query, limit=size, after=after)
        pages += identities(page.matches)
        after = page.next
        if after is None:
            break

    assert pages == whole
    assert len(set(pages)) == len(pages) > 2


@pytest.mark.parametrize("case", [{}, {"ContentTime": "10"}])
def test_what_is_skipped_is_not_looked_at_again(archive, case):
    query = question(Level.IMAGE, **case)
    whole = identities(archive.search.find(query).matches)

    page = archive.search.find(query, limit=4, skip=3)

    assert identities(page.matches) == whole[3:7]


def test_a_call_ends_when_it_has_looked_at_enough_and_can_be_gone_on_with(archive, monkeypatch):
    monkeypatch.setattr(searching, "CANDIDATES_MAX", 5)
    monkeypatch.setattr(searching, "_CANDIDATES_AT_ONCE", 5)
    query = question(Level.IMAGE, ContentTime="10")
    found, after, calls = [], None, 0

    while calls == 0 or after is not None:
        page = archive.search.find(query, after=after)
        found, after, calls = found + identities(page.matches), page.next, calls + 1

    assert sorted(found) == sorted(identities(expected_of(archive, query)))
    assert calls > 3


def test_a_list_of_no_uid_has_no_answer(archive):
    query = Query(Level.STUDY, (Key(0x0020000D, "UI", AnyOf(())),))

    assert archive.search.find(query).matches == ()


def test_keys_that_the_catalogue_does_not_know_are_named(archive):
    query = question(Level.STUDY, PatientID="P1", StudyComments="x")

    found = archive.search.find(query)

    assert found.ignored == (0x00324000,)
    assert len(found.matches) == 3
    assert archive.search.unknown(query) == (0x00324000,)


@pytest.mark.parametrize(("availability", "count"), [("ONLINE", 3), ("OFFLINE", 0)])
def test_all_that_is_held_is_online(archive, availability, count):
    query = question(Level.STUDY, PatientID="P1", InstanceAvailability=availability)

    assert len(archive.search.find(query).matches) == count


def test_counts_and_collections_are_in_the_answer(archive):
    [match] = archive.search.find(question(Level.STUDY, StudyInstanceUID="1.2.1.2")).matches

    answer = match.attributes
    assert answer.texts(0x00080061) == ["MR"]
    assert answer.integer(0x00201206) == 2
    assert answer.integer(0x00201208) == 4
    assert answer.integer(0x00201200) == 3
    assert answer.text(0x00100010) == "MULLER^JURGEN"


def test_only_what_is_wanted_is_computed(archive):
    [match] = archive.search.find(
        Query(Level.STUDY, keys_of({"StudyInstanceUID": "1.2.1.2"}))
    ).matches

    assert COMPUTED.keys().isdisjoint(match.attributes.elements)


def test_attributes_have_the_columns_of_the_schema():

    tables = {
        Level.PATIENT: PATIENT,
        Level.STUDY: STUDY,
        Level.SERIES: SERIES,
        Level.IMAGE: INSTANCE,
    }
    assert [one for one in STORED.values() if one.column not in tables[one.level].c] == []


def test_a_name_that_is_filled_in_later_is_found(ledger):
    ledger.record(
        [entry(1, patient_name="", modality="", study_date="", referring_physician_name="")]
    )
    told = {"patient_name": "Doe^Jane", "modality": "CT", "study_date": "20240101"}

    ledger.record([entry(2, **told, referring_physician_name="Who^Ever")])

    for case in (
        {"PatientName": "doe*"},
        {"ModalitiesInStudy": "CT", "StudyDate": "20240101"},
        {"ReferringPhysicianName": "who*"},
    ):
        assert len(ledger.search.find(question(Level.STUDY, **case)).matches) == 1, case


def test_what_was_removed_is_found_no_more(ledger, path):
    ledger.record(
        [
            entry(1, series_instance_uid="1.2.1"),
            entry(2, series_instance_uid="1.2.2", modality="MR"),
        ]
    )
    paths = [held[0].path for held in ledger.find(["1.2.3.4.1", "1.2.3.4.2"]).values()]

    ledger.removals.remove(paths[1:], reason="test", by=ORIGIN, now=entry(1).received_at)

    assert ledger.search.find(question(Level.STUDY, ModalitiesInStudy="MR")).matches == ()
    ledger.removals.remove(paths, reason="test", by=ORIGIN, now=entry(1).received_at)
    assert ledger.search.find(Query(Level.PATIENT)).matches == ()
    assert rows(path, "SELECT * FROM name_key") == []
    assert rows(path, "SELECT * FROM study_modality") == []


@pytest.mark.parametrize("name", ["mayer", "tarou", "jerome"])
def test_fuzzy_names_of_physicians_are_looked_at_one_by_one(archive, name):
    query = question(Level.STUDY, fuzzy=True, ReferringPhysicianName=name)

    found = archive.search.find(query)

    assert sorted(identities(found.matches)) == sorted(identities(expected_of(archive, query)))
    assert found.matches


def test_who_is_found_by_two_groups_of_a_name_is_found_once(ledger):
    ledger.record([entry(1, patient_name="Lee^Ann=Lee^Bo=Lee^Cy")])

    found = ledger.search.find(question(Level.STUDY, PatientName="lee*"))

    assert len(found.matches) == 1


def test_a_date_that_is_filled_in_later_is_one_of_its_modality_too(ledger):
    ledger.record([entry(1, modality="CT", study_date="")])

    ledger.record([entry(2, modality="CT", study_date="20240101")])

    query = question(Level.STUDY, ModalitiesInStudy="CT", StudyDate="20240101")
    assert len(ledger.search.find(query).matches) == 1
