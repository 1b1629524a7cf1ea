"""Status codes: what they say and what they mean for a delivery."""

import pytest

from hilum.dimse.status import Category, Service, category, describe, outcome_of_store
from hilum.dimse.status_codes import STATUS_CODES
from hilum.kernel.outcome import Deferred, Delivered, Refused


def deferred(reason, status):
    return Deferred(reason, status=status)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (0x0000, Delivered()),
        (0xB000, Delivered(warning=0xB000)),
        (0xB006, Delivered(warning=0xB006)),
        (0xB007, Delivered(warning=0xB007)),
        (0xB123, Delivered(warning=0xB123)),
        (0x0107, Delivered(warning=0x0107)),
        (0xA700, deferred("the peer answered: Refused: Out of Resources (0xA700)", 0xA700)),
        (0xA7FF, deferred("the peer answered: Refused: Out of Resources (0xA7FF)", 0xA7FF)),
        (0x0110, deferred("the peer answered: Processing Failure (0x0110)", 0x0110)),
        (0x0213, deferred("the peer answered: Resource Limitation (0x0213)", 0x0213)),
        (
            0xA900,
            Refused("the peer answered: Data Set Does Not Match SOP Class (0xA900)", 0xA900),
        ),
        (0xC123, Refused("the peer answered: Cannot Understand (0xC123)", 0xC123)),
        (0x0122, Refused("the peer answered: Refused: SOP Class Not Supported (0x0122)", 0x0122)),
        (0x0124, Refused("the peer answered: Refused: Not Authorised (0x0124)", 0x0124)),
        (0xFF00, Refused("the peer answered: a Pending that is not listed (0xFF00)", 0xFF00)),
        (0x1234, Refused("the peer answered: a Failure that is not listed (0x1234)", 0x1234)),
    ],
)
def test_a_store_status_has_its_outcome(status, outcome):
    assert outcome_of_store(status) == outcome


@pytest.mark.parametrize(
    ("status", "service", "words"),
    [
        (0x0000, Service.STORE, "Success (0x0000)"),
        (0x0211, Service.FIND, "Unrecognised Operation (0x0211)"),
        (0xA701, Service.MOVE, "Refused: Out of resources, unable to calculate number"),
        (0xA701, Service.STORE, "Refused: Out of Resources (0xA701)"),
        (0xC301, Service.UNIFIED_STEP, "The correct Transaction UID was not provided (0xC301)"),
        (0xC301, Service.STORE, "Cannot Understand (0xC301)"),
        (0xFE00, Service.FIND, "Cancel (0xFE00)"),
    ],
)
def test_a_status_is_described_for_its_service(status, service, words):
    assert describe(status, service).startswith(words)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0x0000, Category.SUCCESS),
        (0x0001, Category.WARNING),
        (0x0116, Category.WARNING),
        (0xB999, Category.WARNING),
        (0xFE00, Category.CANCEL),
        (0xFF00, Category.PENDING),
        (0xFF01, Category.PENDING),
        (0xFF02, Category.FAILURE),
        (0xA700, Category.FAILURE),
        (0x0105, Category.FAILURE),
    ],
)
def test_numbers_without_a_service_fall_in_their_range(status, expected):
    assert category(status) is expected


def test_no_codes_of_a_service_overlap():
    assert {codes.service for codes in STATUS_CODES} == set(Service)
    for codes in STATUS_CODES:
        assert codes.first <= codes.last
        assert category(codes.first, codes.service) is codes.category
        assert category(codes.last, codes.service) is codes.category


def test_a_duplicate_is_refused_because_who_says_so_may_hold_other_bytes():
    outcome = outcome_of_store(0x0111)

    assert isinstance(outcome, Refused)
    assert outcome.status == 0x0111
