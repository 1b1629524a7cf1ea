"""The sender as an application entity: what commands that call a peer propose and do."""

from collections.abc import Iterator
from typing import Final, assert_never

from hilum.cli.peer import CALLING
from hilum.cli.sending.order import ASSOCIATIONS_MAX
from hilum.cli.sending.plan import CONTEXTS_MAX
from hilum.cli.statement.markdown import bullets, code, heading, table
from hilum.destinations.dimse.address import ANY_SCP
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.requestor import VERIFICATION_CONTEXT
from hilum.dicom.sop_classes import STORAGE_SOP_CLASSES, VERIFICATION, sop_class_name
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dimse.status import Category, Service, outcome_of_store
from hilum.dimse.status_codes import STATUS_CODES, StatusCodes
from hilum.kernel.outcome import Deferred, Delivered, Refused
from hilum.query.level import Model

_DEFAULTS: Final = RequestorOptions()


def sender() -> Iterator[str]:
    """Give the sections about the sender."""
    yield heading(3, f"3.2 Sender ({code(CALLING)})")
    yield heading(4, "3.2.1 SOP classes")
    yield table(
        ("SOP class", "UID", "Role"),
        (
            (sop_class_name(VERIFICATION), code(VERIFICATION), "SCU"),
            (
                f"{len(STORAGE_SOP_CLASSES)} storage SOP classes, and whatever else the files are",
                "Annex A, and any other",
                "SCU; SCP in a C-GET of `hilum get`",
            ),
            *_query_and_retrieve(),
        ),
    )
    yield from _policies()
    yield from _contexts()
    yield from _behaviour()


def _query_and_retrieve() -> Iterator[tuple[str, str, str]]:
    for model in (Model.PATIENT_ROOT, Model.STUDY_ROOT):
        for uid in (model.find_uid, model.move_uid, model.get_uid):
            yield sop_class_name(uid), code(uid), "SCU"


def _policies() -> Iterator[str]:
    yield heading(4, "3.2.2 Association policies")
    yield table(
        ("Policy", "Value"),
        (
            ("Called AE title", f"as given; {code(ANY_SCP)} if none is"),
            (
                "Associations at a time",
                f"1; `hilum send --associations` up to {ASSOCIATIONS_MAX}",
            ),
            ("Largest PDU received", f"{_DEFAULTS.maximum_pdu_length:,} bytes (`-pdu`)"),
            (
                "Largest PDU sent",
                f"the peer's maximum, at most {_DEFAULTS.fragment_bytes_max:,} bytes",
            ),
            ("Asynchronous operations", "not proposed: one operation at a time"),
            ("Role selection", "SCP of storage, by `hilum get`"),
            (
                "Extended negotiation",
                "with `--relational` relational queries, with `--fuzzy` fuzzy matching of names",
            ),
            ("User identity", "not proposed"),
            (
                "Association acceptance",
                "Verification and Storage, by `hilum recv` and `hilum move --to` while they run",
            ),
        ),
    )
    yield table(
        ("Waits for", "Seconds", "Option"),
        (
            (
                "name, connection and TLS handshake",
                f"{_DEFAULTS.connect_timeout_seconds:g}",
                "`-to`",
            ),
            (
                "the answer to A-ASSOCIATE-RQ",
                f"{_DEFAULTS.association_timeout_seconds:g}",
                "`-ta`",
            ),
            (
                "a response, or any progress while sending",
                f"{_DEFAULTS.response_timeout_seconds:g}",
                "`-td`",
            ),
            ("the answer to A-RELEASE-RQ", f"{_DEFAULTS.release_timeout_seconds:g}", ""),
        ),
    )


def _contexts() -> Iterator[str]:
    syntaxes = [transfer_syntax(uid) for uid in VERIFICATION_CONTEXT.transfer_syntaxes]
    yield heading(4, "3.2.3 Proposed presentation contexts")
    yield table(
        ("Command", "Abstract syntax", "Transfer syntaxes", "Role", "Extended negotiation"),
        (
            (
                "`hilum echo`",
                f"{sop_class_name(VERIFICATION)} {code(VERIFICATION)}",
                ", ".join(f"{one.name} {code(one.uid)}" for one in syntaxes),
                "SCU",
                "None",
            ),
            (
                "`hilum send`",
                "the SOP class of a file",
                "the transfer syntax of that file, and no other",
                "SCU",
                "None",
            ),
        ),
    )
    yield (
        "`hilum send` proposes one context for each combination of SOP class and transfer syntax "
        f"among the files, at most {CONTEXTS_MAX} on an association; more combinations travel on "
        "further associations. Files are sent as they are: nothing is converted, and an instance "
        "whose context the peer refuses is reported as failed."
    )


def _behaviour() -> Iterator[str]:
    yield heading(4, "3.2.4 Statuses of C-STORE responses")
    yield table(
        ("Status", "Meaning", "What `hilum send` does"),
        ((_numbers(one), one.meaning, _reaction(one)) for one in _store_statuses()),
    )
    yield (
        "Statuses that are not listed are read by the ranges of PS3.7 §C.1. The Error Comment of a "
        "response is not shown: it may hold anything."
    )
    yield bullets(
        "An association that is lost or rejected as transient is tried again, with growing "
        "pauses; what was confirmed is not sent again.",
        "A permanent rejection ends the run, with the reason and what to look at.",
        "`--resume` writes down what the peer has confirmed, so that a later run sends the rest.",
    )


def _store_statuses() -> Iterator[StatusCodes]:
    """Give the statuses a store can get: those of C-STORE, and the general ones (PS3.7 Annex C)."""
    for one in STATUS_CODES:
        is_general = one.service is Service.GENERAL and one.category is not Category.CANCEL
        if is_general or one.service is Service.STORE:
            yield one


def _numbers(codes: StatusCodes) -> str:
    if codes.first == codes.last:
        return code(f"0x{codes.first:04X}")
    return f"{code(f'0x{codes.first:04X}')} to {code(f'0x{codes.last:04X}')}"


def _reaction(codes: StatusCodes) -> str:
    outcome = outcome_of_store(codes.first)
    match outcome:
        case Delivered(warning=None):
            return "counts it as sent"
        case Delivered():
            return "counts it as sent, and reports the warning"
        case Deferred():
            return "tries it again, as often as `--retries` says"
        case Refused():
            return "reports it as failed, and goes on"
        case _:
            assert_never(outcome)
