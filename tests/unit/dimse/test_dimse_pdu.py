"""PDUs against bytes written by hand from the tables of PS3.8 §9.3 and PS3.7 Annex D."""

from dataclasses import replace

import pytest
from dimse_cases import CT, EXPLICIT, IMPLICIT, VERIFICATION, make_accept, make_request

from hilum.dimse.upper.limits import UpperLimits
from hilum.dimse.upper.pdu import (
    Abort,
    AcceptedContext,
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
    Tolerance,
    UserIdentity,
    UserInformation,
    check_length,
    decode,
    encode,
)
from hilum.dimse.upper.reasons import (
    AbortReason,
    AcseReason,
    InvalidPdu,
    PresentationReason,
    RejectResult,
    UnlistedReason,
    UserReason,
)
from hilum.kernel.errors import LocalProtocolError, RemoteProtocolError
from hilum.kernel.names import UID

LIMITS = UpperLimits()


def item(kind, body):
    return bytes((kind, 0)) + len(body).to_bytes(2, "big") + body


def counted(value):
    return len(value).to_bytes(2, "big") + value


APPLICATION = item(0x10, b"1.2.840.10008.3.1.1.1")
CONTEXT = item(0x20, b"\1\0\0\0" + item(0x30, b"1.2.840.10008.1.1") + item(0x40, IMPLICIT.encode()))
USER = item(0x50, item(0x51, b"\0\0\x40\0") + item(0x52, b"1.2.3"))


def fixed(called=b"HILUM"):
    return b"\0\1\0\0" + called.ljust(16) + b"CT1".ljust(16) + bytes(32)


def identity(kind, requested, primary, secondary=b""):
    return item(0x58, bytes((kind, requested)) + counted(primary) + counted(secondary))


def decode_request(*items, limits=LIMITS, **fields) -> AssociateRequest:
    pdu = decode(PduType.ASSOCIATE_REQUEST, fixed(**fields) + b"".join(items), limits)
    assert isinstance(pdu, AssociateRequest)
    return pdu


def decode_user(*sub_items, limits=LIMITS) -> UserInformation:
    items = (APPLICATION, CONTEXT, item(0x50, b"".join(sub_items)))
    return decode_request(*items, limits=limits).user_information


def test_a_request_has_the_layout_of_the_standard():
    request = make_request(contexts=(PresentationContext(1, VERIFICATION, (IMPLICIT,)),))
    body = fixed() + APPLICATION + CONTEXT + USER

    assert encode(request) == b"\1\0" + len(body).to_bytes(4, "big") + body
    assert decode(PduType.ASSOCIATE_REQUEST, body, LIMITS) == request


def test_an_accept_has_the_layout_of_the_standard():
    accept = make_accept(make_request())
    contexts = item(0x21, b"\1\0\0\0" + item(0x40, IMPLICIT.encode())) + item(
        0x21, b"\3\0\0\0" + item(0x40, EXPLICIT.encode())
    )
    information = encode(accept)[6 + 68 + len(APPLICATION + contexts) :]

    assert encode(accept)[:2] == b"\2\0"
    assert encode(accept)[6:] == fixed() + APPLICATION + contexts + information


@pytest.mark.parametrize(
    ("pdu", "octets"),
    [
        (ReleaseRequest(), "05 00 00000004 00000000"),
        (ReleaseReply(), "06 00 00000004 00000000"),
        (Abort(), "07 00 00000004 00 00 00 00"),
        (Abort(2, AbortReason.INVALID_PDU_PARAMETER_VALUE), "07 00 00000004 00 00 02 06"),
        (Abort(1, 99), "07 00 00000004 00 00 01 63"),
        (
            AssociateReject(RejectResult.PERMANENT, UserReason.CALLED_AE_TITLE_NOT_RECOGNIZED),
            "03 00 00000004 00 01 01 07",
        ),
        (
            AssociateReject(RejectResult.PERMANENT, UserReason.CALLING_AE_TITLE_NOT_RECOGNIZED),
            "03 00 00000004 00 01 01 03",
        ),
        (
            AssociateReject(RejectResult.PERMANENT, AcseReason.PROTOCOL_VERSION_NOT_SUPPORTED),
            "03 00 00000004 00 01 02 02",
        ),
        (
            AssociateReject(RejectResult.TRANSIENT, PresentationReason.LOCAL_LIMIT_EXCEEDED),
            "03 00 00000004 00 02 03 02",
        ),
        (
            AssociateReject(RejectResult.PERMANENT, UnlistedReason(3, 0)),
            "03 00 00000004 00 01 03 00",
        ),
    ],
)
def test_short_pdus_have_the_bytes_of_the_standard(pdu, octets):
    raw = bytes.fromhex(octets)

    assert encode(pdu) == raw
    assert decode(PduType(raw[0]), raw[6:], LIMITS) == pdu


