"""Carries out plans: so many carriers at a time, and no instance without a fate at the end."""

import asyncio
from collections.abc import Iterable

from hilum.cli.sending.carrier import Carrier, Service
from hilum.cli.sending.plan import AssociationPlan
from hilum.cli.sending.work import Work


async def send_all(
    plans: Iterable[AssociationPlan], service: Service, *, associations: int
) -> None:
    """Send everything in `plans`; afterwards the tally has every item, also if cancelled."""
    for plan in plans:
        await _carry_out(plan, service, associations=associations)


async def _carry_out(plan: AssociationPlan, service: Service, *, associations: int) -> None:
    work = Work(plan.items)
    carriers = [Carrier(service, plan, work) for _ in range(min(associations, len(work)))]
    try:
        async with asyncio.TaskGroup() as group:
            for carrier in carriers:
                group.create_task(carrier.run())
    finally:
        reasons = [service.stop.reason, *(carrier.reason for carrier in carriers)]
        reason = next(filter(None, reasons), "interrupted")
        for item in work.drain():
            service.tally.fail(item, f"not sent: {reason}")
