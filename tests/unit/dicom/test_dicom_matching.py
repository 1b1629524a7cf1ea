"""Attribute matching of PS3.4 §C.2.2, case by case."""

import time

import pytest

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.match_keys import BadKey, KeyRules, matching_of
from hilum.dicom.matching import (
    AnyOf,
    Between,
    BetweenMoments,
    EmptyValue,
    ItemWith,
    Key,
    Like,
    NameIs,
    NumberIs,
    OneOf,
    Universal,
    matches,
    matches_data_set,
)
from hilum.dicom.moments import date_time_of, offset_minutes_of, shifted, time_of
from hilum.dicom.name_matching import folded, is_fuzzy_match, sound_of
from hilum.dicom.wildcards import is_like


@pytest.mark.parametrize(
    ("vr", "text", "expected"),
    [
        ("LO", "", Universal()),
        ("LO", "*", Universal()),
        ("LO", "**", Universal()),
        ("DA", "*", Universal()),
        ("LO", '""', EmptyValue()),
        ("LO", "ABC ", AnyOf(("ABC",))),
        ("CS", "CT\\MR", AnyOf(("CT", "MR"))),
        ("LO", "a*\\b", OneOf((Like("a*"), AnyOf(("b",))))),
        ("UI", "1.2\\1.3\\1.2\0", AnyOf(("1.2", "1.3"))),
        ("IS", "007", NumberIs(7)),
        ("US", "512", NumberIs(512)),
        ("DS", "1.50", NumberIs(1.5)),
        ("AT", "0018106a", AnyOf(("0018106A",))),
        ("PN", "Müller^*", NameIs(("muller^*", "", ""), any_group=True)),
        ("PN", "=山田*", NameIs(("", "山田*", ""), any_group=False)),
        ("PN", "*^*", Universal()),
        ("DA", "20240131", Between("DA", "20240131", "20240131")),
        ("DA", "1997.08.13", Between("DA", "19970813", "19970813")),
        ("DA", "20240101-20240131", Between("DA", "20240101", "20240131")),
        ("DA", "-20240131", Between("DA", "", "20240131")),
        ("DA", "20240101-", Between("DA", "20240101", "")),
        ("TM", "2230", Between("TM", "223000.000000", "223059.999999")),
        ("TM", "10-12", Between("TM", "100000.000000", "125959.999999")),
        ("TM", "101500.5", Between("TM", "101500.500000", "101500.599999")),
        ("DT", "2024", Between("DT", "20240101000000.000000", "20241231235959.999999")),
        ("DT", "2024-2025", Between("DT", "20240101000000.000000", "20251231235959.999999")),
        (
            "DT",
            "202402291200+0100",
            Between("DT", "20240229110000.000000", "20240229110059.999999"),
        ),
        (
            "DT",
            "20240101-0500-20240102-0500",
            Between("DT", "20240101050000.000000", "20240103045959.999999"),
        ),
        ("DT", "-20240101", Between("DT", "", "20240101235959.999999")),
    ],
)
def test_the_text_of_a_key_says_what_is_asked(vr, text, expected):
    assert matching_of(vr, text) == expected


@pytest.mark.parametrize(
    ("vr", "text"),
    [
        ("DA", "2024"),
        ("DA", "20240230"),
        ("DA", "2024*"),
        ("DA", "-"),
        ("DA", "20240131-20240101"),
        ("DA", "20240101-x"),
        ("TM", "2530"),
        ("DT", "x-"),
        ("UI", "1.2.*"),
        ("IS", "x"),
        ("US", "1-2"),
        ("OB", "x"),
        ("SQ", "x"),
        ("LO", "x" * 1025),
        ("UI", "\\".join(["1.2"] * 10_001)),
    ],
)
def test_a_key_without_meaning_is_refused_without_telling_it(vr, text):
    with pytest.raises(BadKey) as refused:
        matching_of(vr, text)

    assert len(text) < 3 or text not in str(refused.value)


