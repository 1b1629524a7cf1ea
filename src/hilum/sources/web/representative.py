"""Which instance stands for a study or series in a thumbnail: decided by what is known of them."""

from collections.abc import Sequence
from typing import Final, TypeVar

from hilum.dicom.sop_classes import sop_class_name
from hilum.pipeline.archive.ports import Named

_N = TypeVar("_N", bound=Named)

# Looked at before it is said that there is none; each costs a read.
CANDIDATES_MAX: Final = 12
_IMAGE: Final = "Image Storage"
_VIDEO: Final = "Video"


def candidates(holdings: Sequence[_N]) -> list[_N]:
    """Give whom to try, the best first: images, of the longest series, from its middle outwards.

    `holdings`: by series and number, as the archive gives them.
    """
    by_series: dict[str, list[_N]] = {}
    for one in holdings:
        by_series.setdefault(one.series_instance_uid, []).append(one)
    ordered = sorted(by_series.values(), key=_rank, reverse=True)
    # One of each series before the second of any: a series that cannot be shown is so as a whole.
    outwards = [_from_the_middle(series) for series in ordered]
    rounds = max(map(len, outwards), default=0)
    found = [series[turn] for turn in range(rounds) for series in outwards if turn < len(series)]
    return found[:CANDIDATES_MAX]


def _rank(series: Sequence[Named]) -> tuple[int, int]:
    return min(_likeness(one) for one in series[:1]), len(series)


def _likeness(holding: Named) -> int:
    """Tell how likely there is a picture: 2 an image, 1 nobody knows, 0 a video."""
    name = sop_class_name(holding.sop_class_uid)
    if _VIDEO in name:
        return 0
    return 2 if _IMAGE in name else 1


def _from_the_middle(series: Sequence[_N]) -> list[_N]:
    middle = len(series) // 2
    near = sorted(range(len(series)), key=lambda at: (abs(at - middle), at))
    return [series[at] for at in near[:CANDIDATES_MAX]]
