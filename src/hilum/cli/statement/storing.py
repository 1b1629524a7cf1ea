"""Verification and storage as the gateway provides them: behaviour, and every status it answers."""

import re
from collections.abc import Iterator
from typing import Final, Literal

from hilum.cli.statement.markdown import bullets, code, heading, table
from hilum.dicom.limits import DEFAULT_LIMITS
from hilum.dicom.sop_classes import VERIFICATION
from hilum.dicom.syntaxes import IMPLICIT_VR_LITTLE_ENDIAN
from hilum.dimse.command import Command, CommandField
from hilum.dimse.message import COMMAND_SET_LENGTH_MAX
from hilum.dimse.service.storage import store_refusal
from hilum.dimse.status import SUCCESS, UNRECOGNIZED_OPERATION, Service, describe
from hilum.dimse.upper.negotiation import Context
from hilum.kernel.names import UID
from hilum.ledger.entry import Verdict
from hilum.pipeline.answers import (
    Answer,
    DuplicateRefused,
    Kept,
    Mismatched,
    NoRoom,
    NotUnderstood,
    TooLong,
)
from hilum.service.config_entities import title_of
from hilum.service.config_options import size_text
from hilum.service.config_settings import Config
from hilum.sources.dimse.storing import COMMENT_LENGTH_MAX, status_of
from hilum.vault.vault import QUARANTINE_BYTES_MAX

_SURVIVES: Final[dict[Literal["power", "process"], str]] = {
    "power": (
        "The payload file, its name, its folders and the ledger are synced to the device before "
        "success is answered: an instance that was answered with success survives a power cut "
        '(`gateway.durability = "power"`).'
    ),
    "process": (
        "Payload file and ledger are written before success is answered: an instance that was "
        "answered with success survives the end of the process, but not a power cut "
        '(`gateway.durability = "process"`).'
    ),
}
_DUPLICATES: Final[dict[Literal["keep_both", "keep_first", "replace"], str]] = {
    "keep_both": "both are kept and the newest is the current one; success",
    "keep_first": "the first is kept, the newcomer is refused (0x0111)",
    "replace": "the newcomer is kept and the first removed once the newcomer is durable; success",
}

_CLASS: Final = UID("1.2.840.10008.5.1.4.1.1.7")
_CONTEXT: Final = Context(
    1, _CLASS, IMPLICIT_VR_LITTLE_ENDIAN.uid, we_are_scu=False, we_are_scp=True
)


def storing(config: Config) -> Iterator[str]:
    """Give the sections about C-ECHO and C-STORE."""
    yield heading(4, "3.1.4 Services")
    yield heading(5, "3.1.4.1 Verification")
    yield f"C-ECHO is answered with {describe(SUCCESS)} at once, whatever state the disk is in."
    yield heading(5, "3.1.4.2 Storage")
    yield bullets(*_behaviour(config))
    yield from _duplicates(config)
    yield from _statuses(config)


def _behaviour(config: Config) -> Iterator[str]:
    yield (
        "Storage level 2, full (PS3.4 §B.4.1): every attribute is kept, private ones included. No "
        "element is coerced, discarded or re-encoded, so digital signatures stay valid."
    )
    yield _SURVIVES[config.gateway.durability]
    yield (
        "An instance is kept as a DICOM file (PS3.10 §7.1): its data set byte for byte, behind "
        "file meta information of ours."
    )
    yield (
        "The structure of a data set is read to its end before success: elements, sequences, items "
        "and encapsulated fragments must be complete. Values, modules and pixels are not validated."
    )
    yield (
        "Bounds of a data set: "
        f"{size_text(config.sources.dimse.limits.instance_bytes_max)} (`instance_bytes_max`), "
        f"{DEFAULT_LIMITS.depth_max} levels of sequences, {DEFAULT_LIMITS.elements_max:,} "
        f"elements; a deflated one inflates to {size_text(DEFAULT_LIMITS.inflated_bytes_max)} at "
        "most."
    )
    yield f"A command set may have {COMMAND_SET_LENGTH_MAX:,} bytes."


def _duplicates(config: Config) -> Iterator[str]:
    other = _DUPLICATES[config.gateway.duplicates]
    yield "An instance whose SOP Instance UID is held already:"
    yield bullets(
        "with the same bytes: success, and nothing is stored twice;",
        f"with other bytes: {other} ({code(f'gateway.duplicates = {config.gateway.duplicates}')}).",
    )