def test_several_values_must_be_agreed_on_where_the_rules_say_so():
    with pytest.raises(BadKey, match="agreed"):
        matching_of("CS", "CT\\MR", KeyRules(multiple_values=False))


@pytest.mark.parametrize(
    ("vr", "key", "values", "expected"),
    [
        ("LO", "", [], True),
        ("LO", "abc", ["ABC"], False),
        ("LO", "abc", ["x", "abc"], True),
        ("LO", "abc", [], False),
        ("LO", '""', [], True),
        ("LO", '""', [""], True),
        ("LO", '""', ["x"], False),
        ("LO", "a?c*", ["abcde"], True),
        ("LO", "a?c*", ["ac"], False),
        ("LO", "a.c", ["abc"], False),
        ("CS", "CT\\MR", ["MR"], True),
        ("IS", "7", ["007"], True),
        ("IS", "7", ["x"], False),
        ("DS", "1.5", ["1.50"], True),
        ("US", "512", ["512"], True),
        ("DA", "20240101-20240131", ["20240131"], True),
        ("DA", "20240101-20240131", ["2024.01.15"], True),
        ("DA", "20240101-20240131", ["20240201"], False),
        ("DA", "-20240131", ["19000101"], True),
        ("DA", "20240101-", ["x"], False),
        ("TM", "2230", ["223000"], True),
        ("TM", "223000", ["2230"], True),
        ("TM", "2230", ["223015.5"], True),
        ("TM", "10-12", ["125959"], True),
        ("TM", "10-12", ["130000"], False),
        ("DT", "20240101", ["20240101235900"], True),
        ("DT", "20240101120000+0100", ["20240101110000+0000"], True),
        ("PN", "MULLER^jorg", ["Müller^Jörg"], True),
        ("PN", "Müller^Jörg", ["MULLER^JORG^^"], True),
        ("PN", "Müller", ["Müller^Jörg"], False),
        ("PN", "M*", ["Müller^Jörg"], True),
        ("PN", "山田*", ["Yamada^Tarou=山田^太郎=やまだ^たろう"], True),
        ("PN", "=山田*", ["Yamada^Tarou=山田^太郎=やまだ^たろう"], True),
        ("PN", "==山田*", ["Yamada^Tarou=山田^太郎=やまだ^たろう"], False),
        ("PN", "Yamada*=佐藤*", ["Yamada^Tarou=山田^太郎"], False),
        ("PN", "やまだ*", ["Yamada^Tarou=山田^太郎=やまだ^たろう"], True),
        ("PN", "やまた*", ["Yamada^Tarou=山田^太郎=やまだ^たろう"], False),
        ("PN", "ﾔﾏﾀﾞ*", ["Yamada=山田=ヤマダ"], True),
        ("PN", "Soren*", ["Søren^Ærø"], True),
        ("PN", "STRASSE", ["Straße"], True),
        ("PN", "洪*", ["Hong^Gildong=洪^吉洞=홍^길동"], True),
    ],
)
def test_values_answer_a_key_or_do_not(vr, key, values, expected):
    assert matches(matching_of(vr, key), values) is expected


@pytest.mark.parametrize(
    ("key", "name", "expected"),
    [
        ("Meier", "Mayr^Anna", True),
        ("Schmitt^H", "Schmidt^Hans", False),
        ("Schmitt^Ha", "Schmidt^Hans", True),
        ("Hans Schmidt", "SCHMIDT^HANS", True),
        ("Müller Anna", "Müller^Jörg", False),
        ("Pfeifer", "Pfeiffer^X", True),
        ("Li", "Lee^X", False),
        ("山田", "Yamada^Tarou=山田^太郎", True),
        ("Jean-Luc", "Picard^Jean Luc", True),
        ("O'Brien", "OBRIEN^X", False),
        ("", "X", True),
    ],
)
def test_fuzzy_names_are_words_beginnings_and_sounds(key, name, expected):
    assert is_fuzzy_match(key, name) is expected


