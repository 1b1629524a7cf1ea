"""C-ECHO and C-STORE command sets, and what is wrong with one."""

from dataclasses import replace

import pytest
from dimse_cases import CT, EXPLICIT, VERIFICATION

from hilum.dimse.command import Priority, encode_command
from hilum.dimse.message import Command, CommandField, decode_command
from hilum.dimse.service.storage import (
    MoveOriginator,
    store_refusal,
    store_request,
    store_response,
)
from hilum.dimse.service.verification import echo_request, echo_response
from hilum.dimse.upper.negotiation import Context
from hilum.kernel.names import UID

CONTEXT = Context(3, CT, EXPLICIT, we_are_scu=False, we_are_scp=True)
STORE = decode_command(store_request(7, sop_class_uid=CT, sop_instance_uid=UID("1.2.3")))


def test_an_echo_is_asked_and_answered():
    request = decode_command(echo_request(9))
    response = decode_command(echo_response(request, 0))

    assert request == Command(
        CommandField.C_ECHO_RQ, message_id=9, affected_sop_class_uid=VERIFICATION
    )
    assert response == Command(
        CommandField.C_ECHO_RSP,
        message_id_being_responded_to=9,
        affected_sop_class_uid=VERIFICATION,
        status=0,
    )


def test_a_store_is_asked_with_medium_priority_and_a_data_set():
    assert (
        Command(
            CommandField.C_STORE_RQ,
            has_data_set=True,
            message_id=7,
            affected_sop_class_uid=CT,
            affected_sop_instance_uid=UID("1.2.3"),
            priority=0,
        )
        == STORE
    )


def test_a_sub_operation_names_the_move_it_belongs_to():
    raw = store_request(
        1, sop_class_uid=CT, sop_instance_uid=UID("1.2"), originator=MoveOriginator("WS1", 4)
    )

    command = decode_command(raw)

    assert (command.move_originator_ae_title, command.move_originator_message_id) == ("WS1", 4)


def test_a_store_is_answered_with_both_uids():
    response = decode_command(store_response(STORE, 0xA700, "no room"))

    assert response == Command(
        CommandField.C_STORE_RSP,
        message_id_being_responded_to=7,
        affected_sop_class_uid=CT,
        affected_sop_instance_uid=UID("1.2.3"),
        status=0xA700,
        error_comment="no room",
    )


def test_a_good_store_is_not_refused():
    assert store_refusal(CONTEXT, STORE) is None


@pytest.mark.parametrize(
    ("context", "command", "status"),
    [
        (replace(CONTEXT, we_are_scp=False), STORE, 0x0122),
        (CONTEXT, replace(STORE, affected_sop_class_uid=VERIFICATION), 0x0122),
        (CONTEXT, replace(STORE, affected_sop_class_uid=UID("")), 0x0122),
        (CONTEXT, replace(STORE, affected_sop_instance_uid=UID("")), 0x0117),
        (CONTEXT, replace(STORE, affected_sop_instance_uid=UID("../../x")), 0x0117),
        (CONTEXT, replace(STORE, affected_sop_instance_uid=UID("1" * 65)), 0x0117),
        (CONTEXT, replace(STORE, has_data_set=False), 0xC000),
    ],
)
def test_a_store_that_cannot_be_carried_out_is_refused(context, command, status):
    refusal = store_refusal(context, command)

    assert refusal is not None
    assert refusal.status == status
    assert 0 < len(refusal.comment) <= 64


@pytest.mark.parametrize("instance", ["1.2.3", "1.2.34"])
@pytest.mark.parametrize("originator", [None, MoveOriginator("WS1", 4), MoveOriginator("WS12", 0)])
def test_a_store_request_is_what_any_command_would_be(instance, originator):
    raw = store_request(
        65535,
        sop_class_uid=CT,
        sop_instance_uid=UID(instance),
        priority=Priority.LOW,
        originator=originator,
    )

    assert raw == encode_command(
        Command(
            CommandField.C_STORE_RQ,
            has_data_set=True,
            message_id=65535,
            affected_sop_class_uid=CT,
            affected_sop_instance_uid=UID(instance),
            priority=Priority.LOW,
            move_originator_ae_title=originator.ae_title if originator else "",
            move_originator_message_id=originator.message_id if originator else None,
        )
    )
