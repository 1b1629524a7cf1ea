import json
import os
import signal

import pytest
from query_peer import WAIT, QueryPeer, Say, match

from hilum.cli.app import run
from hilum.dicom import tags
from hilum.dicom.building import DataSetBuilder
from hilum.dimse.service.ending import CANCELED, COMPLETE, does_not_match
from hilum.dimse.service.query import find_ended

LEVEL = 0x00080052
MODALITIES = 0x00080061


def find(*arguments):
    return run(["find", *[str(argument) for argument in arguments]])


def study(name, uid, date="20260131", charset="ISO_IR 100"):
    builder = DataSetBuilder(charset).texts(tags.PATIENT_NAME, name)
    builder.texts(tags.STUDY_INSTANCE_UID, uid).texts(tags.STUDY_DATE, date)
    return builder.texts(MODALITIES, "CT", "SR").data_set


def two_studies(asked):
    yield match(asked, study("Müller^Jürgen^^Dr.", "1.2.3"))
    yield match(asked, study("Yamada^Tarou=山田^太郎", "1.2.4", charset="ISO_IR 192"))
    yield Say(find_ended(asked.command, CANCELED if asked.is_cancelled else COMPLETE))


@pytest.fixture
def peer():
    with QueryPeer(two_studies).in_a_thread() as listening:
        yield listening


def asked_of(peer):
    return peer.asked[0].identifier


def test_a_table_is_readable_in_every_character_set(peer, capsys):
    code = find(f"PEER@{peer.host}:{peer.port}")

    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert code == 0
    assert lines[0].split()[:4] == ["date", "time", "patient", "ID"]
    assert lines[1].startswith("2026-01-31        Müller, Jürgen, Dr. ")
    assert lines[1].endswith("1.2.3")
    assert "CT, SR" in lines[1]
    assert "Yamada, Tarou = 山田, 太郎" in lines[2]
    assert said.err.startswith(f"2 studies at PEER (127.0.0.1:{peer.port}), ")


def test_json_is_one_object_a_line(peer, capsys):
    code = find(f"{peer.host}:{peer.port}", "--json", "--quiet")

    said = capsys.readouterr()
    first, second = [json.loads(line) for line in said.out.splitlines()]
    assert code == 0
    assert said.err == ""
    assert first["00100010"]["Value"] == [{"Alphabetic": "Müller^Jürgen^^Dr."}]
    assert second["00100010"]["Value"][0]["Ideographic"] == "山田^太郎"


def test_friendly_options_become_keys(peer):
    find(f"{peer.host}:{peer.port}", "--patient", "7", "--name", "DOE*", "--date", "2026-",
         "--modality", "CT,MR", "--accession", "A,1", "--study", "1.2,1.3")  # fmt: skip

    identifier = asked_of(peer)
    assert identifier.text(LEVEL) == "STUDY"
    assert identifier.text(tags.PATIENT_ID) == "7"
    assert identifier.text(tags.PATIENT_NAME) == "DOE*"
    assert identifier.text(tags.STUDY_DATE) == "20260101-"
    assert identifier.texts(MODALITIES) == ["CT", "MR"]
    assert identifier.text(tags.ACCESSION_NUMBER) == "A,1"
    assert identifier.texts(tags.STUDY_INSTANCE_UID) == ["1.2", "1.3"]


def test_what_users_of_findscu_write_is_understood(peer):
    code = find("-v", "-d", "-S", "-aet", "ME", "-aec", "YOU", "-to", 5, "-ta", 5, "-td", 5,
                "-pdu", 16384, "-k", "0008,0052=SERIES", "-k", "(0020,000d)=1.2", "-k", "Modality",
                "-k", "RequestAttributesSequence[0].ScheduledProcedureStepID=S1",
                peer.host, peer.port)  # fmt: skip

    identifier = asked_of(peer)
    assert code == 0
    assert (peer.requests[0].calling_ae_title, peer.requests[0].called_ae_title) == ("ME", "YOU")
    assert identifier.text(LEVEL) == "SERIES"
    assert identifier.text(tags.STUDY_INSTANCE_UID) == "1.2"
    assert tags.MODALITY in identifier
    (item,) = identifier.items(0x00400275)
    assert item.text(0x00400009) == "S1"


@pytest.mark.parametrize(
    ("name", "charset"),
    [("DOE*", "ISO_IR 192"), ("MÜLLER*", "ISO_IR 100"), ("ЛЮК*", "ISO_IR 192")],
)
def test_the_question_is_in_a_character_set_that_has_it(peer, name, charset):
    find(f"{peer.host}:{peer.port}", "--name", name)

    identifier = asked_of(peer)
    assert identifier.text(tags.PATIENT_NAME) == name
    assert identifier.text(tags.SPECIFIC_CHARACTER_SET) == charset


