"""Cuts what shall be delivered into requests. Decides only; nothing is sent here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hilum.destinations.dicomweb.settings import DicomWebDestinationSettings
from hilum.kernel.names import UID
from hilum.pipeline.ports import Parcel

Batch = tuple[Parcel, ...]


def batches_of(parcels: Iterable[Parcel], settings: DicomWebDestinationSettings) -> Iterator[Batch]:
    """Cut `parcels` into requests, those that failed before last.

    The more often an instance failed, the fewer travel with it: one that breaks the server, or a
    request that is too long for some proxy, must not keep others from arriving for ever.
    """
    # Stable: what was asked for first goes first among equals.
    for attempts, alike in _by_attempts(parcels).items():
        count_max = max(1, settings.request_instances_max >> (2 * attempts))
        yield from _cut(alike, settings, count_max)


def _by_attempts(parcels: Iterable[Parcel]) -> dict[int, list[Parcel]]:
    found: dict[int, list[Parcel]] = {}
    for parcel in parcels:
        found.setdefault(min(parcel.attempts, 8), []).append(parcel)  # 8: alone, whatever the max
    return dict(sorted(found.items()))


@dataclass(slots=True)
class _Filling:
    """A request that still has room."""

    parcels: list[Parcel] = field(default_factory=list)
    size: int = 0
    uids: set[UID] = field(default_factory=set)

    def take(self, parcel: Parcel) -> None:
        self.parcels.append(parcel)
        self.size += parcel.size
        self.uids.add(parcel.sop_instance_uid)


def _cut(
    parcels: Iterable[Parcel], settings: DicomWebDestinationSettings, count_max: int
) -> Iterator[Batch]:
    open_now: dict[str, _Filling] = {}
    for parcel in parcels:
        study = parcel.study_instance_uid if settings.study_in_url else ""
        filling = open_now.setdefault(study, _Filling())
        full = filling.size + parcel.size > settings.request_bytes_max
        # Two versions of an instance: the answer would not tell which one it is about.
        twice = parcel.sop_instance_uid in filling.uids
        if filling.parcels and (full or twice or len(filling.parcels) >= count_max):
            yield tuple(filling.parcels)
            filling = open_now[study] = _Filling()
        filling.take(parcel)
    for filling in open_now.values():
        yield tuple(filling.parcels)


def halves(batch: Batch) -> list[Batch]:
    """Cut a batch of two or more in half."""
    middle = (len(batch) + 1) // 2
    return [batch[:middle], batch[middle:]]


def by_transfer_syntax(batch: Batch) -> list[Batch]:
    """Cut a batch into those of one transfer syntax each."""
    found: dict[UID, list[Parcel]] = {}
    for parcel in batch:
        found.setdefault(parcel.transfer_syntax_uid, []).append(parcel)
    return [tuple(alike) for alike in found.values()]
