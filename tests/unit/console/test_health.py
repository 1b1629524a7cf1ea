"""What findings mean for readiness is decided by pure functions."""

import pytest

from hilum.console.health import (
    Finding,
    Status,
    changes,
    findings_of,
    health_document,
    is_ready,
    readiness_document,
    worst,
)

WELL = Finding("ledger")
SLOW = Finding("clock", Status.DEGRADED, "The clock jumped by 3 s.", "Is chrony running?")
FULL = Finding("vault", Status.FAILING, "2 GB are left of 5 GB to keep.", "Free some room.")


@pytest.mark.parametrize(
    ("findings", "status", "ready"),
    [
        ((), Status.OK, True),
        ((WELL,), Status.OK, True),
        ((WELL, SLOW), Status.DEGRADED, True),
        ((WELL, SLOW, FULL), Status.FAILING, False),
        ((FULL, WELL), Status.FAILING, False),
    ],
)
def test_the_gateway_is_as_well_as_its_worst_part(findings, status, ready):
    assert worst(findings) is status
    assert is_ready(findings) is ready


def test_not_ready_says_why_and_what_to_do():
    assert readiness_document((WELL, SLOW, FULL)) == {
        "status": "not ready",
        "reasons": [
            {
                "name": "vault",
                "status": "failing",
                "message": "2 GB are left of 5 GB to keep.",
                "remedy": "Free some room.",
            }
        ],
    }


def test_ready_says_no_more_than_that():
    assert readiness_document((WELL, SLOW)) == {"status": "ready"}


def test_health_tells_of_every_check():
    document = health_document((WELL, SLOW))

    assert document["status"] == "degraded"
    assert [check["name"] for check in document["checks"]] == ["ledger", "clock"]
    assert document["checks"][0] == {"name": "ledger", "status": "ok"}


def test_a_check_that_raises_is_a_finding_without_the_errors_text():
    def ledger():
        raise ValueError("cannot read 'DOE^JOHN'")

    (finding, other) = findings_of([ledger, lambda: WELL])

    assert (finding.name, finding.status) == ("ledger", Status.FAILING)
    assert "ValueError" in finding.message
    assert "DOE" not in repr(finding)
    assert other is WELL


def test_only_what_changed_is_news():
    assert changes((), (WELL, FULL)) == [FULL]
    assert changes((WELL, FULL), (WELL, FULL)) == []
    assert changes((FULL, SLOW), (Finding("vault"), SLOW)) == [Finding("vault")]
