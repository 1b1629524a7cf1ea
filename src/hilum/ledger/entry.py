"""What goes into the ledger and what comes back: values only, no SQL."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hilum.dicom.facts import InstanceFacts
from hilum.kernel.names import UID
from hilum.ledger.delivery import PlannedDelivery
from hilum.ledger.extras import Extra, SeriesRequest


class Verdict(enum.Enum):
    """What an arriving instance turned out to be, measured by what is held under its UID."""

    KEPT = "kept"  # nothing was held
    KEPT_BESIDE = "kept_beside"  # other bytes are held and stay; the newcomer is served from now on
    KEPT_OLDER = "kept_older"  # other bytes are held and came later; they are served as before
    REPLACED = "replaced"  # other bytes were served until now and are held no more
    ALREADY_HELD = "already_held"  # the same bytes: nothing new to keep
    KEPT_FIRST = "kept_first"  # other bytes are held and the newcomer is not kept


@dataclass(slots=True)
class Origin:
    """Who brought something, and through which door. A text is empty where there is none.

    `via`: the faces of gateways that what is asked has come through; not written down.
    """

    calling_ae_title: str
    called_ae_title: str
    peer: str
    host: str
    entity: str
    association_id: str
    via: tuple[str, ...] = ()


# What the gateway does of its own accord.
OURSELVES: Final = Origin("", "", "", "", "", "")


@dataclass(slots=True)
class Entry:
    """An instance whose payload is durable already and that now wants its receipt.

    `path` is where its payload lies in the vault. `verdict` says what it should be when other bytes
    are held under its UID: KEPT_BESIDE, REPLACED, KEPT_FIRST, or KEPT_OLDER when it was found
    after a crash and is not the newest. `digest` is of what was received, `received_at` is aware.
    `is_distinct` says that a held payload with this digest was read and has other bytes.
    `deliveries` is where it must go, written in the same transaction. `extras` are what is searched
    by besides the facts, `requests` what its series was made for, if that was not said lately.
    """

    facts: InstanceFacts
    transfer_syntax_uid: UID
    path: str
    size: int
    digest: bytes
    verdict: Verdict
    origin: Origin
    received_at: datetime
    is_distinct: bool = False
    deliveries: Sequence[PlannedDelivery] = ()
    extras: Sequence[Extra] = ()
    requests: Sequence[SeriesRequest] = ()


@dataclass(slots=True)
class HeldPayload:
    """One version of an instance that we hold; the current one is the one that is served."""

    digest: bytes
    path: str
    version: int
    is_current: bool
    size: int
    received_at_microseconds: int


@dataclass(slots=True)
class Recorded:
    """What really happened to an Entry.

    `path` is where the ledger says the payload lies: when it is not the path of the Entry, the file
    there is not wanted. `superseded_path` is where a replaced payload lies that is held no more.
    What was not kept (KEPT_FIRST) has no receipt: its `receipt_id` is 0.
    """

    receipt_id: int
    version: int
    verdict: Verdict
    path: str
    superseded_path: str | None = None


@dataclass(slots=True)
class AuditRecord:
    """Something that somebody did or tried, to be remembered for good.

    Names and IDs of patients belong here and nowhere else, `detail` included.
    """

    event: str
    outcome: str
    origin: Origin
    study_instance_uid: str = ""
    sop_instance_uid: str = ""
    patient_id: str = ""
    detail: str = ""


@dataclass(slots=True)
class Counts:
    """How much the ledger knows of. `receipts` are all that were ever given."""

    patients: int
    studies: int
    series: int
    instances: int
    payloads: int
    bytes: int
    receipts: int
    conflicts: int