def test_equal_numbers_of_different_sources_are_different_reasons():
    assert UserReason(1) != AcseReason(1)
    assert UserReason(2) != PresentationReason(2)


def test_a_reject_says_in_words_and_numbers_what_happened():
    reject = AssociateReject(RejectResult.PERMANENT, UserReason.CALLED_AE_TITLE_NOT_RECOGNIZED)

    assert str(reject) == "permanent: called AE title not recognized (PS3.8 Table 9-21, 1/7)"


def test_a_result_that_is_not_listed_is_permanent():
    reject = decode(PduType.ASSOCIATE_REJECT, bytes((0, 9, 1, 1)), LIMITS)

    assert reject == AssociateReject(RejectResult.PERMANENT, UserReason.NO_REASON_GIVEN)


@pytest.mark.parametrize(
    ("sub_item", "field", "value"),
    [
        (item(0x53, b"\0\5\0\0"), "asynchronous_operations", AsynchronousOperations(5, 0)),
        (
            item(0x54, counted(b"1.2.9") + b"\0\1"),
            "roles",
            (RoleSelection(UID("1.2.9"), False, True),),
        ),
        (item(0x55, b"SENDER_7"), "implementation_version_name", "SENDER_7"),
        (
            item(0x56, counted(b"1.2.9") + b"\2\0\1"),
            "extended",
            (ExtendedNegotiation(UID("1.2.9"), b"\2\0\1"),),
        ),
        (
            item(0x57, counted(b"1.2.9") + counted(b"1.2.8") + counted(b"\0\0031.5\0\0031.6")),
            "common_extended",
            (CommonExtendedNegotiation(UID("1.2.9"), UID("1.2.8"), (UID("1.5"), UID("1.6"))),),
        ),
        (identity(1, 0, b"me"), "user_identity", UserIdentity(1, False, b"me")),
        (identity(2, 1, b"me", b"pw"), "user_identity", UserIdentity(2, True, b"me", b"pw")),
        (identity(3, 1, b"tick"), "user_identity", UserIdentity(3, True, b"tick")),
        (identity(4, 0, b"<s/>"), "user_identity", UserIdentity(4, False, b"<s/>")),
        (identity(5, 0, b"a.b.c"), "user_identity", UserIdentity(5, False, b"a.b.c")),
        (item(0x59, counted(b"")), "user_identity_response", b""),
        (item(0x59, counted(b"ok")), "user_identity_response", b"ok"),
    ],
)
def test_user_information_has_the_layout_of_the_standard(sub_item, field, value):
    base = make_request(contexts=(PresentationContext(1, VERIFICATION, (IMPLICIT,)),))
    information = replace(base.user_information, **{field: value})

    assert getattr(decode_user(USER[4:], sub_item), field) == value
    assert encode(replace(base, user_information=information)).endswith(sub_item)


def test_identity_never_shows_in_a_repr():
    shown = repr(UserInformation(0, UID("1.2"), user_identity=UserIdentity(2, True, b"me", b"pw")))

    assert "me'" not in shown
    assert "pw" not in shown


@pytest.mark.parametrize(
    ("called", "title", "tolerated"),
    [
        (b"HILUM".ljust(16), "HILUM", False),
        (b"  HILUM".ljust(16), "HILUM", False),
        (b"HI LUM".ljust(16, b"\0"), "HI LUM", True),
        (b" " * 16, "", False),
        (b"\xe9".ljust(16), "\xe9", False),
    ],
)
def test_ae_titles_are_kept_raw_and_stripped(called, title, tolerated):
    request = decode_request(APPLICATION, CONTEXT, USER, called=called)

    assert (request.called_ae_title, request.called_ae_title_raw) == (title, called)
    assert (Tolerance.AE_TITLE_NUL_PADDED in request.tolerated) is tolerated


def test_titles_go_back_as_they_came():
    request = decode_request(APPLICATION, CONTEXT, USER, called=b"hi\0".ljust(16, b"\0"))

    assert encode(make_accept(request))[10:26] == b"hi\0".ljust(16, b"\0")


