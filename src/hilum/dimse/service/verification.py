"""Verification, C-ECHO (PS3.4 Annex A, PS3.7 §9.1.5)."""

from hilum.dicom.sop_classes import VERIFICATION
from hilum.dimse.command import Command, CommandField, encode_command, encode_response

__all__ = ["VERIFICATION", "echo_request", "echo_response"]


def echo_request(message_id: int) -> bytes:
    """Give a C-ECHO-RQ."""
    return encode_command(
        Command(CommandField.C_ECHO_RQ, message_id=message_id, affected_sop_class_uid=VERIFICATION)
    )


def echo_response(command: Command, status: int) -> bytes:
    """Give the C-ECHO-RSP to `command`."""
    return encode_response(command, status)
