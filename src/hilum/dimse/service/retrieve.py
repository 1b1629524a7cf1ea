"""C-MOVE and C-GET (PS3.7 §9.1.3, §9.1.4; PS3.4 §C.4.2, §C.4.3): the command sets of both roles."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.dataset import DataSet
from hilum.dicom.syntaxes import UNCOMPRESSED
from hilum.dimse.command import Command, CommandField, Priority, encode_command
from hilum.dimse.service.ending import Ending, check_response, ended, responding
from hilum.dimse.service.identifier import encode_identifier
from hilum.dimse.service.query import words_of
from hilum.dimse.service.storage import MoveOriginator
from hilum.dimse.service.suboperations import Counts, SubOperations
from hilum.dimse.status import PENDING, Category, Service, category
from hilum.dimse.upper.negotiation import Context
from hilum.kernel.names import UID, AETitle, is_uid

FAILED_SOP_INSTANCE_UID_LIST: Final = 0x00080058


def move_request(
    message_id: int,
    sop_class_uid: UID,
    *,
    destination: AETitle,
    priority: int = Priority.MEDIUM,
) -> bytes:
    """Give a C-MOVE-RQ; its identifier must follow."""
    return encode_command(
        Command(
            CommandField.C_MOVE_RQ,
            has_data_set=True,
            message_id=message_id,
            affected_sop_class_uid=sop_class_uid,
            priority=priority,
            move_destination=destination,
        )
    )


def get_request(message_id: int, sop_class_uid: UID, *, priority: int = Priority.MEDIUM) -> bytes:
    """Give a C-GET-RQ; its identifier must follow."""
    return encode_command(
        Command(
            CommandField.C_GET_RQ,
            has_data_set=True,
            message_id=message_id,
            affected_sop_class_uid=sop_class_uid,
            priority=priority,
        )
    )


def retrieve_pending(command: Command, counts: Counts) -> bytes:
    """Give a pending response: how far the sub-operations are. Nothing follows it."""
    response = responding(command, PENDING)
    _put(response, counts)
    response.remaining_suboperations = counts.remaining
    return encode_command(response)


def retrieve_ended(command: Command, ending: Ending, work: SubOperations) -> bytes:
    """Give the last response; `failed_list` must follow it if `work.has_failed`.

    "Remaining" is only there when it was cancelled (PS3.7 §9.1.3.1.8).
    """
    response = ended(command, ending)
    counts = work.counts
    _put(response, counts)
    if category(ending.status) is Category.CANCEL:
        response.remaining_suboperations = counts.remaining
    response.has_data_set = work.has_failed
    return encode_command(response)


def _put(response: Command, counts: Counts) -> None:
    response.completed_suboperations = counts.completed
    response.failed_suboperations = counts.failed
    response.warning_suboperations = counts.warned


def failed_list(failed: Iterable[UID], syntax: UID) -> bytes:
    """Give the identifier of a last response: what could not be sent (PS3.4 §C.4.2.1.4.2)."""
    builder = DataSetBuilder("").texts(FAILED_SOP_INSTANCE_UID_LIST, *failed)
    return encode_identifier(builder.data_set, syntax)


def originator_of(command: Command, calling_ae_title: str) -> MoveOriginator:
    """Give what each store of a C-MOVE says about it: who asked, in which message."""
    return MoveOriginator(calling_ae_title, command.message_id or 0)


def store_contexts(contexts: Mapping[int, Context]) -> Mapping[UID, tuple[Context, ...]]:
    """Sort the contexts on which we may send in a C-GET by their SOP class (PS3.4 §C.4.3.1.2).

    The requestor offered them with the SCP role; an instance without one of them has failed.
    """
    sorted_out: dict[UID, tuple[Context, ...]] = {}
    for context in contexts.values():
        if context.we_are_scu:
            others = sorted_out.get(context.abstract_syntax, ())
            sorted_out[context.abstract_syntax] = (*others, context)
    return sorted_out


def way_of(contexts: Iterable[Context], stored: UID) -> Context | None:
    """Choose among the contexts of a SOP class the one an instance travels on; None: on none.

    That is one with the syntax it is stored in, else, if that is uncompressed, another such.
    """
    by_syntax = {context.transfer_syntax: context for context in reversed(tuple(contexts))}
    wishes = (stored, *UNCOMPRESSED) if stored in UNCOMPRESSED else (stored,)
    return next((by_syntax[syntax] for syntax in wishes if syntax in by_syntax), None)


@dataclass(frozen=True, slots=True)
class Progress:
    """A pending response to our C-MOVE or C-GET."""

    counts: Counts


@dataclass(frozen=True, slots=True)
class RetrieveEnded:
    """The last response; the list of what failed follows if `failed_list_follows`.

    Counters that the peer left out are zero; `words` say what the status means.
    """

    status: int
    category: Category
    words: str
    counts: Counts
    failed_list_follows: bool
    offending_elements: tuple[int, ...] = ()


RetrieveAnswer = Progress | RetrieveEnded


def read_move_response(command: Command, message_id: int) -> RetrieveAnswer:
    """Read a response to our C-MOVE-RQ `message_id`.

    Raises:
        InvalidMessage: it answers something else.
    """
    status = check_response(command, CommandField.C_MOVE_RQ, message_id)
    return _read(command, status, Service.MOVE)


def read_get_response(command: Command, message_id: int) -> RetrieveAnswer:
    """Read a response to our C-GET-RQ `message_id`.

    Raises:
        InvalidMessage: it answers something else.
    """
    status = check_response(command, CommandField.C_GET_RQ, message_id)
    return _read(command, status, Service.GET)


def _read(command: Command, status: int, service: Service) -> RetrieveAnswer:
    counts = Counts(
        command.remaining_suboperations or 0,
        command.completed_suboperations or 0,
        command.failed_suboperations or 0,
        command.warning_suboperations or 0,
    )
    kind = category(status, service)
    if kind is Category.PENDING:
        # A data set here is against PS3.7 §9.1.3.1; it is to be read past when it is announced.
        return Progress(counts)
    return RetrieveEnded(
        status=status,
        category=kind,
        words=words_of(command, service),
        counts=counts,
        failed_list_follows=command.has_data_set,
        offending_elements=command.offending_elements,
    )


def failed_of(identifier: DataSet) -> tuple[UID, ...]:
    """Read the list of what failed; what is no UID is left out."""
    found = identifier.texts(FAILED_SOP_INSTANCE_UID_LIST)
    return tuple([UID(uid) for uid in found if is_uid(uid)])