@pytest.mark.parametrize("padded", [b"1.2.840.10008.1.1\0", b"1.2.840.10008.1.1 "])
def test_padded_uids_are_read_and_counted(padded):
    context = item(0x20, b"\1\0\0\0" + item(0x30, padded) + item(0x40, IMPLICIT.encode()))

    request = decode_request(APPLICATION, context, USER)

    assert request.contexts[0].abstract_syntax == VERIFICATION
    assert request.tolerated == {Tolerance.UID_PADDED}


def test_unknown_items_are_skipped_at_every_level():
    extra = item(0x99, b"whatever")
    context = item(0x20, b"\1\0\0\0" + extra + CONTEXT[8:])
    user = item(0x50, extra + USER[4:])

    request = decode_request(extra, APPLICATION, context, user)

    assert request == decode_request(APPLICATION, CONTEXT, USER)
    assert request.tolerated == {Tolerance.UNKNOWN_ITEM}


@pytest.mark.parametrize(
    ("items", "tolerated"),
    [
        ((CONTEXT, USER), Tolerance.APPLICATION_CONTEXT_MISSING),
        ((APPLICATION, CONTEXT), Tolerance.USER_INFORMATION_MISSING),
        ((APPLICATION, CONTEXT, item(0x50, item(0x52, b"1.2"))), Tolerance.MAXIMUM_LENGTH_MISSING),
        (
            (APPLICATION, CONTEXT, item(0x50, item(0x51, bytes(4)))),
            Tolerance.IMPLEMENTATION_CLASS_UID_MISSING,
        ),
        ((APPLICATION, APPLICATION, CONTEXT, USER), Tolerance.REPEATED_ITEM),
        (
            (APPLICATION, CONTEXT, item(0x50, USER[4:] + item(0x55, b"X" * 17))),
            Tolerance.VERSION_NAME_TOO_LONG,
        ),
        (
            (APPLICATION, CONTEXT, item(0x50, USER[4:] + item(0x54, counted(b"1.2") + b"\2\1"))),
            Tolerance.RESERVED_FLAG_VALUE,
        ),
    ],
)
def test_what_is_tolerated_has_a_name(items, tolerated):
    assert decode_request(*items).tolerated == {tolerated}


def test_the_first_of_a_repeated_item_counts():
    assert decode_user(USER[4:], item(0x51, b"\0\0\x80\0")).maximum_length == 16384


def test_a_context_without_syntaxes_is_read_so_that_only_it_is_refused():
    request = decode_request(APPLICATION, item(0x20, b"\7\0\0\0"), USER)

    assert request.contexts == (PresentationContext(7, UID(""), ()),)


def test_an_unknown_context_result_is_a_refusal():
    body = fixed() + APPLICATION + item(0x21, b"\1\0\x09\0" + item(0x40, b"1.2")) + USER

    accept = decode(PduType.ASSOCIATE_ACCEPT, body, LIMITS)

    assert accept.contexts == (AcceptedContext(1, ContextResult.NO_REASON, UID("1.2")),)
    assert accept.tolerated == {Tolerance.UNKNOWN_CONTEXT_RESULT}


def context(number):
    return item(0x20, bytes((number, 0, 0, 0)) + CONTEXT[8:])


MANY_CONTEXTS = [context(number) for number in range(1, 256, 2)]


def test_128_contexts_are_read():
    request = decode_request(APPLICATION, *MANY_CONTEXTS, USER)

    assert [found.id for found in request.contexts] == list(range(1, 256, 2))


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ((APPLICATION, context(2), USER), "context id 2 is not odd"),
        ((APPLICATION, context(0), USER), "context id 0 is not odd"),
        ((APPLICATION, context(3), context(3), USER), "context id 3 is there twice"),
        ((APPLICATION, item(0x20, b"\1\0\0"), USER), "has 3 bytes, not 4 or more"),
        ((APPLICATION, CONTEXT, USER, USER), "user information item is there twice"),
        ((APPLICATION, CONTEXT, USER, b"\x10\0\0"), "3 bytes are left over"),
        ((APPLICATION[:-1],), "item 0x10 says 21 bytes, but 20 are there"),
        ((item(0x20, b"\1\0\0\0\x30\0\0\5"),), "item 0x30 says 5 bytes, but 0 are there"),
        ((item(0x10, b"1." * 65),), "a UID of 130 bytes"),
    ],
)
def test_broken_items_are_refused_with_the_reason(items, words):
    with pytest.raises(InvalidPdu, match=words) as caught:
        decode_request(*items)

    assert isinstance(caught.value, RemoteProtocolError)
    assert caught.value.reason in (
        AbortReason.INVALID_PDU_PARAMETER_VALUE,
        AbortReason.UNEXPECTED_PDU_PARAMETER,
    )


