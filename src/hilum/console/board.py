"""The board that says how the gateway is: findings that are at most a second old."""

from collections.abc import Callable, Sequence
from typing import Final

from hilum.console.events import CheckDegraded, CheckFailed, CheckRecovered
from hilum.console.flight import SingleFlight
from hilum.console.health import Check, Finding, Status, changes, findings_of, is_ready
from hilum.kernel.telemetry import Event, Telemetry

# So often the disk is looked at, at most, however many probes there are.
KEEP_SECONDS: Final = 1.0

# Kubernetes gives a probe one second (timeoutSeconds); it must get our reason, not a timeout.
CHECKS_SECONDS_MAX: Final = 0.7

STOPPING: Final = Finding(
    "stopping",
    Status.FAILING,
    "The gateway is stopping: it finishes what was begun and takes nothing new.",
    "Send to another node, or wait for the restart.",
)
HANGING: Final = Finding(
    "checks",
    Status.FAILING,
    f"The checks have not come to an end within {CHECKS_SECONDS_MAX} s.",
    "Is the disk of the vault or the ledger hanging, or a network share gone?",
)


class Board:
    """Runs the checks when asked, and reports those whose finding changed."""

    def __init__(
        self, checks: Sequence[Check], telemetry: Telemetry, *, monotonic: Callable[[], float]
    ) -> None:
        self._telemetry = telemetry
        self._monotonic = monotonic
        self._checks = SingleFlight(lambda: findings_of(checks), name="checks")
        self._findings: tuple[Finding, ...] = ()
        self._found_at = float("-inf")
        self._is_stopping = False

    async def findings(self) -> tuple[Finding, ...]:
        """Give what the checks found within the last second."""
        if self._is_stopping:  # what the checks look at may be closed by now
            return (*self._findings, STOPPING)
        if self._monotonic() - self._found_at >= KEEP_SECONDS:
            self._write_down(await self._found())
        return self._findings

    async def _found(self) -> tuple[Finding, ...]:
        try:
            return await self._checks.result(timeout_seconds=CHECKS_SECONDS_MAX)
        except TimeoutError:
            kept = (found for found in self._findings if found.name != HANGING.name)
            return (*kept, HANGING)

    def _write_down(self, findings: tuple[Finding, ...]) -> None:
        for changed in changes(self._findings, findings):
            self._telemetry.emit(_event_of(changed))
        self._findings, self._found_at = findings, self._monotonic()

    def is_ready(self) -> bool:
        """Tell whether instances can be taken, as far as the last findings say."""
        return not self._is_stopping and is_ready(self._findings)

    def stop(self) -> None:
        """Be not ready from now on, at once: the first step of going down."""
        self._is_stopping = True

    def close(self) -> None:
        """Let go of the thread the checks run in."""
        self._checks.close()


def _event_of(finding: Finding) -> Event:
    if finding.status is Status.OK:
        return CheckRecovered(finding.name)
    kind = CheckFailed if finding.status is Status.FAILING else CheckDegraded
    return kind(finding.name, finding.message, finding.remedy)
