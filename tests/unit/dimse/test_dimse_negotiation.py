"""What a policy makes of a request: pure, so every test is a value against a value."""

from dataclasses import replace

import pytest
from dimse_cases import CT, EXPLICIT, IMPLICIT, VERIFICATION, make_request

from hilum.dimse.upper.negotiation import (
    Context,
    Policy,
    first_listed,
    looks_like_storage,
    negotiate,
    negotiated_contexts,
)
from hilum.dimse.upper.pdu import (
    AcceptedContext,
    AssociateAccept,
    AssociateReject,
    AsynchronousOperations,
    ContextResult,
    ExtendedNegotiation,
    PresentationContext,
    RoleSelection,
    UserIdentity,
    UserInformation,
)
from hilum.dimse.upper.reasons import AcseReason, RejectResult, UserReason
from hilum.dimse.upper.state import Role
from hilum.kernel.names import UID

BIG_ENDIAN = UID("1.2.840.10008.1.2.2")
JPEG = UID("1.2.840.10008.1.2.4.70")
PRIVATE = UID("1.3.12.2.1107.5.9.1")
FIND = UID("1.2.840.10008.5.1.4.1.2.2.1")
POLICY = Policy(abstract_syntaxes={CT, VERIFICATION})


def proposal(abstract_syntax=CT, *syntaxes, context_id=1):
    return PresentationContext(context_id, UID(abstract_syntax), syntaxes or (IMPLICIT,))


def answer_to(context, policy=POLICY, **information) -> AcceptedContext:
    (answer,) = accept_of((context,), policy, **information).contexts
    return answer


def accept_of(contexts, policy=POLICY, **information) -> AssociateAccept:
    user = UserInformation(16384, UID("1.2.3"), **information)
    accept = negotiate(make_request(contexts=contexts, user_information=user), policy)
    assert isinstance(accept, AssociateAccept)
    return accept


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"protocol_version": 2}, AcseReason.PROTOCOL_VERSION_NOT_SUPPORTED),
        ({"protocol_version": 0}, AcseReason.PROTOCOL_VERSION_NOT_SUPPORTED),
        ({"application_context": UID("1.2.3")}, UserReason.APPLICATION_CONTEXT_NOT_SUPPORTED),
        ({"application_context": UID("")}, UserReason.APPLICATION_CONTEXT_NOT_SUPPORTED),
        ({"contexts": ()}, UserReason.NO_REASON_GIVEN),
    ],
)
def test_what_cannot_be_negotiated_is_rejected_for_its_reason(changes, reason):
    answer = negotiate(make_request(**changes), POLICY)

    assert answer == AssociateReject(RejectResult.PERMANENT, reason)


def test_only_bit_0_of_the_protocol_version_is_tested():
    assert isinstance(negotiate(make_request(protocol_version=3), POLICY), AssociateAccept)


def test_every_context_is_answered_with_its_own_result():
    policy = replace(POLICY, transfer_syntaxes={IMPLICIT}, forbidden_abstract_syntaxes={FIND})
    contexts = (
        proposal(VERIFICATION, IMPLICIT, context_id=1),
        proposal(FIND, IMPLICIT, context_id=3),
        proposal(PRIVATE, EXPLICIT, IMPLICIT, context_id=5),
        proposal(CT, JPEG, context_id=255),
        PresentationContext(7, CT, ()),
    )

    answers = accept_of(contexts, policy).contexts

    assert answers == (
        AcceptedContext(1, ContextResult.ACCEPTANCE, IMPLICIT),
        AcceptedContext(3, ContextResult.USER_REJECTION, IMPLICIT),
        AcceptedContext(5, ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED, EXPLICIT),
        AcceptedContext(255, ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED, JPEG),
        AcceptedContext(7, ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED, IMPLICIT),
    )


def test_an_association_without_any_usable_context_is_accepted_so_that_results_are_told():
    accept = accept_of((proposal(PRIVATE),))

    assert accept.contexts[0].result is ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED


def test_128_contexts_are_answered():
    contexts = tuple(proposal(context_id=number) for number in range(1, 256, 2))

    answers = accept_of(contexts).contexts

    assert [answer.id for answer in answers] == list(range(1, 256, 2))
    assert {answer.result for answer in answers} == {ContextResult.ACCEPTANCE}