@pytest.mark.parametrize(
    ("sub_item", "words"),
    [
        (item(0x51, b"\0\0\x40"), "0x51 has 3 bytes, not 4"),
        (item(0x51, b"\0\0\0\7"), "PDUs of at most 7 bytes"),
        (item(0x53, b"\0\1\0\1\0"), "0x53 has 5 bytes, not 4"),
        (item(0x54, counted(b"1.2") + b"\1"), "ends before its two roles"),
        (item(0x54, b"\0\x09" + b"1.2"), "says 9 bytes, but 3 are left"),
        (item(0x54, b"\0"), "before the length of its field"),
        (item(0x56, b"\0\4" + b"1.2"), "says 4 bytes, but 3 are left"),
        (item(0x56, b"\xff\xff"), "says 65535 bytes, but 0 are left"),
        (item(0x57, counted(b"1.2")), "before the length of its field"),
        (item(0x57, counted(b"1.2") + counted(b"1.3") + counted(b"\0\4")), "says 4 bytes"),
        (item(0x58, b"\1"), "ends before its type"),
        (item(0x58, b"\1\0" + counted(b"me")), "before the length of its field"),
        (item(0x59, b""), "before the length of its field"),
    ],
)
def test_broken_sub_items_are_refused(sub_item, words):
    with pytest.raises(InvalidPdu, match=words):
        decode_user(sub_item)


def test_two_identities_are_refused():
    with pytest.raises(InvalidPdu, match="identity sub-item is there twice") as caught:
        decode_user(identity(1, 0, b"me"), identity(1, 0, b"you"))

    assert caught.value.reason is AbortReason.UNEXPECTED_PDU_PARAMETER


@pytest.mark.parametrize(
    ("limits", "items", "words"),
    [
        (UpperLimits(contexts_max=2), MANY_CONTEXTS[:3], "more than 2 presentation contexts"),
        (UpperLimits(items_max=8), MANY_CONTEXTS[:3], "more than 8 items"),
        (
            UpperLimits(items_max=100),
            [item(0x50, item(0x57, counted(b"1") + counted(b"2") + counted(bytes(400))))],
            "more than 100 items",
        ),
        (UpperLimits(user_information_bytes_max=16), [USER], "user information of 17 bytes"),
    ],
)
def test_limits_hold_at_their_value(limits, items, words):
    with pytest.raises(InvalidPdu, match=words):
        decode_request(*items, limits=limits)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (PduType.ASSOCIATE_REQUEST, [68, 1 << 20], [0, 67, (1 << 20) + 1, 0xFFFFFFFF]),
        (PduType.ASSOCIATE_ACCEPT, [68, 1 << 20], [0, 67, (1 << 20) + 1, 0xFFFFFFFF]),
        (PduType.ASSOCIATE_REJECT, [4], [0, 3, 5, 0xFFFFFFFF]),
        (PduType.RELEASE_REQUEST, [4], [0, 3, 5, 0xFFFFFFFF]),
        (PduType.RELEASE_REPLY, [4], [0, 3, 5, 0xFFFFFFFF]),
        (PduType.ABORT, [4], [0, 3, 5, 0xFFFFFFFF]),
    ],
)
def test_lengths_are_judged_by_the_header(kind, good, bad):
    for length in good:
        check_length(kind, length, LIMITS)
    for length in bad:
        with pytest.raises(InvalidPdu):
            check_length(kind, length, LIMITS)


def test_what_does_not_fit_its_field_is_our_own_error():
    for request in (
        make_request(called_ae_title="X" * 17),
        make_request(contexts=(PresentationContext(1, UID("1" * 70_000), ()),)),
        make_request(
            user_information=UserInformation(
                0, UID("1.2"), user_identity=UserIdentity(4, False, bytes(70_000))
            )
        ),
    ):
        with pytest.raises(LocalProtocolError):
            encode(request)


def test_data_is_not_decoded_here():
    with pytest.raises(LocalProtocolError):
        decode(PduType.DATA, b"", LIMITS)


def test_a_ct_context_survives_the_round_trip():
    request = make_request(contexts=(PresentationContext(255, CT, (EXPLICIT, IMPLICIT)),))

    assert decode(PduType.ASSOCIATE_REQUEST, encode(request)[6:], LIMITS) == request
