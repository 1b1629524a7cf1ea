"""Storage commitment as the gateway provides it: what it answers and how it reports."""

from collections.abc import Iterator
from typing import Final

from hilum.cli.statement.markdown import bullets, code, heading, table
from hilum.dimse.service.commitment import FAILURE_REASONS, STORAGE_COMMITMENT
from hilum.dimse.service.commitment_answer import REQUEST_BYTES_MAX
from hilum.dimse.status import (
    CLASS_INSTANCE_CONFLICT,
    INVALID_ARGUMENT,
    NO_SUCH_ACTION,
    NO_SUCH_SOP_INSTANCE,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    SOP_CLASS_NOT_SUPPORTED,
    SUCCESS,
    describe,
)
from hilum.service.config_settings import Config

STATUSES: Final = (
    (SUCCESS, "The request is durable; a report will come."),
    (PROCESSING_FAILURE, "The peer uses the Transaction UID for other instances; a fault of ours."),
    (NO_SUCH_SOP_INSTANCE, "Not the well-known instance."),
    (
        INVALID_ARGUMENT,
        "No Transaction UID, no references, or one that is no instance; Error Comment says which.",
    ),
    (CLASS_INSTANCE_CONFLICT, "Another SOP class than that of the context."),
    (SOP_CLASS_NOT_SUPPORTED, "The caller proposed no SCU role."),
    (NO_SUCH_ACTION, "Another action than 1."),
    (RESOURCE_LIMITATION, "The ledger cannot be written now, or too many operations wait."),
)
REASONS: Final = (
    (NO_SUCH_SOP_INSTANCE, "Nothing is held under the UID."),
    (CLASS_INSTANCE_CONFLICT, "It is held, under another SOP class."),
    (PROCESSING_FAILURE, "It was held, and its file is gone, cut or unreadable."),
)


def committing(config: Config) -> Iterator[str]:
    """Give the section about storage commitment."""
    settings = config.sources.dimse.commitment
    yield heading(5, "3.1.4.7 Storage commitment")
    yield bullets(
        f"Push model (PS3.4 Annex J, {code(STORAGE_COMMITMENT)}), for peers whose `may` has "
        f'"commit". A request has at most {REQUEST_BYTES_MAX:,} bytes.',
        "An instance is committed to when it is held under its SOP class and its file opens with "
        "the length it was sealed with, at the moment of the report. How long it stays is what "
        "`[retention]` says; nothing that a report is owed on is removed before that.",
        "A request survives crashes and restarts. The same request once more is reported once "
        "more. A transaction is remembered for a week after its report.",
        f"A caller that leaves its association open for {settings.same_association_seconds:g} s "
        "gets N-EVENT-REPORT on it. Any other is called at host and port of its section, with the "
        "SCP role proposed (PS3.7 §D.3.3.4); a peer that answers no role is reported to as well.",
        f"The answer to a report is waited for {settings.response_seconds:g} s. A report that "
        f"fails is tried again after {settings.retry_seconds:g} s, twice as long each time, at "
        f"most {settings.retry_seconds_max:g} s, for {settings.give_up_hours} h. Success and "
        "warnings end it.",
        "In the other direction, reports are taken for what our own destinations asked for.",
    )
    yield table(("N-ACTION status", "Standard meaning", "Ours"), _statuses())
    yield table(
        ("Failure Reason (0008,1197)", "Standard meaning", "Ours"),
        [(code(f"0x{one:04X}"), FAILURE_REASONS[one], ours) for one, ours in REASONS],
    )


def _statuses() -> Iterator[tuple[str, str, str]]:
    for status, ours in STATUSES:
        meaning = describe(status).removesuffix(f" (0x{status:04X})")
        yield code(f"0x{status:04X}"), meaning, ours