def test_a_charset_can_be_chosen_or_left_out(peer):
    find(f"{peer.host}:{peer.port}", "--charset", "ISO_IR 144", "--name", "ЛЮК*")
    find(f"{peer.host}:{peer.port}", "--charset", "none")

    first, second = [asked.identifier for asked in peer.asked]
    assert first.text(tags.PATIENT_NAME) == "ЛЮК*"
    assert tags.SPECIFIC_CHARACTER_SET not in second


def test_a_limit_is_kept_and_told(peer, capsys):
    code = find(f"{peer.host}:{peer.port}", "--limit", 1)

    said = capsys.readouterr()
    assert code == 0
    assert len(said.out.splitlines()) == 2
    assert "there are more (--limit 1)" in said.err


def test_a_key_in_the_place_of_a_port_is_known_as_such(capsys):
    assert run(["find", "PACS@localhost:104", "StudyDate=2020"]) == 2

    assert "is written -k StudyDate=2020" in capsys.readouterr().err


def test_the_patient_level_is_of_the_patient_root(peer):
    find(f"{peer.host}:{peer.port}", "-L", "patient")

    assert peer.asked[0].context.abstract_syntax == "1.2.840.10008.5.1.4.1.2.1.1"


def test_a_failure_is_quoted_with_what_to_change(capsys):
    def refuse(asked):
        yield Say(find_ended(asked.command, does_not_match(tags.STUDY_INSTANCE_UID, "what study")))

    with QueryPeer(refuse).in_a_thread() as peer:
        code = find(f"PACS@{peer.host}:{peer.port}", "-L", "image")

    said = capsys.readouterr().err
    assert code == 1
    assert "PACS (127.0.0.1:" in said
    assert "(0xA900), about (0020,000D)" in said
    assert 'It says: "what study"' in said
    assert "give --study and --series" in said


def test_what_was_not_agreed_is_told(peer, capsys):
    find(f"{peer.host}:{peer.port}", "--fuzzy", "--relational")

    said = capsys.readouterr().err
    assert "did not agree to fuzzy matching" in said
    assert "did not agree to relational queries" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-k", "PatientNam=X"], "did you mean PatientName?"),
        (["-k", "PatientName.PatientID=X"], "only sequences"),
        (["-k", "RequestAttributesSequence=X"], "a sequence has no value"),
        (["-k", "RequestAttributesSequence[1].Modality=X"], "which is [0]"),
        (["-k", "Rows=many"], "(0028,0010): not a number"),
        (["-k", "=X"], "is not a key"),
        (["--date", "31.1.2026"], "write 20260131"),
        (["-L", "folder"], "patient, study, series, image"),
        (["-L", "patient", "-S"], "no patient level"),
        (["-P", "-S"], "choose one"),
        (["--charset", "KLINGON"], "none of DICOM's"),
        (["--charset", "ISO_IR 144", "--name", "Ä"], "has not all of its characters"),
        (["--limit", "0"], "at least 1"),
    ],
)
def test_nonsense_is_said_before_anybody_is_called(arguments, words, capsys):
    code = find("127.0.0.1:9", *arguments)

    assert code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("2026", "20260101-20261231"),
        ("202602", "20260201-20260228"),
        ("2024-202402", "20240101-20240229"),
        ("-2025", "-20251231"),
        ("202603-", "20260301-"),
        ("20260131", "20260131"),
    ],
)
def test_years_and_months_are_ranges_of_days(peer, text, dates):
    find(f"{peer.host}:{peer.port}", f"--date={text}")

    assert asked_of(peer).text(tags.STUDY_DATE) == dates


def test_ctrl_c_cancels_shows_what_came_and_releases(capsys):
    def script(asked):
        yield match(asked, study("A", "1.2.3"))
        os.kill(os.getpid(), signal.SIGINT)
        yield WAIT
        yield match(asked, study("B", "1.2.4"))
        yield Say(find_ended(asked.command, CANCELED))

    with QueryPeer(script).in_a_thread() as peer:
        code = find(f"{peer.host}:{peer.port}")

    said = capsys.readouterr()
    assert code == 1
    assert peer.asked[0].is_cancelled
    assert peer.releases == 1
    assert [line.split()[-1] for line in said.out.splitlines()[1:]] == ["1.2.3", "1.2.4"]
    assert "stopped; there may be more" in said.err


def test_a_second_ctrl_c_ends_at_once(capsys):
    def script(asked):
        yield match(asked, study("A", "1.2.3"))
        os.kill(os.getpid(), signal.SIGINT)
        yield WAIT
        os.kill(os.getpid(), signal.SIGINT)
        yield WAIT

    with QueryPeer(script).in_a_thread() as peer:
        code = find(f"{peer.host}:{peer.port}", "-td", 30)

    assert code == 1
    assert peer.releases == 0
    assert "interrupted" in capsys.readouterr().err
