"""What the product is, which services it has, and how its application entities work together."""

from collections.abc import Iterator

from hilum import __version__
from hilum.cli.peer import CALLING
from hilum.cli.statement.markdown import bullets, code, heading, table
from hilum.dicom.sop_classes import STORAGE_SOP_CLASSES, VERIFICATION, sop_class_name
from hilum.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from hilum.dimse.service.commitment import STORAGE_COMMITMENT
from hilum.service.config_settings import Config
from hilum.sources.dimse.services import SERVED


def overview(config: Config) -> Iterator[str]:
    """Give the first sections, up to the application entities."""
    yield heading(1, f"DICOM Conformance Statement: Hilum {__version__}")
    yield (
        "Printed by `hilum conformance` from the tables and settings the gateway runs on, after "
        "the structure of PS3.2. A statement that is about your gateway, with its AE titles, peers "
        "and limits, is printed by `hilum conformance -c hilum.toml`."
    )
    yield heading(2, "1. Overview")
    yield (
        "Hilum is a DICOM gateway. It takes instances in over the DICOM network, makes them "
        "durable, and answers success only then. It keeps the bytes of every data set as they were "
        "received."
    )
    yield table(
        ("Service", "As user (SCU)", "As provider (SCP)"),
        (
            (f"{sop_class_name(VERIFICATION)} ({code(VERIFICATION)})", "Yes: `hilum echo`", "Yes"),
            (
                f"Storage: {len(STORAGE_SOP_CLASSES)} SOP classes (Annex A)",
                "Yes: `hilum send`",
                "Yes",
            ),
            (f"Query: {len(SERVED['find'])} models (3.1.4.4)", "Yes: `hilum find`", "Yes"),
            (
                f"Retrieve: C-MOVE and C-GET, {len(SERVED['get'])} models (3.1.4.5)",
                "Yes: `hilum move`, `hilum get`",
                "Yes",
            ),
            (
                f"{sop_class_name(STORAGE_COMMITMENT)} (3.1.4.7)",
                "Yes, for destinations",
                "Yes",
            ),
            (
                "DICOMweb: search, retrieve, store, delete (3.3)",
                "Store, for destinations",
                "Yes, as origin server",
            ),
        ),
    )
    yield (
        "Every other DIMSE service (worklist, performed procedure step, print) is not supported in "
        "this version, and no media are written."
    )
    yield from _implementation_model(config)


def _implementation_model(config: Config) -> Iterator[str]:
    yield heading(2, "2. Implementation model")
    yield table(
        ("Application entity", "AE title", "Real-world activity"),
        (
            (
                "Gateway (`hilum serve`)",
                code(config.gateway.ae_title),
                "Answers verification; takes in and keeps instances; finds and returns them.",
            ),
            (
                "Sender (`hilum send`, `echo`, `find`, `get`, `move`)",
                f"{code(CALLING)}, or what `--calling` says",
                "Verifies, stores, queries and retrieves when a person or script asks for it.",
            ),
        ),
    )
    yield (
        "For queries and retrieves the gateway opens associations only to the destination of a "
        "C-MOVE; besides, to peers that it owes a report on storage commitment. Sender and gateway "
        "do not depend on each other: the sender works without a gateway, from any machine."
    )
    yield heading(3, "2.1 Sequence of a store")
    yield bullets(
        "The data set is written while it arrives; its structure is read to its last element.",
        "The payload is complete and named, then one ledger transaction holds its receipt, its "
        "catalogue entry and its audit record. Instances of several associations may share one.",
        "Only then the C-STORE response is sent.",
    )
    yield heading(3, "2.2 Implementation identification")
    yield table(
        ("", "Value"),
        (
            ("Implementation class UID", code(IMPLEMENTATION_CLASS_UID)),
            ("Implementation version name", code(IMPLEMENTATION_VERSION_NAME)),
        ),
    )
    yield "Both application entities announce these."
