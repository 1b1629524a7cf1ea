"""Our bytes read by pynetdicom, and its bytes read by us: two implementations, one standard."""

import pytest
from dimse_cases import make_request
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ

from hilum.dimse.upper.limits import UpperLimits
from hilum.dimse.upper.pdu import (
    AcceptedContext,
    AssociateAccept,
    AsynchronousOperations,
    CommonExtendedNegotiation,
    ContextResult,
    ExtendedNegotiation,
    PduType,
    RoleSelection,
    UserIdentity,
    UserInformation,
    decode,
    encode,
)
from hilum.kernel.names import UID

INFORMATION = UserInformation(
    maximum_length=131072,
    implementation_class_uid=UID("1.2.3.4"),
    implementation_version_name="SENDER_7",
    asynchronous_operations=AsynchronousOperations(5, 7),
    roles=(RoleSelection(UID("1.2.840.10008.5.1.4.1.1.2"), True, False),),
    extended=(ExtendedNegotiation(UID("1.2.840.10008.5.1.4.1.1.2"), b"\2\0\0\0\0\0"),),
)
REQUEST = make_request(
    user_information=UserInformation(
        maximum_length=131072,
        implementation_class_uid=UID("1.2.3.4"),
        implementation_version_name="SENDER_7",
        asynchronous_operations=INFORMATION.asynchronous_operations,
        roles=INFORMATION.roles,
        extended=INFORMATION.extended,
        common_extended=(
            CommonExtendedNegotiation(
                UID("1.2.840.10008.5.1.4.1.1.88.22"), UID("1.2.840.10008.4.2"), (UID("1.2.8"),)
            ),
        ),
        user_identity=UserIdentity(2, True, b"me", b"pw"),
    )
)
ACCEPT = AssociateAccept(
    called_ae_title="HILUM",
    calling_ae_title="CT1",
    contexts=(
        AcceptedContext(1, ContextResult.ACCEPTANCE, UID("1.2.840.10008.1.2")),
        AcceptedContext(3, ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED, UID("1.2.840.10008.1.2")),
    ),
    user_information=UserInformation(16384, UID("1.2.3"), user_identity_response=b"ok"),
)


@pytest.mark.parametrize(
    ("ours", "theirs", "kind"),
    [
        (REQUEST, A_ASSOCIATE_RQ, PduType.ASSOCIATE_REQUEST),
        (ACCEPT, A_ASSOCIATE_AC, PduType.ASSOCIATE_ACCEPT),
    ],
)
def test_pynetdicom_reads_our_bytes_and_writes_them_back(ours, theirs, kind):
    oracle = theirs()
    oracle.decode(encode(ours))

    raw = oracle.encode()

    assert decode(kind, raw[6:], UpperLimits()) == ours


def test_pynetdicom_finds_every_field_where_we_put_it():
    oracle = A_ASSOCIATE_RQ()
    oracle.decode(encode(REQUEST))

    assert oracle.called_ae_title.strip() == "HILUM"
    assert oracle.application_context_name == "1.2.840.10008.3.1.1.1"
    assert [found.context_id for found in oracle.presentation_context] == [1, 3]
    assert oracle.presentation_context[1].transfer_syntax == [
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2",
    ]
    user = oracle.user_information
    assert user.maximum_length == 131072
    assert user.async_ops_window.maximum_number_operations_invoked == 5
    assert user.user_identity.primary_field == b"me"
    assert user.user_identity.secondary_field == b"pw"
    (common,) = user.common_ext_neg
    assert common.related_general_sop_class_identification == ["1.2.8"]