@pytest.mark.parametrize(
    ("proposed", "accepted", "chosen"),
    [
        ((EXPLICIT, IMPLICIT), None, EXPLICIT),
        ((IMPLICIT, EXPLICIT), None, IMPLICIT),
        ((JPEG, EXPLICIT, IMPLICIT), None, JPEG),  # storescu -xs +C: nothing is decompressed
        ((EXPLICIT, JPEG), None, EXPLICIT),  # nothing is compressed either
        ((BIG_ENDIAN, IMPLICIT), None, IMPLICIT),  # storescu's second context
        ((BIG_ENDIAN,), None, BIG_ENDIAN),
        ((JPEG, EXPLICIT), {EXPLICIT, IMPLICIT}, EXPLICIT),
        ((BIG_ENDIAN, EXPLICIT), {BIG_ENDIAN}, BIG_ENDIAN),
        ((JPEG,), {EXPLICIT}, None),
        ((PRIVATE,), None, PRIVATE),
        ((UID("not a uid"), EXPLICIT), None, EXPLICIT),
        ((UID(""),), None, None),
        ((), None, None),
    ],
)
def test_the_senders_first_syntax_is_taken_but_big_endian_last(proposed, accepted, chosen):
    assert first_listed(proposed, accepted) == chosen


def test_a_policy_may_choose_otherwise():
    policy = replace(POLICY, choose=lambda proposed, _accepted: proposed[-1])

    assert answer_to(proposal(CT, EXPLICIT, IMPLICIT), policy).transfer_syntax == IMPLICIT


@pytest.mark.parametrize(
    ("abstract_syntax", "storage"),
    [
        (CT, True),
        ("1.2.840.10008.5.1.4.1.1.999.9", True),
        (PRIVATE, True),
        (FIND, False),
        (VERIFICATION, False),
        ("1.2.840.10008.1.20.1", False),
        ("1.2.840.10008.5.1.4.1.1.x", False),
        ("../../x", False),
        ("", False),
        ("1" * 65, False),
    ],
)
def test_unknown_storage_is_told_from_other_services(abstract_syntax, storage):
    assert looks_like_storage(abstract_syntax) is storage


@pytest.mark.parametrize("accept_unknown", [True, False])
def test_unknown_storage_is_accepted_only_when_wanted(accept_unknown):
    policy = replace(POLICY, accept_unknown_storage=accept_unknown)
    expected = (
        ContextResult.ACCEPTANCE if accept_unknown else ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED
    )

    assert answer_to(proposal(PRIVATE), policy).result is expected
    assert answer_to(proposal(FIND), policy).result is ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED


def test_nothing_is_answered_that_was_not_offered():
    policy = replace(POLICY, identity_response=b"ok", extended_answer=lambda _: b"\2")

    information = accept_of((proposal(),), policy).user_information

    assert information == UserInformation(
        policy.maximum_length, policy.implementation_class_uid, policy.implementation_version_name
    )


@pytest.mark.parametrize(
    ("ours", "offered", "answered"),
    [
        ((1, 1), (1, 1), (1, 1)),
        ((1, 1), (8, 4), (1, 1)),
        ((1, 1), (0, 0), (1, 1)),
        ((4, 4), (2, 8), (2, 4)),
        ((0, 0), (5, 0), (5, 0)),
        ((0, 3), (0, 0), (0, 3)),
    ],
)
def test_the_window_answered_never_exceeds_the_one_offered(ours, offered, answered):
    policy = replace(POLICY, asynchronous_operations=AsynchronousOperations(*ours))

    accept = accept_of(
        (proposal(),), policy, asynchronous_operations=AsynchronousOperations(*offered)
    )

    found = accept.user_information.asynchronous_operations
    assert found == AsynchronousOperations(*answered)


@pytest.mark.parametrize(
    ("requested", "configured", "sent"),
    [(True, b"", b""), (True, b"ticket", b"ticket"), (True, None, None), (False, b"", None)],
)
def test_identity_is_confirmed_only_when_asked_for(requested, configured, sent):
    policy = replace(POLICY, identity_response=configured)

    accept = accept_of((proposal(),), policy, user_identity=UserIdentity(1, requested, b"me"))

    assert accept.user_information.user_identity_response == sent


