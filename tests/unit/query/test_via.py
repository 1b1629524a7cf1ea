"""Who has asked already, as gateways tell each other."""

import pytest

from hilum.dicom.building import DataSetBuilder
from hilum.dimse.service.identifier import encode_identifier, read_identifier
from hilum.query.identifier import QUERY_RETRIEVE_LEVEL, query_of_identifier
from hilum.query.level import Model
from hilum.query.via import (
    VIA_MAX,
    pseudonym_of,
    tell_via,
    text_of_via,
    via_of_identifier,
    via_of_text,
)

ONE, TWO = pseudonym_of("run", "ONE"), pseudonym_of("run", "TWO")


def asked(*, private=""):
    builder = DataSetBuilder().texts(QUERY_RETRIEVE_LEVEL, "STUDY").empty(0x0020000D)
    if private:
        builder.texts(0x00090010, private, vr="LO").texts(0x00091001, "5", vr="LO")
    return builder.data_set


def test_faces_of_a_gateway_and_runs_of_it_have_other_pseudonyms():
    found = {ONE, TWO, pseudonym_of("other run", "ONE")}

    assert len(found) == 3
    assert all(len(one) == 16 for one in found)


def test_a_header_says_what_was_written():
    assert via_of_text(text_of_via((ONE, TWO))) == (ONE, TWO)


@pytest.mark.parametrize("text", ["", "?", "x" * 16, ONE.upper(), f"{ONE}0", " , "])
def test_what_is_no_pseudonym_is_nobody(text):
    assert via_of_text(text) == ()


def test_no_more_is_read_than_a_question_may_have_come_through():
    assert len(via_of_text(",".join([ONE] * 1000))) == VIA_MAX


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
@pytest.mark.parametrize("private", ["", "SOMEBODY ELSE"])
def test_an_identifier_says_it_beside_its_keys(syntax, private):
    identifier = asked(private=private)
    without = query_of_identifier(identifier, Model.STUDY_ROOT)

    tell_via(identifier, (ONE, TWO))
    came = read_identifier(encode_identifier(identifier, syntax), syntax)

    assert via_of_identifier(came) == (ONE, TWO)
    query = query_of_identifier(came, Model.STUDY_ROOT)
    assert [one.attribute for one in query.wanted] == [one.attribute for one in without.wanted]
    assert query.unsupported == ()


def test_an_identifier_of_anybody_else_says_nothing():
    assert via_of_identifier(asked(private="SOMEBODY ELSE")) == ()
