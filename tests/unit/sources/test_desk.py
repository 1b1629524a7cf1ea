"""What the desk answers to an association request, and what it tells the operator about it."""

import asyncio
from types import SimpleNamespace

import pytest
from intake_bench import Listening
from test_admission import known, rules

from hilum.dicom.sop_classes import VERIFICATION
from hilum.dicom.syntaxes import IMPLICIT_VR_LITTLE_ENDIAN
from hilum.dimse.upper.items import RoleSelection, UserIdentity
from hilum.dimse.upper.pdu import (
    AssociateRequest,
    ContextResult,
    PresentationContext,
    UserInformation,
)
from hilum.kernel.names import UID
from hilum.service.clock import SystemClock
from hilum.sources.dimse.desk import Desk
from hilum.sources.dimse.services import Rulebook
from hilum.sources.dimse.settings import DimseLimits

CT = "1.2.840.10008.5.1.4.1.1.2"
NEW_STORAGE = "1.2.840.10008.5.1.4.1.1.99999"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
PRIVATE = "1.3.12.2.1107.5.9.1"
SYNTAX = IMPLICIT_VR_LITTLE_ENDIAN.uid


class Line:
    """A connection that keeps the answer."""

    host = "10.1.2.3"

    def __init__(self) -> None:
        self.engine = SimpleNamespace(accept=lambda answer: answer)

    def send(self, answer) -> None:
        self.answer = answer


def ask(*contexts, private=False, information=None, syntax=SYNTAX, **peer):
    """Ask as the peer ct1; give the answer and the remedies of what was refused."""
    proposed = tuple(
        PresentationContext(2 * number + 1, UID(uid), (syntax,))
        for number, uid in enumerate(contexts)
    )
    request = AssociateRequest(
        "HILUM", "CT1", proposed, UserInformation(0, UID("1.2.3"), **(information or {}))
    )
    line, telemetry = Line(), Listening()

    async def main() -> None:
        desk = Desk(
            rulebook=Rulebook(rules(known(**peer)), private),
            limits=DimseLimits(),
            intake=SimpleNamespace(obstacle=None, carriers=0),
            clock=SystemClock(),
            telemetry=telemetry,
        )
        desk.open(line, request)

    asyncio.run(main())
    refused = [event for event in telemetry.events if type(event).__name__ == "ContextsRefused"]
    return line.answer, [event.remedy for event in refused]


@pytest.mark.parametrize(
    ("may", "sop_class", "missing"), [("store", VERIFICATION, "echo"), ("echo", CT, "store")]
)
def test_a_missing_permission_is_a_user_rejection_and_is_named(may, sop_class, missing):
    answer, remedies = ask(sop_class, may=[may])

    assert [one.result for one in answer.contexts] == [ContextResult.USER_REJECTION]
    assert remedies == [f'add "{missing}" to peers.ct1.may']


@pytest.mark.parametrize(
    ("sop_class", "private", "remedy"),
    [
        (PRIVATE, False, "set sources.dimse.accept_private_sop_classes"),
        (NEW_STORAGE, False, "set sources.dimse.accept_private_sop_classes"),
        (PRIVATE, True, 'add "store" to peers.ct1.may'),
        (FIND, True, "services that are not offered"),
    ],
)
def test_a_class_we_do_not_know_is_not_supported(sop_class, private, remedy):
    may = ["echo"] if private else ["echo", "store"]
    answer, (told,) = ask(sop_class, private=private, may=may)

    assert [one.result for one in answer.contexts] == [ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED]
    assert remedy in told


@pytest.mark.parametrize(
    ("changes", "result", "remedy"),
    [
        ({"syntax": "none"}, ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED, "transfer syntax"),
        (
            {"information": {"roles": (RoleSelection(UID(CT), scu=False, scp=True),)}},
            ContextResult.USER_REJECTION,
            "SCU",
        ),
    ],
)
def test_what_the_caller_proposed_wrongly_is_not_blamed_on_the_sop_class(changes, result, remedy):
    answer, (told,) = ask(CT, **changes)

    assert answer.contexts[0].result is result
    assert remedy in told


def test_each_cause_has_its_remedy_once():
    _, remedies = ask(CT, NEW_STORAGE, CT, FIND, VERIFICATION, may=["echo"])

    (told,) = remedies
    assert told.count('"store"') == told.count("accept_private") == told.count("not offered") == 1


def test_what_is_accepted_needs_no_remedy():
    answer, remedies = ask(CT, VERIFICATION)

    assert {one.result for one in answer.contexts} == {ContextResult.ACCEPTANCE}
    assert remedies == []


def identified(kind=2, *, response_requested=True):
    identity = UserIdentity(kind, response_requested, b"ct1", b"secret")
    return {"user_identity": identity}


@pytest.mark.parametrize(
    ("information", "peer", "response"),
    [
        (identified(), {"user": "ct1", "password": "secret"}, b""),
        (identified(response_requested=False), {"user": "ct1", "password": "secret"}, None),
        # Nobody has looked at it: a positive response would be a lie.
        (identified(), {}, None),
        (identified(kind=1), {}, None),
    ],
)
def test_only_an_identity_that_was_verified_is_confirmed(information, peer, response):
    """PS3.7 §D.3.3.7.2; of type 2 the response is empty."""
    answer, _ = ask(CT, information=information, **peer)

    assert answer.user_information.user_identity_response == response
