"""What one answerer says it has: asked once by whoever asks at the same time, and kept for a while.

A viewer asks for the metadata of a series and then for each of its instances; the list of the
series answers all of that. A list without anything is not kept: a study may be about to arrive.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

from hilum.kernel.clock import Clock
from hilum.pipeline.answerers.calls import Calls
from hilum.pipeline.answerers.ports import Expected
from hilum.query.level import Level
from hilum.query.retrieval import Retrieval
from hilum.query.via import Via

LIST_FRESH_SECONDS: Final = 30.0
# Instances in all lists that are kept of one answerer; some 400 bytes each.
_INSTANCES_MAX: Final = 100_000

_Key = tuple[tuple[tuple[Level, tuple[str, ...]], ...], Via]


class Lister(Protocol):
    """Who says what it has (see `Answerer.expect`)."""

    async def expect(self, retrieval: Retrieval) -> Sequence[Expected]:
        """Give the instances of a retrieval."""
        ...


@dataclass(frozen=True, slots=True)
class _Kept:
    instances: Sequence[Expected]
    until: float


class Lists:
    """The lists of one answerer. Lives on the event loop."""

    def __init__(
        self, lister: Lister, clock: Clock, *, fresh_seconds: float = LIST_FRESH_SECONDS
    ) -> None:
        self._lister = lister
        self._clock = clock
        self._fresh_seconds = fresh_seconds
        self.calls = Calls[Sequence[Expected]]()
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._size = 0

    async def of(self, retrieval: Retrieval, *, reuse: bool = True) -> Sequence[Expected]:
        """Give the instances of a retrieval; `reuse`: a list of a while ago will do.

        Raises AnswererFailed.
        """
        known = self._known(retrieval) if reuse else None
        if known is not None:
            return known
        key = _key(retrieval)
        return await self.calls.of(key, partial(self._ask, key, retrieval))

    async def _ask(self, key: _Key, retrieval: Retrieval) -> Sequence[Expected]:
        found = [_placed(one, retrieval) for one in await self._lister.expect(retrieval)]
        if found and self._fresh_seconds > 0:
            self._keep(key, found)
        return found

    def _keep(self, key: _Key, found: Sequence[Expected]) -> None:
        self._drop(key)
        self._kept[key] = _Kept(found, self._clock.monotonic() + self._fresh_seconds)
        self._size += len(found)
        while self._size > _INSTANCES_MAX:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: _Key) -> None:
        kept = self._kept.pop(key, None)
        self._size -= len(kept.instances) if kept is not None else 0

    def _known(self, retrieval: Retrieval) -> Sequence[Expected] | None:
        """Give what a fresh list says, if it says it of all that is named."""
        for key in _wider(retrieval):
            kept = self._kept.get(key)
            if kept is None:
                continue
            if kept.until < self._clock.monotonic():
                self._drop(key)
            elif (found := _narrowed(kept.instances, retrieval)) is not None:
                return found
        return None


def _key(retrieval: Retrieval) -> _Key:
    keys = sorted((level, tuple(values)) for level, values in retrieval.keys.items())
    return tuple(keys), retrieval.via


def _wider(retrieval: Retrieval) -> list[_Key]:
    """Give the retrieval itself, and those that have all of it: its series, its study."""
    keys = [_key(retrieval)]
    for level in (Level.SERIES, Level.STUDY):
        above = {one: values for one, values in retrieval.keys.items() if one <= level}
        if level < retrieval.level and len(above.get(level, ())) == 1:
            keys.append(_key(replace(retrieval, level=level, keys=above)))
    return keys


def _narrowed(instances: Sequence[Expected], retrieval: Retrieval) -> Sequence[Expected] | None:
    """Give those that are meant; None: not all that is named is among them."""
    series = frozenset(retrieval.keys.get(Level.SERIES, ()))
    uids = frozenset(retrieval.keys.get(Level.IMAGE, ()))
    found = [
        one
        for one in instances
        if (not series or one.series_instance_uid in series)
        and (not uids or one.sop_instance_uid in uids)
    ]
    has_series = series <= {one.series_instance_uid for one in found}
    return found if has_series and uids <= {one.sop_instance_uid for one in found} else None


def _placed(one: Expected, retrieval: Retrieval) -> Expected:
    """Fill in what the question says of an instance and the answer does not."""
    if one.study_instance_uid and one.series_instance_uid:
        return one
    studies = retrieval.keys.get(Level.STUDY, ())
    series = retrieval.keys.get(Level.SERIES, ())
    return replace(
        one,
        study_instance_uid=one.study_instance_uid or (studies[0] if len(studies) == 1 else ""),
        series_instance_uid=one.series_instance_uid or (series[0] if len(series) == 1 else ""),
    )
