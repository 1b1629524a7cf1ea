"""What health looks at: intake's obstacles, the room left, and certificates that run out."""

from collections.abc import Sequence

from hilum.console.health import Check, Finding, Status
from hilum.pipeline.intake import Intake
from hilum.pipeline.room import Room
from hilum.service.bridging import Bridging
from hilum.service.config_errors import sentence


def checks_of(intake: Intake, room: Room) -> Sequence[Check]:
    """Give the checks of one process."""

    def ledger() -> Finding:
        if (obstacle := intake.ledger_obstacle) is None:
            return Finding("ledger")
        return Finding(
            "ledger",
            Status.FAILING,
            _sentence(obstacle),
            "It is tried again every second by itself.",
        )

    def disk() -> Finding:
        if (obstacle := room.obstacle) is not None:
            return Finding(
                "disk", Status.FAILING, _sentence(obstacle), "Then it goes on by itself."
            )
        if room.left < room.reserve_bytes:
            return Finding(
                "disk",
                Status.DEGRADED,
                f"{room.left:,} bytes are left before stores are refused.",
                "Free space or enlarge the disk.",
            )
        return Finding("disk")

    return (ledger, disk)


def answering_of(bridging: Bridging) -> Check:
    """Give the check of archives elsewhere: without one the gateway takes instances all the same.

    Only those that were asked and have failed are known to be away.
    """

    def answerers() -> Finding:
        asked = list(bridging.answerers.asked.items())
        away = [(name, one.guarded) for name, one in asked if not one.guarded.is_well]
        if not away:
            return Finding("answerers")
        words = "; ".join(f"{name} ({guarded.last_failure})" for name, guarded in away)
        return Finding(
            "answerers",
            Status.DEGRADED,
            _sentence(f"archives that do not answer: {words}"),
            "It is tried again by itself; GET /api/v1/answerers shows how each is.",
        )

    return answerers


def _sentence(obstacle: str) -> str:
    """Make a sentence of words that a rejection has in its middle."""
    return sentence(obstacle[:1].upper() + obstacle[1:])
