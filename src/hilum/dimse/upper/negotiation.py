"""Negotiation as a pure function: a request and a policy give the answer (PS3.8 §9.3.3, PS3.7 D).

Who may call is not decided here: AE titles, addresses, identity and load are the caller's; it
writes its own `AssociateReject`.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hilum.dicom.syntaxes import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from hilum.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from hilum.dimse.upper.pdu import (
    APPLICATION_CONTEXT,
    AcceptedContext,
    AssociateAccept,
    AssociateReject,
    AssociateRequest,
    AsynchronousOperations,
    ContextResult,
    ExtendedNegotiation,
    PresentationContext,
    RoleSelection,
    UserInformation,
)
from hilum.dimse.upper.reasons import AcseReason, RejectResult, UserReason
from hilum.dimse.upper.state import Role
from hilum.kernel.names import UID, is_uid

# The default of DCMTK and dcm4che is 16 KB; 128 KiB is DCMTK's upper bound and costs 8 times fewer
# headers. Nothing is allocated for it: fragments are slices of the caller's buffer.
MAXIMUM_LENGTH: Final = 131_072

_ONE_AT_A_TIME: Final = AsynchronousOperations(1, 1)  # also what absence means

_STANDARD_ROOT: Final = "1.2.840.10008."
_STORAGE_ROOT: Final = "1.2.840.10008.5.1.4.1.1."


@dataclass(frozen=True, slots=True)
class Context:
    """A presentation context that can be used, and which side we play in it."""

    id: int
    abstract_syntax: UID
    transfer_syntax: UID
    we_are_scu: bool
    we_are_scp: bool


def looks_like_storage(abstract_syntax: str) -> bool:
    """Tell whether an abstract syntax we do not know can be a storage class.

    Storage classes of later editions continue the standard's storage root; a private class has a
    root of its own. Everything else under the standard's root is another service.
    """
    if abstract_syntax.startswith(_STORAGE_ROOT):
        return is_uid(abstract_syntax)
    return not abstract_syntax.startswith(_STANDARD_ROOT) and is_uid(abstract_syntax)


def first_listed(proposed: Sequence[UID], accepted: Container[str] | None) -> UID | None:
    """Choose the first transfer syntax the sender lists that is accepted; None accepts any UID.

    The order in a context has no meaning in PS3.8, but senders put what they hold first, and only
    they know it. Taking it means that nothing is decompressed, compressed or re-encoded behind a
    user's back:

    - DCMTK storescu offers explicit little endian alone in one context and the other native
      syntaxes in the next; with -xs the compressed one alone, all native ones in the next. Every
      context is answered as it is, so a file goes out in the syntax it is in.
    - Senders that put both in one context (storescu +C) list the compressed one first: it is
      taken, the file goes out untouched.
    - A sender that lists native first and compressed behind it would have to compress to please a
      preference of ours: native is taken.

    Explicit VR Big Endian is the exception: storescu's second context reads [big endian, implicit
    little endian] whatever it holds, and big endian is retired. It is taken only when a
    context has nothing else.
    """
    fallback: UID | None = None
    for uid in proposed:
        if uid not in accepted if accepted is not None else not is_uid(uid):
            continue
        if uid != EXPLICIT_VR_BIG_ENDIAN.uid:
            return uid
        fallback = uid
    return fallback


def most_alike(proposed: Sequence[UID], accepted: Container[str] | None) -> UID | None:
    """Choose for a context in which we send: as `first_listed`, but explicit before implicit.

    A requestor that lists implicit little endian first takes explicit as well. Nearly all that is
    held is explicit, and goes out as it is then.
    """
    first = first_listed(proposed, accepted)
    explicit = EXPLICIT_VR_LITTLE_ENDIAN.uid
    is_implicit = first == IMPLICIT_VR_LITTLE_ENDIAN.uid and explicit in proposed
    return explicit if is_implicit and (accepted is None or explicit in accepted) else first


def no_answer(offer: ExtendedNegotiation) -> bytes | None:  # noqa: ARG001 - the shape of an answerer
    """Answer no SOP class extended negotiation: its absence means the defaults of the service."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What we agree to when somebody asks.

    Attributes:
        abstract_syntaxes: what is served to this peer.
        transfer_syntaxes: what is taken; None is every UID, private ones included.
        accept_unknown_storage: also take abstract syntaxes that look like storage classes.
        forbidden_abstract_syntaxes: what we serve, but not to this peer: answered "user rejection"
            instead of "not supported", so that its operator looks for a permission.
        sent_only: abstract syntaxes that this peer may be sent and may not bring: accepted only
            where it takes the SCP role, and without the other one.
        peer_may_be_scp_of: abstract syntaxes where a requestor may take the SCP role, as for the
            storage of a C-GET (PS3.7 §D.3.3.4).
        asynchronous_operations: our window, answered only if one was offered.
        extended_answer: gives the answer to an offered SOP class extended negotiation, or None.
        told: what we say without having been asked, of no SOP class that was proposed.
        identity_response: sent only if the requestor asked for it (PS3.7 §D.3.3.7.2).
        choose: picks the transfer syntax of a context.
        choose_to_send: picks that of a context in which the peer is SCP.
    """

    abstract_syntaxes: Container[str]
    transfer_syntaxes: Container[str] | None = None
    accept_unknown_storage: bool = False
    forbidden_abstract_syntaxes: Container[str] = frozenset()
    sent_only: Container[str] = frozenset()
    peer_may_be_scp_of: Container[str] = frozenset()
    maximum_length: int = MAXIMUM_LENGTH
    implementation_class_uid: UID = IMPLEMENTATION_CLASS_UID
    implementation_version_name: str = IMPLEMENTATION_VERSION_NAME
    asynchronous_operations: AsynchronousOperations = _ONE_AT_A_TIME
    extended_answer: Callable[[ExtendedNegotiation], bytes | None] = no_answer
    told: tuple[ExtendedNegotiation, ...] = ()
    identity_response: bytes | None = None
    choose: Callable[[Sequence[UID], Container[str] | None], UID | None] = first_listed
    choose_to_send: Callable[[Sequence[UID], Container[str] | None], UID | None] = most_alike

    def serves(self, abstract_syntax: str) -> bool:
        """Tell whether a context for `abstract_syntax` can be accepted."""
        if abstract_syntax in self.abstract_syntaxes:
            return True
        return self.accept_unknown_storage and looks_like_storage(abstract_syntax)


def negotiate(request: AssociateRequest, policy: Policy) -> AssociateAccept | AssociateReject:
    """Answer `request` as `policy` says.

    An association whose contexts are all refused is still accepted: each result tells the peer why,
    which one rejection could not.
    """
    if not request.protocol_version & 1:  # other bits are not tested (PS3.8 §9.3.2)
        return AssociateReject(RejectResult.PERMANENT, AcseReason.PROTOCOL_VERSION_NOT_SUPPORTED)
    if request.application_context != APPLICATION_CONTEXT:
        return AssociateReject(RejectResult.PERMANENT, UserReason.APPLICATION_CONTEXT_NOT_SUPPORTED)
    if not request.contexts:  # one or more are required (PS3.8 §9.3.2)
        return AssociateReject(RejectResult.PERMANENT, UserReason.NO_REASON_GIVEN)
    roles = _answered_roles(request.user_information.roles, policy)
    answers = tuple([_answer(context, policy, roles) for context in request.contexts])
    accepted = {
        context.abstract_syntax
        for context, answer in zip(request.contexts, answers, strict=True)
        if answer.result is ContextResult.ACCEPTANCE
    }
    return AssociateAccept(
        called_ae_title=request.called_ae_title,
        calling_ae_title=request.calling_ae_title,
        contexts=answers,
        user_information=_our_information(request.user_information, policy, roles, accepted),
        called_ae_title_raw=request.called_ae_title_raw,
        calling_ae_title_raw=request.calling_ae_title_raw,
    )


def negotiated_contexts(
    request: AssociateRequest, accept: AssociateAccept, role: Role
) -> dict[int, Context]:
    """Find the contexts both sides agreed on, as seen by `role`.

    Answers to ids that were never proposed are ignored, and an accepted transfer syntax that was
    not proposed makes its context unusable (PS3.8 §9.3.3.2).
    """
    proposals = {context.id: context for context in request.contexts}
    roles = _requestor_roles(request.user_information.roles, accept.user_information.roles)
    contexts: dict[int, Context] = {}
    for answer in accept.contexts:
        proposal = proposals.get(answer.id)
        if proposal is None or answer.result is not ContextResult.ACCEPTANCE:
            continue
        if answer.transfer_syntax not in proposal.transfer_syntaxes:
            continue
        scu, scp = roles.get(proposal.abstract_syntax, _DEFAULT_ROLES)
        if role is Role.ACCEPTOR:
            scu, scp = scp, scu
        contexts[answer.id] = Context(
            answer.id, proposal.abstract_syntax, answer.transfer_syntax, scu, scp
        )
    return contexts


_DEFAULT_ROLES: Final = (True, False)  # the requestor is SCU (PS3.7 §D.3.3.4)


def _requestor_roles(
    proposed: Sequence[RoleSelection], answered: Sequence[RoleSelection]
) -> Mapping[UID, tuple[bool, bool]]:
    """Give the requestor's roles where both sides spoke; an answer can only take away."""
    offers = {role.sop_class_uid: role for role in reversed(proposed)}
    roles: dict[UID, tuple[bool, bool]] = {}
    for answer in answered:
        offer = offers.get(answer.sop_class_uid)
        if offer is not None:
            roles[answer.sop_class_uid] = (offer.scu and answer.scu, offer.scp and answer.scp)
    return roles