def test_words_that_sound_alike_have_one_sound():
    assert len({sound_of(word) for word in ("meier", "mayr", "maier", "meyer")}) == 1
    assert sound_of("山") == ""
    assert sound_of("schmidt") == sound_of("schmitt")


def test_folding_keeps_what_is_no_accent():
    assert folded("Ångström") == "angstrom"
    assert folded("が") == "が"
    assert folded("홍길동") == "홍길동"
    assert folded("ΑΘΉΝΑ") == folded("αθηνα")


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("*", "", True),
        ("a*", "a", True),
        ("*a", "ba", True),
        ("a*a", "a", False),
        ("a*b*c", "axbxc", True),
        ("a*b*c", "axcxb", False),
        ("*?*", "", False),
        ("*?*", "x", True),
        ("?", "xy", False),
        ("a**b", "ab", True),
        ("*ab?d*", "xxabcdyy", True),
        ("", "", True),
        ("", "x", False),
    ],
)
def test_wild_cards_describe_the_whole_text(pattern, text, expected):
    assert is_like(pattern, text) is expected


def test_no_pattern_takes_long():
    started = time.perf_counter()

    assert not is_like("*a" * 400 + "b", "a" * 10_000)

    assert time.perf_counter() - started < 1


def study(**texts):
    builder = DataSetBuilder("ISO_IR 192")
    step = builder.item().texts(0x00400009, "S1").texts(0x00401001, "R1").data_set
    builder.texts(0x00080020, "20240131").texts(0x00080030, "2359").items(0x00400275, step)
    for tag, text in texts.items():
        builder.texts(int(tag[1:], 16), text)
    return builder.data_set


def sequence(*pairs):
    keys = [Key(tag, "SH", matching_of("SH", text)) for tag, text in pairs]
    return Key(0x00400275, "SQ", ItemWith(tuple(keys)))


def test_one_item_must_have_all_that_is_asked_of_a_sequence():
    assert matches_data_set([sequence((0x00400009, "S*"), (0x00401001, "R1"))], study())
    assert not matches_data_set([sequence((0x00400009, "S1"), (0x00401001, "R2"))], study())
    assert not matches_data_set([Key(0x00081032, "SQ", ItemWith(()))], study())


def moment(first, last, offset=None):
    return [Key(0x00080020, "DA", BetweenMoments(0x00080030, first, last, offset))]


def test_a_date_and_its_time_are_one_moment():
    night = moment("20240131220000.000000", "20240201060000.000000")

    assert matches_data_set(night, study())
    assert not matches_data_set(night, study(t00080030="2159"))
    assert matches_data_set(night, study(t00080030=""))
    assert not matches_data_set(night, study(t00080020=""))
    assert matches_data_set(moment("20240131220000.000000", ""), study())


def test_offsets_count_when_both_sides_name_theirs():
    in_utc = moment("20240131225900.000000", "20240131225959.999999", 0)

    assert not matches_data_set(in_utc, study())
    assert matches_data_set(in_utc, study(t00080201="+0100"))


def test_moments_are_texts_that_sort():
    assert shifted("20240229235900.000000", 1) == "20240301000000.000000"
    assert shifted("00010101000000.000000", -60) == "00010101000000.000000"
    assert offset_minutes_of("-0330") == -210
    assert offset_minutes_of("+1500") is None
    assert time_of("10:15:60").first == "101560.000000"
    assert date_time_of("20240231") is None


def test_every_kind_of_key_says_whether_it_asks():
    assert not Key(0x00100010, "PN", Universal()).is_asking
    assert Key(0x00100010, "PN", EmptyValue()).is_asking


def test_a_key_for_a_name_keeps_what_was_asked_for_others_to_fold():
    matching = matching_of("PN", "Müller^*")

    assert isinstance(matching, NameIs)
    assert matching.text == "Müller^*"
