"""What one data set may cost us, whoever sends it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReaderLimits:
    """Bounds of a DataSetReader. Whoever exceeds one gets a CorruptPayload."""

    # The deepest file we have seen is a structured report of 5 levels. DCMTK refuses above 64; what
    # it cannot read should not be passed on to it.
    depth_max: int = 64
    # Each element costs time, not memory. A multi-frame object of 10,000 frames has 500,000; eight
    # times that is a second or two of work.
    elements_max: int = 4_000_000
    # A malformed header costs as much time as a hundred good ones, so this is most of a second.
    # Who writes such headers writes a few kinds of them, but perhaps one in every item.
    malformed_max: int = 50_000
    # A wanted value is kept in memory. The longest text with a length limit is LT: 10,240
    # characters (PS3.5 §6.2). Longer ones are stepped over, and counted.
    value_bytes_max: int = 16 << 10
    # Deflate reaches 1,000:1 on empty images, so the ratio counts only beyond what a study of
    # blank frames needs; above the floor, real data is below 200:1.
    inflated_ratio_max: int = 200
    inflated_floor_bytes: int = 64 << 20
    # One value can have 4 GiB at most (32-bit length), and deflated data sets have one large value.
    inflated_bytes_max: int = (4 << 30) + (256 << 20)


DEFAULT_LIMITS = ReaderLimits()
