"""The statement says what the gateway does: what it claims is asked of the code that decides."""

import importlib.util
import re
from pathlib import Path
from typing import get_args

import pytest

from hilum.cli.app import run
from hilum.cli.conformance import statement
from hilum.cli.statement.admission import rejections
from hilum.cli.statement.asking import STATUSES
from hilum.cli.statement.markdown import table
from hilum.cli.statement.storing import _ANSWERS, statuses
from hilum.dicom.sop_classes import STORAGE_SOP_CLASSES, VERIFICATION
from hilum.dicom.syntaxes import (
    ALL_TRANSFER_SYNTAXES,
    EXPLICIT_VR_BIG_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from hilum.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from hilum.dimse.status import describe
from hilum.dimse.upper.negotiation import negotiate
from hilum.dimse.upper.pdu import (
    AssociateRequest,
    AsynchronousOperations,
    ContextResult,
    ExtendedNegotiation,
    PresentationContext,
    RoleSelection,
    UserIdentity,
    UserInformation,
)
from hilum.dimse.upper.reasons import AcseReason, PresentationReason, UserReason
from hilum.pipeline.answers import Answer, Misplaced, NotPassed, Passed
from hilum.service.config import Config
from hilum.sources.dimse import tls
from hilum.sources.dimse.admission import Admitted, Rules
from hilum.sources.dimse.services import SERVED, Rulebook, policy_for
from hilum.sources.dimse.settings import DimseLimits, Permission

ROOT = Path(__file__).parents[3]
CT = "1.2.840.10008.5.1.4.1.1.2"
PRIVATE = "1.3.12.2.1107.5.9.1"


def tool():
    path = ROOT / "tools/make_conformance.py"
    spec = importlib.util.spec_from_file_location("make_conformance", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def configured(**changes):
    return Config.model_validate(changes)


def said(text: str, start: str) -> str:
    """Give the one table row or line that begins with `start`."""
    (found,) = [line for line in text.splitlines() if line.startswith(start)]
    return found


def negotiated(*contexts, may=SERVED, private=False, is_identified=False, **offered):
    rules = Rules(frozenset({"HILUM"}), True, (), "accept", 1)
    admitted = Admitted("ct1", "HILUM", frozenset(may), is_identified)
    policy = policy_for(admitted, Rulebook(rules, private), DimseLimits())
    information = UserInformation(0, IMPLEMENTATION_CLASS_UID, **offered)
    proposed = tuple(
        PresentationContext(2 * number + 1, abstract, tuple(syntaxes))
        for number, (abstract, syntaxes) in enumerate(contexts)
    )
    return negotiate(AssociateRequest("HILUM", "CT1", proposed, information), policy)


def test_the_reference_is_up_to_date():
    page = (ROOT / "docs/reference/conformance.md").read_text(encoding="utf-8")

    assert page == tool().reference(), "run: python tools/make_conformance.py"


def test_the_command_prints_the_statement_of_its_configuration(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hilum.toml"
    path.write_text('[gateway]\nae_title = "NORTH"\n', encoding="utf-8")

    code = run(["conformance", "-c", str(path)])

    assert code == 0
    assert "### 3.1 Gateway (`NORTH`)" in capsys.readouterr().out


def test_a_configuration_with_an_error_prints_no_statement(tmp_path, capsys):
    path = tmp_path / "hilum.toml"
    path.write_text('[gateway]\nae_titel = "NORTH"\n', encoding="utf-8")

    code = run(["conformance", "-c", str(path)])

    assert code == 2
    assert capsys.readouterr().out == ""


def test_every_section_has_a_number_that_no_other_has_and_its_references_exist():
    text = statement(Config())
    numbers = re.findall(r"^#+ ([0-9][0-9.]*)", text, re.MULTILINE)
    numbers = [number.rstrip(".") for number in numbers]
    references = re.findall(r"(?:section|see|\() ?([3-4](?:\.[0-9])+)", text)

    assert len(numbers) == len(set(numbers))
    assert references
    assert set(references) <= set(numbers)


def test_every_table_is_complete():
    for block in statement(Config()).split("\n\n"):
        if block.startswith("|"):
            assert len({line.replace("\\|", "").count("|") for line in block.splitlines()}) == 1


def test_a_bar_in_a_cell_breaks_no_table():
    assert table(("a",), [("b|c\nd",)]).splitlines()[-1] == "| b\\|c d |"


def test_what_is_announced_is_what_is_claimed():
    accept = negotiated((VERIFICATION, [IMPLICIT_VR_LITTLE_ENDIAN.uid]))

    information = accept.user_information
    text = statement(Config())
    assert f"`{information.implementation_class_uid}`" in text
    assert f"`{information.implementation_version_name}`" in text
    assert information.implementation_version_name == IMPLEMENTATION_VERSION_NAME


def test_every_listed_sop_class_is_accepted_and_none_is_missing():
    text = statement(Config())
    annex = text[text.index("## Annex A") : text.index("## Annex B")]
    listed = re.findall(r"`([0-9.]+)`", annex)

    assert sorted(listed) == sorted(STORAGE_SOP_CLASSES)
    for start in range(0, len(listed), 128):
        contexts = [(uid, [IMPLICIT_VR_LITTLE_ENDIAN.uid]) for uid in listed[start : start + 128]]
        accept = negotiated(*contexts)
        assert {one.result for one in accept.contexts} == {ContextResult.ACCEPTANCE}


def test_every_listed_transfer_syntax_and_a_private_one_is_accepted():
    text = statement(Config())
    listed = re.findall(r"`([0-9.]+)`", text[text.index("## Annex B") :])

    assert listed == list(ALL_TRANSFER_SYNTAXES)
    accept = negotiated(*((CT, [uid]) for uid in (*listed, PRIVATE)))
    assert [one.transfer_syntax for one in accept.contexts] == [*listed, PRIVATE]


def test_the_answers_to_contexts_are_those_that_are_claimed():
    accept = negotiated(
        (CT, [IMPLICIT_VR_LITTLE_ENDIAN.uid]),
        (PRIVATE, [IMPLICIT_VR_LITTLE_ENDIAN.uid]),
        (CT, ["not a UID"]),
    )
    without = negotiated(
        (CT, [IMPLICIT_VR_LITTLE_ENDIAN.uid]),
        (PRIVATE, [IMPLICIT_VR_LITTLE_ENDIAN.uid]),
        may={"echo"},
        private=True,
    )
    as_scp = negotiated(
        (CT, [IMPLICIT_VR_LITTLE_ENDIAN.uid]),
        may={"store"},
        roles=(RoleSelection(CT, scu=False, scp=True),),
    )

    text = statement(Config())
    given = [one.result for answer in (accept, without, as_scp) for one in answer.contexts]
    assert given == [
        ContextResult.ACCEPTANCE,
        ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED,
        ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED,
        ContextResult.USER_REJECTION,
        ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED,
        ContextResult.USER_REJECTION,
    ]
    assert "may not store" in said(text, "| 3 abstract")
    assert "may not use the SOP class" in said(text, "| 1 user rejection")
    assert "SCP of storage" in said(text, "| 1 user rejection")
    assert said(text, "| 4 transfer")
    assert "| 2 no reason" not in text


def test_big_endian_is_taken_only_where_nothing_else_is():
    big, little = EXPLICIT_VR_BIG_ENDIAN.uid, IMPLICIT_VR_LITTLE_ENDIAN.uid
    accept = negotiated((CT, [big, little]), (CT, [big]))

    assert [one.transfer_syntax for one in accept.contexts] == [little, big]


def test_what_is_offered_is_answered_as_claimed():
    accept = negotiated(
        (CT, [IMPLICIT_VR_LITTLE_ENDIAN.uid]),
        asynchronous_operations=AsynchronousOperations(0, 0),
        roles=(RoleSelection(CT, scu=True, scp=True),),
        extended=(ExtendedNegotiation(CT, b"\2\0\3\0\2\0"),),
        user_identity=UserIdentity(1, response_requested=True, primary=b"x"),
    )

    ours = accept.user_information
    assert ours.asynchronous_operations == AsynchronousOperations(1, 1)
    assert ours.roles == (RoleSelection(CT, scu=True, scp=True),)
    assert ours.extended == ours.common_extended == ()
    assert ours.user_identity_response is None
    assert "not confirmed" in said(statement(Config()), "- User identity")


def test_an_identity_is_confirmed_where_it_is_claimed():
    accept = negotiated(
        (CT, [IMPLICIT_VR_LITTLE_ENDIAN.uid]),
        is_identified=True,
        user_identity=UserIdentity(2, response_requested=True, primary=b"x", secondary=b"y"),
    )

    assert accept.user_information.user_identity_response == b""
    assert "confirmed by a positive response" in said(statement(Config()), "- User identity")


def test_private_classes_are_claimed_exactly_when_they_are_accepted():
    off = configured()
    on = configured(sources={"dimse": {"accept_private_sop_classes": True}})

    assert "Private and unknown" not in statement(off)
    assert statement(on).count("| Private and unknown") == 2
    for is_on in (False, True):
        accept = negotiated((PRIVATE, [IMPLICIT_VR_LITTLE_ENDIAN.uid]), private=is_on)
        assert (accept.contexts[0].result is ContextResult.ACCEPTANCE) == is_on


def test_every_rejection_there_is_is_in_the_table():
    given = {reject.reason for _, reject in rejections()}

    # ACSE's "no reason" is for identity; the others of the standard are all in use.
    assert given == {*UserReason, *AcseReason, *PresentationReason}


def test_every_kind_of_answer_has_its_status():
    # No C-STORE names a study that it might not be of; what goes through has answers of others.
    others = {Misplaced, Passed, NotPassed}
    assert {type(answer) for answer, _ in _ANSWERS} == set(get_args(Answer)) - others


def test_stores_that_go_through_are_told_of_where_there_are_some():
    through = configured(
        destinations={"cloud": {"type": "dicomweb", "url": "http://localhost/rs"}},
        entities={"CLOUD": {"answers": ["cloud"], "stores": {"through": "cloud"}}},
    )

    assert "stores at `CLOUD` go through" in statement(through)
    assert "go through" not in statement(configured())


def test_a_duplicate_is_refused_only_where_the_policy_says_so():
    assert "0x0111" not in said_ours(statement(configured()))
    assert "`0x0111`" in said_ours(statement(configured(gateway={"duplicates": "keep_first"})))


def said_ours(text: str) -> str:
    return text[text.index("3.1.4.3") : text.index("#### 3.1.5")]


def test_statuses_of_ours_are_failures_or_success_with_a_reason():
    assert {status for status, _ in statuses()} == {
        *(0x0000, 0xA700, 0xA900, 0xC000, 0x0111, 0x0122, 0x0117, 0x0211)
    }
    assert all(reason.endswith((".", ")")) for _, reason in statuses())


def test_peers_are_told_with_what_they_may_and_without_secrets():
    config = configured(
        gateway={"workers": 2},
        peers={
            "ct1": {
                "ae_title": "CT1",
                "host": ["10.1.2.3"],
                "may": ["store", "worklist"],
                "user": "somebody",
                "password": "secret",
            },
            "old": {"ae_title": "OLD", "may": ["worklist"]},
        },
    )

    text = statement(config)
    assert said(text, "| peer ct1") == (
        "| peer ct1 | `CT1` | 10.1.2.3 | any of ours | user and password | store "
        "| 50 in each of 2 processes |"
    )
    assert "none in this version" in said(text, "| peer old")
    assert "somebody" not in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("unknown", "here", "there"),
    [
        ("refuse", "rejected", "rejected"),
        ("loopback", "echo, store, find, move, get |", "rejected"),
        ("accept", "echo, store, find, move, get |", "echo, store |"),
    ],
)
def test_unknown_callers_are_told_as_the_door_treats_them(unknown, here, there):
    text = statement(configured(gateway={"unknown_callers": unknown}))

    rows = [line for line in text.splitlines() if line.startswith("| anybody else")]
    assert [here in rows[0], there in rows[1]] == [True, True]


def test_services_that_are_served_can_be_permitted():
    assert set(get_args(Permission)) >= set(SERVED)


def test_every_query_and_retrieve_class_is_listed_and_accepted_with_what_it_negotiates():
    text = statement(Config())
    for permission in ("find", "move", "get"):
        for uid in SERVED[permission]:
            offer = ExtendedNegotiation(uid, b"\1\1\1\1\1")
            accept = negotiated((uid, [IMPLICIT_VR_LITTLE_ENDIAN.uid]), extended=(offer,))
            assert accept.contexts[0].result is ContextResult.ACCEPTANCE
            (answer,) = accept.user_information.extended
            claimed = b"\1\1\1\1\0" if permission == "find" else b"\1\0"
            assert answer.application_information == claimed
            assert f"| `{uid}` | SCP |" in text


def test_every_status_of_query_and_retrieve_is_one_of_its_service():
    for service, rows in STATUSES.items():
        assert len({status for status, _ in rows}) == len(rows)
        for status, _ in rows:
            assert "not listed" not in describe(status, service)


def test_tls_is_claimed_as_it_is_set_up():
    text = statement(
        configured(
            sources={
                "dimse": {
                    "tls": {
                        "certificate": "a.crt",
                        "key": "a.key",
                        "client_ca": "ca.crt",
                        "minimum_version": "1.3",
                    }
                }
            }
        )
    )

    assert tls._CIPHERS == "ECDHE+AESGCM:ECDHE+CHACHA20"
    assert "| Gateway | DICOM over TLS | `0.0.0.0:2762` |" in text
    assert "The gateway: TLS 1.3; peers must show a certificate that `client_ca` signed." in text
    assert "not configured" not in text


def test_a_plain_port_that_is_off_is_not_claimed():
    tls = {"certificate": "a.crt", "key": "a.key"}
    text = statement(configured(sources={"dimse": {"plain": False, "tls": tls}}))

    assert "| Gateway | DICOM | " not in text
    assert "| Gateway | DICOM over TLS | " in text


def test_limits_are_those_of_the_configuration():
    limits = {"receive_pdu_bytes": 65536, "idle_seconds": 7.5, "bytes_per_second_min": 0}
    text = statement(configured(sources={"dimse": {"limits": limits}}))

    assert "65,536 bytes" in said(text, "| Largest PDU received | 65")
    assert "7.5 s" in said(text, "| Silence on an association")
    assert "Slowest transfer" not in text


def test_the_rows_of_the_sender_cover_every_store_status():
    text = statement(Config())

    assert "tries it again" in said(text, "| `0xA700` to")
    assert "goes on" in said(text, "| `0xC000` to")
    assert "warning" in said(text, "| `0xB000`")
