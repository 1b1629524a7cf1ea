from datetime import UTC, datetime, timedelta

import pytest

from hilum.dicomweb.http_status import (
    RETRY_AFTER_MAX,
    StatusKind,
    describe_status,
    kind_of_status,
    retry_after,
)
from hilum.dicomweb.reasons import ReasonKind, describe, kind_of_failure

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (272, ReasonKind.LATER),
        (273, ReasonKind.ALREADY_THERE),
        (290, ReasonKind.REFUSED),
        (292, ReasonKind.REFUSED),
        (42752, ReasonKind.LATER),
        (42757, ReasonKind.LATER),
        (43264, ReasonKind.REFUSED),
        (45070, ReasonKind.ALREADY_THERE),
        (45071, ReasonKind.LATER),
        (49152, ReasonKind.REFUSED),
        (49442, ReasonKind.REFUSED),
        (1, ReasonKind.REFUSED),
    ],
)
def test_a_failure_reason_tells_what_to_do(reason, kind):
    assert kind_of_failure(reason) is kind


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (290, "SOP class not supported (290, 0x0122)"),
        (42755, "out of resources (42755, 0xA703)"),
        (43270, "data set does not match SOP class (43270, 0xA906)"),
        (50000, "cannot understand (50000, 0xC350)"),
        (7, "a reason that is not listed (7, 0x0007)"),
    ],
)
def test_a_reason_has_words(reason, words):
    assert describe(reason) == words


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (200, StatusKind.ANSWERED),
        (409, StatusKind.ANSWERED),
        (307, StatusKind.REDIRECTED),
        (418, StatusKind.BAD_REQUEST),
        (599, StatusKind.FAILED),
        (100, StatusKind.STRANGE),
        (299, StatusKind.STRANGE),
        (999, StatusKind.STRANGE),
    ],
)
def test_an_unlisted_code_counts_as_its_class(code, kind):
    assert kind_of_status(code) is kind


def test_a_code_has_its_phrase():
    assert describe_status(503) == "503 Service Unavailable"
    assert describe_status(599) == "599"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60),
        ("Sun, 01 Mar 2026 12:01:00 -0000", 60),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("99999999999999999999", RETRY_AFTER_MAX.total_seconds()),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("Sun, 99 Mar 2026 12:01:00 GMT", None),
        ("²", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text, seconds):
    expected = None if seconds is None else timedelta(seconds=seconds)

    assert retry_after(text, now=NOW) == expected
