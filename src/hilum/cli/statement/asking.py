"""Query and retrieve as the gateway provides them: models, keys, negotiation, every status."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from hilum.cli.statement.markdown import bullets, code, heading, table
from hilum.dicom.dictionary import entry
from hilum.dicom.sop_classes import sop_class_name
from hilum.dimse.command import ERROR_COMMENT_LENGTH_MAX
from hilum.dimse.service.ending import (
    CANNOT_COUNT_MATCHES,
    CANNOT_PERFORM,
    DESTINATION_UNKNOWN,
    LIMIT_REACHED,
    SUBOPERATIONS_FAILED,
)
from hilum.dimse.service.identifier import IDENTIFIER_BYTES_MAX
from hilum.dimse.service.query_negotiation import Options
from hilum.dimse.status import (
    CANCELLED,
    CANNOT_UNDERSTAND,
    DATA_SET_MISMATCH,
    OUT_OF_RESOURCES,
    PENDING,
    PENDING_WITH_WARNING,
    SUCCESS,
    Service,
    describe,
)
from hilum.ledger.search_columns import COMPUTED, STORED
from hilum.query.attributes import KEYS
from hilum.query.level import Level, Model
from hilum.service.config_settings import Config
from hilum.sources.dimse.library import RETRIEVALS_MAX
from hilum.sources.dimse.operation import PDU_BYTES_MAX
from hilum.sources.dimse.operations import WAITING_MAX
from hilum.sources.dimse.services import FIND_OPTIONS, RETRIEVE_OPTIONS, SERVED

Row = tuple[str, str, str]

_OF_ALL: Final = (
    (SUCCESS, "All of it was answered or sent; also where nothing matches."),
    (CANCELLED, "The caller sent a C-CANCEL, and something was left."),
    (
        DATA_SET_MISMATCH,
        (
            "The identifier lacks the level or a unique key, or has one that it may not have; "
            "Offending Element names it."
        ),
    ),
    (CANNOT_UNDERSTAND, "The identifier is no data set or too long; or a fault of ours."),
)
# When each status is answered; those of Pending and Success among them.
STATUSES: Final[dict[Service, tuple[tuple[int, str], ...]]] = {
    Service.FIND: (
        (PENDING, "A match."),
        (
            PENDING_WITH_WARNING,
            "A match of a question with keys that are not supported: they narrowed nothing.",
        ),
        (LIMIT_REACHED, "There are more matches than `find_matches_max`; it has sent as many."),
        (OUT_OF_RESOURCES, "The ledger cannot be asked now, or too many operations wait."),
        *_OF_ALL,
    ),
    Service.MOVE: (
        (PENDING, "Twice a second, and before and behind all sub-operations."),
        (CANNOT_COUNT_MATCHES, "The ledger cannot be asked now."),
        (CANNOT_PERFORM, "Nothing arrived; Error Comment says why."),
        (SUBOPERATIONS_FAILED, "Something failed or arrived with a warning."),
        (DESTINATION_UNKNOWN, "No peer with host and port and no destination has that AE title."),
        *_OF_ALL,
    ),
    Service.GET: (
        (PENDING, "Twice a second, and before and behind all sub-operations."),
        (CANNOT_COUNT_MATCHES, "The ledger cannot be asked now."),
        (CANNOT_PERFORM, "Nothing arrived; Error Comment says why."),
        (SUBOPERATIONS_FAILED, "Something failed or arrived with a warning."),
        *_OF_ALL,
    ),
}


def sop_classes() -> Iterator[Row]:
    """Give the SOP classes of query and retrieve."""
    for permission in ("find", "move", "get"):
        for uid in sorted(SERVED[permission]):
            yield sop_class_name(uid), code(uid), "SCP"


def asking(config: Config) -> Iterator[str]:
    """Give the sections about C-FIND, C-MOVE and C-GET."""
    yield heading(5, "3.1.4.4 Query")
    yield bullets(*_finding(config))
    yield table(("Level", "Keys that narrow and are answered"), _keys())
    yield heading(5, "3.1.4.5 Retrieve")
    yield bullets(*_retrieving(config))
    yield heading(5, "3.1.4.6 Statuses of query and retrieve")
    yield table(("Service", "Status", "Standard meaning", "Ours"), _statuses())
    yield (
        f"An Error Comment has at most {ERROR_COMMENT_LENGTH_MAX} characters, never with patient "
        "data. A failed operation does not end the association, but for an instance of which "
        "only a part could be sent."
    )


def _finding(config: Config) -> Iterator[str]:
    limit = config.sources.dimse.limits.find_matches_max
    levels = {model: ", ".join(level.name for level in model.levels) for model in Model}
    for model, names in levels.items():
        yield f"{sop_class_name(model.find_uid)}: {names}."
    yield (
        "Matching by PS3.4 §C.2.2: single value, list of UIDs, universal, wild card, range, "
        "sequence, multiple values. Names are found by each component group, whatever case and "
        "accents."
    )
    yield f"Extended negotiation: {_options(FIND_OPTIONS)}."
    yield (
        "Answers are in the character set of the question where that has all of their texts, else "
        "in ISO_IR 192. Retrieve AE Title and Instance Availability are always there."
    )
    yield f"Matches of one request: {'no limit' if limit is None else f'{limit:,}'}."
    yield (
        f"An identifier has at most {IDENTIFIER_BYTES_MAX:,} bytes. One operation at a time on an "
        f"association, {WAITING_MAX} more wait their turn. C-CANCEL is seen within some matches, "
        "and a caller that reads slowly is waited for."
    )


def _retrieving(config: Config) -> Iterator[str]:
    limits = config.sources.dimse.limits
    for model in Model:
        yield f"{sop_class_name(model.move_uid)}; {sop_class_name(model.get_uid)}."
    yield f"Extended negotiation: {_options(RETRIEVE_OPTIONS)}."
    yield (
        "An instance is sent byte for byte in the transfer syntax it is stored in. Where that was "
        "not agreed on, an uncompressed one is re-encoded into another uncompressed one; nothing "
        "is compressed or decompressed. What can be sent in no way has failed."
    )
    yield (
        "C-MOVE goes to peers of the configuration that have host and port, and to its DIMSE "
        f"destinations, over at most {limits.move_associations_max} association(s) of ours at a "
        "time. Every C-STORE carries Move Originator AE Title and Message ID and the priority of "
        "the request. An association that is lost is opened again while instances arrive."
    )
    yield (
        "C-GET sends on the contexts for which the caller was given the SCP role, one C-STORE at a "
        "time. A release while it goes on ends it."
    )
    yield f"{RETRIEVALS_MAX} retrievals at a time in each process; more wait their turn."
    yield f"Largest PDU sent: what the peer announces, up to {PDU_BYTES_MAX:,} bytes."


def _options(options: Options) -> str:
    names = [field.name.replace("_", " ") for field in fields(options)]
    held = [name for name in names if getattr(options, name.replace(" ", "_"))]
    return ", ".join(held) + ", each if offered (PS3.4 §C.5)"


def _keys() -> Iterator[tuple[str, str]]:
    known = STORED.keys() | COMPUTED.keys()
    for level in Level:
        keys = [found.keyword for tag in KEYS[level] if tag in known and (found := entry(tag))]
        yield level.name, ", ".join(map(code, keys))


def _statuses() -> Iterator[tuple[str, str, str, str]]:
    for service, rows in STATUSES.items():
        for status, ours in rows:
            meaning = describe(status, service).removesuffix(f" (0x{status:04X})")
            yield service.value, code(f"0x{status:04X}"), meaning, ours
