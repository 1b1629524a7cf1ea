from hilum.pipeline.answerers.ailments import AnswererFailed, Lost
from hilum.pipeline.answerers.partial import partial_comment, partial_warnings, warning_of


def late(name):
    return AnswererFailed("…", answerer=name, ailment=Lost.LATE)


def test_a_warning_names_who_is_missing_and_why():
    assert warning_of(late("pacs")) == "pacs: did not answer in time"


def test_a_comment_fits_however_many_are_missing():
    warnings = [warning_of(late("a" * 60)), warning_of(late("b"))]

    assert partial_comment(warnings[1:]) == "partial: b: did not answer in time"
    assert len(partial_comment(warnings)) == 64
    assert partial_comment(warnings).endswith(" (+1)")
    assert partial_comment(()) == ""


def test_a_header_has_no_character_that_would_end_it():
    (text,) = partial_warnings(['p"a\\c\r\nsé: is busy'])

    assert text == "The answer may be incomplete: p?a?c??s?: is busy"
