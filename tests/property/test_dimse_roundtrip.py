"""decode(encode(x)) == x for every PDU and command set that can be written."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.dimse.command import Command, decode_command, encode_command
from hilum.dimse.upper.limits import UpperLimits
from hilum.dimse.upper.pdu import (
    Abort,
    AcceptedContext,
    AssociateAccept,
    AssociateReject,
    AssociateRequest,
    AsynchronousOperations,
    CommonExtendedNegotiation,
    ContextResult,
    ExtendedNegotiation,
    PduType,
    PresentationContext,
    ReleaseReply,
    ReleaseRequest,
    RoleSelection,
    UserIdentity,
    UserInformation,
    decode,
    encode,
)
from hilum.dimse.upper.reasons import (
    AcseReason,
    PresentationReason,
    RejectResult,
    UserReason,
    reject_reason,
)
from hilum.kernel.names import UID

UINT16 = st.integers(0, 0xFFFF)
BYTE = st.integers(0, 255)
FIELD = st.binary(max_size=40)
UIDS = st.lists(st.integers(0, 99_999), min_size=1, max_size=8).map(
    lambda numbers: UID(".".join(map(str, numbers)))
)
# Printable latin-1, nothing to strip at the ends: that is how a title or name is kept.
TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF), max_size=16)
LENGTHS = st.one_of(st.just(0), st.integers(8, 0xFFFFFFFF))


def tuples(elements, size):
    return st.lists(elements, max_size=size).map(tuple)


def contexts(of):
    """Give contexts with odd ids, each once."""
    ids = st.lists(st.integers(0, 127), unique=True, max_size=8)
    return ids.flatmap(lambda found: st.tuples(*[of(2 * number + 1) for number in found]))


INFORMATION = st.builds(
    UserInformation,
    LENGTHS,
    UIDS,
    TEXT,
    st.none() | st.builds(AsynchronousOperations, UINT16, UINT16),
    tuples(st.builds(RoleSelection, UIDS, st.booleans(), st.booleans()), 3),
    tuples(st.builds(ExtendedNegotiation, UIDS, FIELD), 3),
    tuples(st.builds(CommonExtendedNegotiation, UIDS, UIDS, tuples(UIDS, 3), BYTE), 3),
    st.none() | st.builds(UserIdentity, BYTE, st.booleans(), FIELD, FIELD),
    st.none() | FIELD,
)
TITLED = {
    "called_ae_title": TEXT,
    "calling_ae_title": TEXT,
    "user_information": INFORMATION,
    "application_context": UIDS,
    "protocol_version": UINT16,
}
REQUESTS = st.builds(
    AssociateRequest,
    contexts=contexts(
        lambda number: st.builds(PresentationContext, st.just(number), UIDS, tuples(UIDS, 4))
    ),
    **TITLED,
)
ACCEPTS = st.builds(
    AssociateAccept,
    contexts=contexts(
        lambda number: st.builds(
            AcceptedContext, st.just(number), st.sampled_from(ContextResult), UIDS
        )
    ),
    **TITLED,
)
REASONS = st.one_of(
    *map(st.sampled_from, (UserReason, AcseReason, PresentationReason)),
    st.builds(reject_reason, BYTE, BYTE),
)
PDUS = st.one_of(
    REQUESTS,
    ACCEPTS,
    st.builds(AssociateReject, st.sampled_from(RejectResult), REASONS),
    st.just(ReleaseRequest()),
    st.just(ReleaseReply()),
    st.builds(Abort, BYTE, BYTE),
)


@settings(deadline=None)  # a busy machine is not a failure
@given(PDUS)
def test_a_pdu_survives_the_round_trip(pdu):
    raw = encode(pdu)

    assert int.from_bytes(raw[2:6], "big") == len(raw) - 6
    assert decode(PduType(raw[0]), raw[6:], UpperLimits()) == pdu


@settings(deadline=None)  # a busy machine is not a failure
@given(REQUESTS)
def test_what_was_decoded_is_encoded_to_the_same_bytes(request):
    raw = encode(request)

    decoded = decode(PduType.ASSOCIATE_REQUEST, raw[6:], UpperLimits())

    assert encode(decoded) == raw
    assert isinstance(decoded, AssociateRequest)
    assert decoded.called_ae_title_raw == raw[10:26]


NUMBER = st.none() | UINT16
TAGS = tuples(st.integers(0, 0xFFFFFFFF), 4)
COMMANDS = st.builds(
    Command,
    command_field=UINT16,
    has_data_set=st.booleans(),
    message_id=UINT16,
    message_id_being_responded_to=UINT16,
    affected_sop_class_uid=UIDS | st.just(""),
    requested_sop_class_uid=UIDS | st.just(""),
    affected_sop_instance_uid=UIDS | st.just(""),
    requested_sop_instance_uid=UIDS | st.just(""),
    priority=NUMBER,
    status=NUMBER,
    offending_elements=TAGS,
    error_comment=TEXT,
    error_id=NUMBER,
    move_destination=TEXT,
    move_originator_ae_title=TEXT,
    move_originator_message_id=NUMBER,
    event_type_id=NUMBER,
    action_type_id=NUMBER,
    attribute_identifiers=TAGS,
    remaining_suboperations=NUMBER,
    completed_suboperations=NUMBER,
    failed_suboperations=NUMBER,
    warning_suboperations=NUMBER,
)


@settings(deadline=None)  # a busy machine is not a failure
@given(COMMANDS)
def test_a_command_survives_the_round_trip(command):
    assert decode_command(encode_command(command)) == command
