"""Health as values: findings of checks, and what they mean for readiness. No I/O, no clock.

Checks are made where the checked thing is made, and handed up: this file knows none of them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    """How a part of the gateway is."""

    OK = "ok"
    DEGRADED = "degraded"  # works; somebody should look after it
    FAILING = "failing"  # no instance can be taken until this is mended


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: `message` says what is wrong, `remedy` what to do about it."""

    name: str
    status: Status = Status.OK
    message: str = ""
    remedy: str = ""


Check = Callable[[], Finding]
"""Looks at one thing, in a thread that is not the event loop's. No patient data in the finding."""

Document = dict[str, object]


def findings_of(checks: Iterable[Check]) -> tuple[Finding, ...]:
    """Run all `checks`; one that raises is itself a finding."""
    return tuple(_finding_of(check) for check in checks)


def _finding_of(check: Check) -> Finding:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 -- a check that cannot look has not seen that all is well
        name = getattr(check, "__name__", type(check).__name__)
        # The type only: the text of an unforeseen error may quote anything.
        return Finding(
            name, Status.FAILING, f"The check raised {type(error).__name__}.", "Please report it."
        )


def worst(findings: Iterable[Finding]) -> Status:
    """Tell how the gateway is as a whole: as well as its worst part."""
    found = {finding.status for finding in findings}
    for status in (Status.FAILING, Status.DEGRADED):
        if status in found:
            return status
    return Status.OK


def is_ready(findings: Iterable[Finding]) -> bool:
    """Tell whether instances can be taken: a degraded gateway does its work."""
    return worst(findings) is not Status.FAILING


def readiness_document(findings: Sequence[Finding]) -> Document:
    """Say whether instances can be taken and, when not, why and what to do."""
    if is_ready(findings):
        return {"status": "ready"}
    reasons = [_document(finding) for finding in findings if finding.status is Status.FAILING]
    return {"status": "not ready", "reasons": reasons}


def health_document(findings: Sequence[Finding]) -> Document:
    """Say what every check found."""
    return {"status": worst(findings).value, "checks": [_document(found) for found in findings]}


def _document(finding: Finding) -> Document:
    document: Document = {"name": finding.name, "status": finding.status.value}
    if finding.message:
        document["message"] = finding.message
    if finding.remedy:
        document["remedy"] = finding.remedy
    return document


def changes(before: Sequence[Finding], after: Sequence[Finding]) -> list[Finding]:
    """Give the findings whose status is not what it was; what was not known before was well."""
    known = {finding.name: finding.status for finding in before}
    return [found for found in after if found.status is not known.get(found.name, Status.OK)]
