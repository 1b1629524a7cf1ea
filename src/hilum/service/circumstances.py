"""Puts together what advice must know of the gateway and its destinations (`pipeline.advice`)."""

from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Final

from hilum.destinations.dimse.settings import DimseDestinationSettings
from hilum.destinations.settings import RateSettings
from hilum.ledger.delivery import QueuedDelivery, Selection, State
from hilum.ledger.ledger import Ledger
from hilum.pipeline.circumstances import Circumstances, Place
from hilum.pipeline.outlook import MOVING, PACE_MINUTES, Outlook, outlooks
from hilum.service.config_options import size_text
from hilum.service.config_settings import Config, Destination
from hilum.service.time_zones import zone_of

# Of what is put off at a destination, the first so many are looked at for the latest reason.
_TROUBLES_MAX: Final = 100


def circumstances_of(
    config: Config, ledger: Ledger, *, is_running: bool | None, now: datetime
) -> Circumstances:
    """Look at everything. Raises LedgerUnavailable."""
    zone = zone_of(config.gateway.time_zone)
    deliveries = ledger.deliveries
    paces = deliveries.paces(now=now, minutes=PACE_MINUTES)
    places = {
        one.destination: _place(
            config.destinations[one.destination],
            one,
            _trouble(ledger, one),
            config.gateway.ae_title,
            (now, zone),
        )
        for one in outlooks(config.destinations, deliveries.depths(), paces)
        if one.destination in config.destinations
    }
    return Circumstances(is_running, places)


def _place(
    settings: Destination,
    outlook: Outlook,
    trouble: QueuedDelivery | None,
    title: str,
    when: tuple[datetime, tzinfo],
) -> Place:
    now, zone = when
    opens_at = None
    if settings.between is not None and not settings.between.is_open(now, zone):
        opens_at = settings.between.next_opening(now, zone)
    calling = ""
    if isinstance(settings, DimseDestinationSettings):
        calling = settings.calling_ae_title or title
    return Place(
        settings.type,
        calling=calling,
        opens_at=opens_at,
        rate=_words(settings.rates_in_force(now, zone)),
        trouble=trouble,
        owed=outlook.count(*MOVING),
        empty_in=outlook.empty_in,
    )


def _trouble(ledger: Ledger, outlook: Outlook) -> QueuedDelivery | None:
    """Give what was put off last, if anything is."""
    if not outlook.count(State.DEFERRED):
        return None
    selection = Selection(destination=outlook.destination, states=(State.DEFERRED,))
    found = ledger.queue.find(selection, limit=_TROUBLES_MAX)
    return max(found, key=lambda one: one.due_at or one.created_at, default=None)


def _words(rates: Iterable[RateSettings]) -> str:
    said = []
    for one in rates:
        if one.bytes_per_second is not None:
            said.append(f"{size_text(one.bytes_per_second)} a second")
        if one.instances_per_second is not None:
            said.append(f"{one.instances_per_second:g} instances a second")
    return ", ".join(said)
