"""The gateway as an application entity: what it accepts, and how it negotiates."""

from collections.abc import Iterator

from hilum.cli.statement.admission import aborts, admission, per_process
from hilum.cli.statement.asking import asking, sop_classes
from hilum.cli.statement.bridging import bridging
from hilum.cli.statement.committing import committing
from hilum.cli.statement.markdown import bullets, code, heading, table
from hilum.cli.statement.storing import storing
from hilum.dicom.sop_classes import STORAGE_SOP_CLASSES, VERIFICATION, sop_class_name
from hilum.dicom.syntaxes import ALL_TRANSFER_SYNTAXES, EXPLICIT_VR_BIG_ENDIAN
from hilum.dimse.service.commitment import STORAGE_COMMITMENT
from hilum.dimse.upper.items import ContextResult
from hilum.dimse.upper.limits import UpperLimits
from hilum.service.config_settings import Config
from hilum.sources.dimse.operation import PDU_BYTES_MAX


def gateway(config: Config) -> Iterator[str]:
    """Give the sections about the gateway."""
    yield heading(2, "3. Application entities")
    yield heading(3, f"3.1 Gateway ({code(config.gateway.ae_title)})")
    yield from _sop_classes(config)
    yield from _policies(config)
    yield heading(4, "3.1.3 Association acceptance")
    yield from admission(config)
    yield from _contexts(config)
    yield from _negotiation(config)
    yield from storing(config)
    yield from asking(config)
    yield from committing(config)
    yield heading(4, "3.1.5 Aborts")
    yield "The gateway aborts an association (A-ABORT, PS3.8 §9.3.8) for:"
    yield aborts()
    yield from bridging(config)


def _sop_classes(config: Config) -> Iterator[str]:
    yield heading(4, "3.1.1 SOP classes")
    rows = [
        (sop_class_name(VERIFICATION), code(VERIFICATION), "SCP"),
        (f"{len(STORAGE_SOP_CLASSES)} storage SOP classes", "Annex A", "SCP"),
    ]
    if config.sources.dimse.accept_private_sop_classes:
        rows.append(("Private and unknown storage SOP classes", "any other", "SCP"))
    rows += sop_classes()
    rows.append((sop_class_name(STORAGE_COMMITMENT), code(STORAGE_COMMITMENT), "SCP; SCU: 3.1.4.7"))
    yield table(("SOP class", "UID", "Role"), rows)


def _policies(config: Config) -> Iterator[str]:
    limits = config.sources.dimse.limits
    yield heading(4, "3.1.2 Association policies")
    yield table(
        ("Policy", "Value"),
        (
            ("Application context", "the one of DICOM (PS3.7 §A.2.1)"),
            (
                "Associations at a time",
                f"{limits.associations_max:,}{per_process(config)}; for a peer see 3.1.3.1",
            ),
            (
                "Largest PDU received",
                f"{limits.receive_pdu_bytes:,} bytes (announced; a longer P-DATA-TF is aborted)",
            ),
            ("Largest PDU sent", f"what the peer announces, up to {PDU_BYTES_MAX:,} bytes"),
            (
                "Asynchronous operations",
                "answered with 1, 1 when offered: one operation at a time (PS3.7 §D.3.3.3)",
            ),
            (
                "Association initiation",
                "to the destination of a C-MOVE: 3.1.4.5; to report: 3.1.4.7",
            ),
        ),
    )


def _contexts(config: Config) -> Iterator[str]:
    yield heading(5, "3.1.3.3 Presentation contexts")
    some = f"all {len(ALL_TRANSFER_SYNTAXES)} of Annex B, and any other UID, private ones included"
    rows = [
        (sop_class_name(VERIFICATION), code(VERIFICATION), some, "SCP", "None"),
        ("Storage", "each of Annex A", some, "SCP, SCU for C-GET", "None"),
        ("Query and retrieve", "each of 3.1.1", some, "SCP", "3.1.4.4, 3.1.4.5"),
    ]
    rows.append(
        (
            sop_class_name(STORAGE_COMMITMENT),
            code(STORAGE_COMMITMENT),
            some,
            "SCP; SCU where the requestor is SCP",
            "None",
        )
    )
    if config.sources.dimse.accept_private_sop_classes:
        rows.append(
            (
                "Private and unknown storage",
                (
                    f"every UID outside {code('1.2.840.10008')}, and unknown ones under "
                    f"{code('1.2.840.10008.5.1.4.1.1')}"
                ),
                some,
                "SCP",
                "None",
            )
        )
    yield table(
        ("Abstract syntax", "UID", "Transfer syntaxes", "Role", "Extended negotiation"), rows
    )
    yield table(
        ("Answer to a context (PS3.8 Table 9-18)", "When"),
        (
            (_answer(ContextResult.ACCEPTANCE), "All else"),
            (
                _answer(ContextResult.USER_REJECTION),
                (
                    "This caller may not use the SOP class (3.1.3.1), or the roles that it "
                    "proposes leave nothing it may do (it may get but not store, and does not "
                    "propose itself as SCP of storage)"
                ),
            ),
            (
                _answer(ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED),
                (
                    "The SOP class is not served; a private or unknown one also where the caller "
                    "may not store"
                ),
            ),
            (
                _answer(ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED),
                "Not one of the proposed transfer syntaxes is a UID",
            ),
        ),
    )
    yield (
        "An association is accepted even if all of its contexts are refused. Refused contexts "
        "write one log line that says what to change."
    )


def _answer(result: ContextResult) -> str:
    return f"{result.value} {result.name.lower().replace('_', ' ')}"


def _negotiation(config: Config) -> Iterator[str]:
    limits = config.sources.dimse.limits
    yield heading(5, "3.1.3.4 Negotiation")
    yield bullets(
        "Of the transfer syntaxes of a context, the first in the requestor's order is accepted: "
        f"what it holds. {EXPLICIT_VR_BIG_ENDIAN.name} is accepted only where nothing else is "
        "proposed. Where the requestor is SCP (C-GET), explicit little endian goes before implicit "
        "little endian.",
        f"Up to {UpperLimits().contexts_max} presentation contexts; each is judged by itself, also "
        "when several have the same abstract syntax.",
        "Role selection is answered for accepted SOP classes: the requestor may be SCU, and SCP of "
        "storage SOP classes if it may get, and of storage commitment (PS3.7 §D.3.3.4).",
        "SOP class extended negotiation is answered for query and retrieve (3.1.4.4, 3.1.4.5); "
        "other offers and common extended negotiation are read and not answered: the defaults of "
        "the service hold (PS3.7 §D.3.3.5, §D.3.3.6).",
        "User identity: of peers that have a user in the configuration, type 2 (user name and "
        "passcode) is verified, and confirmed by a positive response if one was requested; any "
        "other identity is read, ignored and not confirmed (PS3.7 §D.3.3.7).",
        f"An A-ASSOCIATE-RQ may have {limits.associate_request_bytes_max:,} bytes, its user "
        f"information {limits.user_information_bytes_max:,}.",
    )
