"""Where a payload lies: a path made of dates and validated UIDs, never of a peer's text."""

from datetime import datetime
from functools import lru_cache
from typing import Final

from hilum.kernel.names import is_uid

UNFILED: Final = "unfiled"
INCOMING: Final = "incoming"
QUARANTINE: Final = "quarantine"
JOURNAL: Final = "journal"
INSTANCES: Final = "instances"
SUFFIX: Final = ".dcm"
# Enough of the digest for a person to tell versions apart; the ledger has all of it.
_DIGEST_CHARACTERS: Final = 8


def path_of(
    *, day: str, study: str, series: str, instance: str, digest_hex: str, serial: str
) -> str:
    """Give the path of a payload below the vault's root.

    `serial` makes it the name of this one reception: no two payloads ever want the same file, so
    no order of events, in any number of processes, can make one overwrite or remove another.
    """
    return (
        f"{INSTANCES}/{day}/{folder_of(study)}/{folder_of(series)}/"
        f"{folder_of(instance)}-{digest_hex[:_DIGEST_CHARACTERS]}-{serial}{SUFFIX}"
    )


def day_of(moment: datetime) -> str:
    """Give the folders of a day."""
    return f"{moment.year:04}/{moment.month:02}/{moment.day:02}"


@lru_cache(maxsize=1024)  # studies and series come again and again
def folder_of(uid: str) -> str:
    """Give the name a UID has in a path; what is not a valid UID lies under one fixed name."""
    return uid if is_uid(uid) else UNFILED