def _answered_roles(proposed: Sequence[RoleSelection], policy: Policy) -> dict[UID, RoleSelection]:
    """Answer each proposed role; the first proposal for a SOP class counts."""
    answers: dict[UID, RoleSelection] = {}
    for offer in proposed:
        scp = offer.scp and offer.sop_class_uid in policy.peer_may_be_scp_of
        scu = offer.scu and offer.sop_class_uid not in policy.sent_only
        answer = RoleSelection(offer.sop_class_uid, scu, scp)
        answers.setdefault(offer.sop_class_uid, answer)
    return answers


def _answer(
    context: PresentationContext, policy: Policy, roles: Mapping[UID, RoleSelection]
) -> AcceptedContext:
    abstract_syntax = context.abstract_syntax
    if abstract_syntax in policy.forbidden_abstract_syntaxes:
        return _refused(context, ContextResult.USER_REJECTION)
    if not policy.serves(abstract_syntax):
        return _refused(context, ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED)
    role = roles.get(abstract_syntax)
    if role is None and abstract_syntax in policy.sent_only:
        return _refused(context, ContextResult.USER_REJECTION)
    if role is not None and not role.scu and not role.scp:
        # Nobody could start an operation here; say so instead of accepting a dead context.
        return _refused(context, ContextResult.USER_REJECTION)
    choose = policy.choose_to_send if role is not None and role.scp else policy.choose
    chosen = choose(context.transfer_syntaxes, policy.transfer_syntaxes)
    if chosen is None:
        return _refused(context, ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED)
    return AcceptedContext(context.id, ContextResult.ACCEPTANCE, chosen)


