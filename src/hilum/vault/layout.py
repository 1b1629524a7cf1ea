"""Where a payload lies: a path made of dates and validated UIDs, never of a peer's text."""

from datetime import datetime
from typing import Final

from hilum.kernel.names import is_uid

UNFILED: Final = "unfiled"
INCOMING: Final = "incoming"
QUARANTINE: Final = "quarantine"
INSTANCES: Final = "instances"
SUFFIX: Final = ".dcm"
# Enough of the digest to tell versions of one instance apart; the ledger knows the whole of it.
_DIGEST_CHARACTERS: Final = 16


def path_of(
    *, received_at: datetime, study: str, series: str, instance: str, digest_hex: str
) -> str:
    """Give the path of a payload below the vault's root.

    The digest is part of the name: the same bytes always want the same file, and other bytes of the
    same instance never want it, so no order of events can make one overwrite the other.
    """
    day = received_at.strftime("%Y/%m/%d")
    return (
        f"{INSTANCES}/{day}/{folder_of(study)}/{folder_of(series)}/"
        f"{folder_of(instance)}-{digest_hex[:_DIGEST_CHARACTERS]}{SUFFIX}"
    )


def folder_of(uid: str) -> str:
    """Give the name a UID has in a path; what is not a valid UID lies under one fixed name."""
    return uid if is_uid(uid) else UNFILED
