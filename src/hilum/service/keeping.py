"""What lets payloads go, put together from what a process of the gateway has."""

import uuid

from hilum.kernel.clock import Clock
from hilum.kernel.telemetry import Telemetry
from hilum.ledger.ledger import Ledger
from hilum.pipeline.intake import Intake
from hilum.pipeline.retention.keeper import Keeper
from hilum.service.clock import SteadyClock
from hilum.service.config import Config
from hilum.vault.vault import Vault


def keeper_of(  # noqa: PLR0913 - parts of one process, each named
    config: Config,
    ledger: Ledger,
    vault: Vault,
    intake: Intake,
    telemetry: Telemetry,
    *,
    clock: Clock,
    vouched: Clock,
) -> Keeper:
    """Make the keeper; its name tells it from those of other processes."""
    return Keeper(
        config.retention,
        removals=ledger.removals,
        leases=ledger.slots,
        files=vault,
        clock=clock,
        vouched=vouched,
        steady=SteadyClock(),
        telemetry=telemetry,
        owner=f"keeper-{uuid.uuid4().hex[:12]}",
        barred=intake.bar,
    )