def _refused(context: PresentationContext, result: ContextResult) -> AcceptedContext:
    # The syntax is not significant then (PS3.8 §9.3.3.2), but an empty UID upsets some readers.
    syntaxes = context.transfer_syntaxes
    echoed = syntaxes[0] if syntaxes else IMPLICIT_VR_LITTLE_ENDIAN.uid
    return AcceptedContext(context.id, result, echoed)


def _our_information(
    theirs: UserInformation,
    policy: Policy,
    roles: Mapping[UID, RoleSelection],
    accepted: Container[str],
) -> UserInformation:
    """Tell about ourselves, and answer what was offered (PS3.7 Annex D.3.3)."""
    offered = theirs.asynchronous_operations
    identity = theirs.user_identity
    wants_response = identity is not None and identity.response_requested
    return UserInformation(
        maximum_length=policy.maximum_length,
        implementation_class_uid=policy.implementation_class_uid,
        implementation_version_name=policy.implementation_version_name,
        asynchronous_operations=_window(offered, policy) if offered is not None else None,
        roles=tuple([role for uid, role in roles.items() if uid in accepted]),
        extended=(*_extended_answers(theirs.extended, policy, accepted), *policy.told),
        user_identity_response=policy.identity_response if wants_response else None,
    )


def _window(offered: AsynchronousOperations, policy: Policy) -> AsynchronousOperations:
    ours = policy.asynchronous_operations
    return AsynchronousOperations(
        _smaller(offered.invoked_max, ours.invoked_max),
        _smaller(offered.performed_max, ours.performed_max),
    )


def _smaller(offered: int, ours: int) -> int:
    """Take the smaller window; 0 is unlimited (PS3.7 §D.3.3.3)."""
    if not offered or not ours:
        return offered or ours
    return min(offered, ours)


def _extended_answers(
    offers: Sequence[ExtendedNegotiation], policy: Policy, accepted: Container[str]
) -> tuple[ExtendedNegotiation, ...]:
    answers: dict[UID, ExtendedNegotiation] = {}
    for offer in offers:
        if offer.sop_class_uid in answers or offer.sop_class_uid not in accepted:
            continue
        information = policy.extended_answer(offer)
        if information is not None:
            answers[offer.sop_class_uid] = ExtendedNegotiation(offer.sop_class_uid, information)
    return tuple(answers.values())
