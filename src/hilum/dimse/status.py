"""What a DIMSE status says, and what it means for a delivery (PS3.7 Annex C, PS3.4)."""

from functools import lru_cache
from typing import Final

from hilum.dimse.status_codes import STATUS_CODES, Category, Service, StatusCodes
from hilum.kernel.outcome import Deferred, Delivered, Outcome, Refused

__all__ = ["Category", "Service", "category", "describe", "outcome_of_store"]

SUCCESS: Final = 0x0000
PROCESSING_FAILURE: Final = 0x0110
DUPLICATE_SOP_INSTANCE: Final = 0x0111
NO_SUCH_SOP_INSTANCE: Final = 0x0112
INVALID_ARGUMENT: Final = 0x0115
INVALID_OBJECT_INSTANCE: Final = 0x0117
CLASS_INSTANCE_CONFLICT: Final = 0x0119
SOP_CLASS_NOT_SUPPORTED: Final = 0x0122
NO_SUCH_ACTION: Final = 0x0123
NOT_AUTHORIZED: Final = 0x0124
UNRECOGNIZED_OPERATION: Final = 0x0211
RESOURCE_LIMITATION: Final = 0x0213
OUT_OF_RESOURCES: Final = 0xA700
DATA_SET_MISMATCH: Final = 0xA900
CANNOT_UNDERSTAND: Final = 0xC000
# Among those of a C-STORE that cannot be understood (PS3.18 Table I.2-2).
SYNTAX_NOT_SUPPORTED: Final = 0xC122
CANCELLED: Final = 0xFE00
PENDING: Final = 0xFF00
PENDING_WITH_WARNING: Final = 0xFF01

# Peers say a few, over and over.
_LOOKED_UP_MAX: Final = 128
_WARNINGS: Final = frozenset({0x0001, 0x0107, 0x0116})  # with 0xB000-0xBFFF (PS3.7 §C.1.3)


def describe(status: int, service: Service = Service.GENERAL) -> str:
    """Say what `status` means in the answer of `service`, with its number."""
    listed = _lookup(status, service)
    if listed is None:
        return f"a {_category_of_number(status).value} that is not listed (0x{status:04X})"
    return f"{listed.meaning} (0x{status:04X})"


def category(status: int, service: Service = Service.GENERAL) -> Category:
    """Tell what kind of status this is, listed or not."""
    listed = _lookup(status, service)
    return listed.category if listed is not None else _category_of_number(status)


def outcome_of_store(status: int) -> Outcome:
    """Read a C-STORE-RSP status (PS3.4 Table B.2-1) as the outcome of a delivery.

    "Duplicate SOP instance" (0x0111) is a refusal: the peer holds something under that UID, but who
    answers so, ours among them, has other bytes. Only a person can say which are wanted.
    """
    if status == SUCCESS:
        return Delivered()
    kind = category(status, Service.STORE)
    if kind is Category.WARNING:
        return Delivered(warning=status)
    reason = f"the peer answered: {describe(status, Service.STORE)}"
    if status >> 8 == OUT_OF_RESOURCES >> 8 or status in _MAY_PASS:
        return Deferred(reason, status=status)
    return Refused(reason, status)


# Full or failing, not unwilling: the same instance may be taken later.
_MAY_PASS: Final = frozenset({PROCESSING_FAILURE, RESOURCE_LIMITATION})


@lru_cache(maxsize=_LOOKED_UP_MAX)
def _lookup(status: int, service: Service) -> StatusCodes | None:
    for owner in (service, Service.GENERAL):
        for codes in STATUS_CODES:
            if codes.service is owner and codes.first <= status <= codes.last:
                return codes
    return None


def _category_of_number(status: int) -> Category:
    """Read a number that no table has, by the ranges of PS3.7 §C.1."""
    if status in (PENDING, PENDING_WITH_WARNING):
        return Category.PENDING
    if status == CANCELLED:
        return Category.CANCEL
    if status in _WARNINGS or status >> 12 == 0xB:
        return Category.WARNING
    return Category.SUCCESS if status == SUCCESS else Category.FAILURE
