"""What went wrong, as an OperationOutcome. The texts never have a value of the request."""

from typing import Any

from hilum.kernel.errors import HilumError

Resource = dict[str, Any]  # Any: JSON


class Refused(HilumError):
    """Answer with `status` and an OperationOutcome. `code`: of FHIR's value set issue-type."""

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.outcome = outcome("error", code, reason)


def outcome(severity: str, code: str, *texts: str) -> Resource:
    """Make an OperationOutcome with an issue for each text."""
    issues = [{"severity": severity, "code": code, "diagnostics": text} for text in texts]
    return {"resourceType": "OperationOutcome", "issue": issues}