def test_extended_negotiation_is_answered_once_for_accepted_classes():
    policy = replace(POLICY, extended_answer=lambda offer: offer.application_information + b"!")
    offers = (
        ExtendedNegotiation(CT, b"\1"),
        ExtendedNegotiation(CT, b"\0"),
        ExtendedNegotiation(PRIVATE, b"\1"),
    )

    accept = accept_of((proposal(), proposal(PRIVATE, context_id=3)), policy, extended=offers)

    assert accept.user_information.extended == (ExtendedNegotiation(CT, b"\1!"),)


@pytest.mark.parametrize(
    ("offered", "may_be_scp", "answered", "requestor_roles"),
    [
        ((True, False), False, (True, False), (True, False)),
        ((True, True), False, (True, False), (True, False)),
        ((True, True), True, (True, True), (True, True)),
        ((False, True), True, (False, True), (False, True)),
    ],
)
def test_roles_are_answered_and_seen_from_both_sides(
    offered, may_be_scp, answered, requestor_roles
):
    policy = replace(POLICY, peer_may_be_scp_of={CT} if may_be_scp else frozenset())
    user = UserInformation(16384, UID("1.2"), roles=(RoleSelection(CT, *offered),))
    request = make_request(contexts=(proposal(CT, EXPLICIT, context_id=9),), user_information=user)

    accept = negotiate(request, policy)

    assert isinstance(accept, AssociateAccept)
    assert accept.user_information.roles == (RoleSelection(CT, *answered),)
    scu, scp = requestor_roles
    assert negotiated_contexts(request, accept, Role.REQUESTOR) == {
        9: Context(9, CT, EXPLICIT, we_are_scu=scu, we_are_scp=scp)
    }
    assert negotiated_contexts(request, accept, Role.ACCEPTOR) == {
        9: Context(9, CT, EXPLICIT, we_are_scu=scp, we_are_scp=scu)
    }


@pytest.mark.parametrize("offered", [(False, True), (False, False)])
def test_a_context_in_which_nobody_could_act_is_refused(offered):
    accept = accept_of((proposal(),), roles=(RoleSelection(CT, *offered),))

    assert accept.contexts[0].result is ContextResult.USER_REJECTION
    assert accept.user_information.roles == ()


def test_without_role_selection_the_requestor_is_scu():
    request = make_request(contexts=(proposal(),))
    accept = negotiate(request, POLICY)
    assert isinstance(accept, AssociateAccept)

    (context,) = negotiated_contexts(request, accept, Role.REQUESTOR).values()

    assert (context.we_are_scu, context.we_are_scp) == (True, False)


@pytest.mark.parametrize("offered", [(), (RoleSelection(CT, True, False),)])
def test_a_role_that_was_never_proposed_is_not_taken(offered):
    user = UserInformation(16384, UID("1.2"), roles=offered)
    request = make_request(contexts=(proposal(),), user_information=user)
    accept = negotiate(request, POLICY)
    assert isinstance(accept, AssociateAccept)
    generous = replace(
        accept,
        user_information=replace(accept.user_information, roles=(RoleSelection(CT, True, True),)),
    )

    (context,) = negotiated_contexts(request, generous, Role.REQUESTOR).values()

    assert (context.we_are_scu, context.we_are_scp) == (True, False)


def test_answers_that_were_not_asked_for_make_no_context():
    request = make_request(
        contexts=(proposal(CT, EXPLICIT, IMPLICIT, context_id=1), proposal(CT, JPEG, context_id=3))
    )
    accept = accept_of(request.contexts)
    wild = replace(
        accept,
        contexts=(
            AcceptedContext(1, ContextResult.ACCEPTANCE, JPEG),  # not proposed there
            AcceptedContext(3, ContextResult.NO_REASON, JPEG),
            AcceptedContext(5, ContextResult.ACCEPTANCE, EXPLICIT),  # no such id
        ),
    )

    assert negotiated_contexts(request, wild, Role.REQUESTOR) == {}
