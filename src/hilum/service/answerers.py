"""Answerers of the configuration: one for each destination that is asked, kept while it stays so.

One that is not wanted any more, or made anew, is closed when nothing is under way with it.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from hilum.destinations.dicomweb.archive.answerer import WebAnswerer
from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.destinations.dimse.answering.answerer import DimseAnswerer
from hilum.destinations.dimse.answering.opening import dimse_answerer
from hilum.destinations.dimse.settings import DimseDestinationSettings
from hilum.destinations.settings import AskedSettings
from hilum.kernel.clock import Clock
from hilum.kernel.errors import Misconfigured
from hilum.kernel.names import AETitle
from hilum.kernel.telemetry import Telemetry
from hilum.pipeline.answerers.balancing import OneOf
from hilum.pipeline.answerers.guarding import GuardedAnswerer
from hilum.pipeline.answerers.holder import Holder
from hilum.pipeline.answerers.ports import Answerer, Cache, Homecomings
from hilum.service.config_settings import Config, Destination
from hilum.service.seats import SeatsOfPeers

ConfiguredAnswerer = WebAnswerer | DimseAnswerer
# One that is retired is closed by then, whatever is under way: nobody waits for so long.
RETIRED_SECONDS_MAX: Final = 600.0
_NAME_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """An answerer, what it was made of, and what all entities that name it share."""

    settings: Destination
    ours: AETitle
    answerer: ConfiguredAnswerer
    guarded: GuardedAnswerer
    holder: Holder
    manner: AskedSettings

    @property
    def is_at_work(self) -> bool:
        """Tell whether something is under way."""
        return bool(self.guarded.busy or self.holder.fetching.under_way)

    async def aclose(self) -> None:
        """End what is under way, and let go of connections."""
        await self.holder.aclose()
        await self.guarded.aclose()


@dataclass(frozen=True, slots=True)
class _Shared:
    """What a group was made of."""

    names: tuple[str, ...]
    weights: tuple[float, ...]
    members: tuple[GuardedAnswerer, ...]


class Answerers:
    """The answerers of one process. Lives on the event loop."""

    def __init__(
        self,
        cache: Cache,
        homecomings: Homecomings | None,
        *,
        clock: Clock,
        telemetry: Telemetry,
        seats: SeatsOfPeers | None = None,
    ) -> None:
        self._seats = seats or SeatsOfPeers()
        self._cache = cache
        self._homecomings = homecomings
        self._clock = clock
        self._telemetry = telemetry
        self._ours = AETitle("")
        self._settings: Mapping[str, Destination] = {}
        self._asked: dict[str, Asked] = {}
        self._retired: list[tuple[float, Asked]] = []
        self._groups: dict[_Shared, Holder] = {}

    @property
    def asked(self) -> Mapping[str, Asked]:
        """Give those that there are now, by the names of their destinations."""
        return self._asked

    def change(self, config: Config, wanted: frozenset[str]) -> None:
        """Be ready to ask `wanted` destinations as `config` has them.

        Raises:
            Misconfigured: a certificate or the like cannot be used; then nothing has changed.
        """
        before, self._settings = self._settings, config.destinations
        ours, self._ours = self._ours, config.gateway.ae_title
        try:
            made = {name: self._made(name) for name in sorted(wanted | self._asked.keys())}
        except Misconfigured:
            self._settings, self._ours = before, ours
            raise
        kept = {name: one for name, one in made.items() if one is not None}
        until = self._clock.monotonic() + RETIRED_SECONDS_MAX
        for name, asked in self._asked.items():
            if kept.get(name) is not asked:
                self._retired.append((until, asked))
        self._asked = kept

    def of(self, name: str) -> Asked | None:
        """Give the answerer of a destination; None: there is none, or it cannot be asked.

        Raises:
            Misconfigured: a certificate or the like cannot be used.
        """
        if name not in self._asked and (made := self._made(name)) is not None:
            self._asked[name] = made
        return self._asked.get(name)

    async def look(self) -> None:
        """Close what is retired and has nothing to do; for every few seconds."""
        now = self._clock.monotonic()
        ended = [one for until, one in self._retired if now > until or not one.is_at_work]
        self._retired = [(until, one) for until, one in self._retired if one not in ended]
        for one in ended:
            await one.aclose()

    async def aclose(self) -> None:
        """Close all of them."""
        for group in self._groups.values():
            await group.aclose()
        for one in (*self._asked.values(), *(asked for _, asked in self._retired)):
            with suppress(OSError):
                await one.aclose()
        self._asked, self._retired = {}, []

    def _made(self, name: str) -> Asked | None:
        settings = self._settings.get(name)
        before = self._asked.get(name)
        if before is not None and before.settings == settings and before.ours == self._ours:
            return before
        answerer: ConfiguredAnswerer
        match settings:
            case DicomWebDestinationSettings():
                answerer = WebAnswerer(name, settings, self._clock)
            case DimseDestinationSettings():
                answerer = dimse_answerer(
                    name,
                    settings,
                    calling=self._ours,
                    homecomings=self._homecomings,
                    seats=self._seats.of(name, settings.associations_max),
                )
            case _:
                return None
        guarded = GuardedAnswerer(answerer, clock=self._clock, telemetry=self._telemetry)
        manner = settings.archive
        holder = self._holder(guarded, manner)
        return Asked(settings, self._ours, answerer, guarded, holder, manner)

    def one_of(self, names: tuple[str, ...], weights: tuple[float, ...]) -> Holder:
        """Give several that share studies, as one; the same as long as they are the same."""
        members = [self._asked[name].guarded for name in names]
        shared = _Shared(names, weights, tuple(members))
        known = self._groups.get(shared)
        if known is None:
            shares = dict(zip(names, weights, strict=True))
            # They are of the same kind: the first speaks for all.
            manner = self._asked[names[0]].manner
            group = OneOf(
                _name_of(names),
                members,
                shares,
                patience_seconds=manner.patience_seconds,
                telemetry=self._telemetry,
            )
            known = self._holder(group, manner)
            self._groups[shared] = known
        return known

    def _holder(self, answerer: Answerer, manner: AskedSettings) -> Holder:
        return Holder(
            answerer,
            self._cache,
            telemetry=self._telemetry,
            clock=self._clock,
            list_fresh_seconds=manner.list_fresh_seconds,
            stall_seconds=manner.stall_seconds,
            patience_seconds=manner.patience_seconds,
        )


def _name_of(names: tuple[str, ...]) -> str:
    """Name a group: a label of metrics and part of paths, as names of destinations are."""
    name = f"one-of-{'-'.join(names)}"
    if len(name) <= _NAME_MAX:
        return name
    digest = hashlib.blake2b("\0".join(names).encode(), digest_size=8).hexdigest()
    return f"{name[: _NAME_MAX - 17]}-{digest}"