def _statuses(config: Config) -> Iterator[str]:
    yield heading(5, "3.1.4.3 Statuses of storage")
    yield table(
        ("Status", "Standard meaning", "Ours"),
        (
            (code(f"0x{status:04X}"), meaning_of(status), " ".join(reasons))
            for status, reasons in _by_status(config).items()
        ),
    )
    yield (
        "No warning is ever answered, and no other status. A failure has an Error Comment "
        f"(0000,0902) of at most {COMMENT_LENGTH_MAX} characters, never with patient data. A "
        "failed C-STORE does not end the association."
    )
    yield from _through(config)
    yield (
        "What is refused as not matching or not understood is kept in quarantine for inspection, "
        f"up to {size_text(QUARANTINE_BYTES_MAX)} in all. When disk or ledger fail, C-STOREs that "
        "are under way get out of resources, new associations that only want to store are "
        "rejected (3.1.3.2), and both end by themselves when the cause is gone."
    )


def _through(config: Config) -> Iterator[str]:
    """Tell of entities that answer with what an archive says."""
    titles = [title_of(name, one) for name, one in config.entities.items() if one.through]
    if titles:
        yield (
            f"But stores at {', '.join(map(code, titles))} go through to an archive elsewhere and "
            "are answered when it has answered: success; its warning (0xB000, 0xB006, 0xB007; "
            "others become 0xB000); its own failure, if it is one of a C-STORE; 0xA700 when it is "
            "busy, late or cannot be reached; 0x0110 when it turns us away or cannot be "
            "understood. What it did not confirm is never a success or a warning, and nothing of "
            "it is kept here."
        )


_DUPLICATE: Final = DuplicateRefused("")


def _by_status(config: Config) -> dict[int, list[str]]:
    """Give what each status means here; one that the configuration rules out is not there."""
    reasons: dict[int, list[str]] = {}
    for status, ours in statuses():
        reasons.setdefault(status, []).append(ours)
    if config.gateway.duplicates != "keep_first":
        del reasons[status_of(_DUPLICATE)[0]]
    return reasons


def statuses() -> Iterator[tuple[int, str]]:
    """Give every status a command can be answered with and when; one may have several reasons."""
    for answer, ours in _ANSWERS:
        yield status_of(answer)[0], ours
    for command, ours in _REFUSED:
        refusal = store_refusal(_CONTEXT, command)
        assert refusal is not None  # noqa: S101 - or the example is none
        yield refusal.status, ours
    yield (
        UNRECOGNIZED_OPERATION,
        (
            "The command is no service of the SOP class of its context. (A C-CANCEL has no "
            "response.)"
        ),
    )


# One of each kind of answer intake gives; a test holds that none is missing.
_ANSWERS: Final[tuple[tuple[Answer, str], ...]] = (
    (
        Kept(Verdict.KEPT),
        (
            "The instance is held: payload and ledger, as durable as 3.1.4.2 says. Also for one "
            "that was held before."
        ),
    ),
    (
        NoRoom(""),
        (
            "Not taken; trying again later may help. The disk is full up to its reserve or cannot "
            "be written, or the ledger cannot be written."
        ),
    ),
    (
        Mismatched(""),
        "SOP Class UID or SOP Instance UID in the data set are not those of the command.",
    ),
    (
        NotUnderstood(""),
        (
            "The bytes are not a complete data set: truncated, over-long, wrongly nested, beyond "
            "the bounds of 3.1.4.2."
        ),
    ),
    (TooLong(""), "Or the instance is longer than `instance_bytes_max`."),
    (_DUPLICATE, "Other bytes are held under this SOP Instance UID, and those are kept."),
)


def _command(
    sop_class: str = _CLASS, sop_instance: str = "1.2.3", *, has_data_set: bool = True
) -> Command:
    return Command(
        CommandField.C_STORE_RQ,
        has_data_set=has_data_set,
        message_id=1,
        affected_sop_class_uid=UID(sop_class),
        affected_sop_instance_uid=UID(sop_instance),
    )


_REFUSED: Final = (
    (_command(has_data_set=False), "The C-STORE request announces no data set."),
    (
        _command(VERIFICATION),
        "The SOP class of the command is not that of the presentation context.",
    ),
    (_command(sop_instance="not a UID"), "Affected SOP Instance UID is not a UID."),
)


def meaning_of(status: int) -> str:
    """Give the standard's words for a C-STORE status, without its number."""
    return re.sub(r" \(0x[0-9A-F]{4}\)$", "", describe(status, Service.STORE))
