"""The studies of the demonstration: generated, a few megabytes, of people who never lived."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hilum.kernel.names import UID
from hilum.testing.datasets import (
    CT,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    MR,
    SECONDARY_CAPTURE,
    instance,
    write_part10,
)
from hilum.vault.hashing import Digest


@dataclass(frozen=True, slots=True)
class Series:
    """A series to generate. `number` and `study` make its UIDs, so they differ between series."""

    study: int
    number: int
    modality: str
    sop_class: UID
    syntax: UID
    instances: int
    pixel_bytes: int

    @property
    def accession_number(self) -> str:
        """The name of the study that people can read; the generated data sets have it."""
        return f"A{self.study:09d}"


MORNING: Final = (
    Series(1, 0, "CT", CT, EXPLICIT_VR_LITTLE_ENDIAN, 36, 256 * 256 * 2),
    Series(1, 1, "SC", SECONDARY_CAPTURE, EXPLICIT_VR_LITTLE_ENDIAN, 1, 512 * 512 * 2),
    Series(2, 0, "MR", MR, IMPLICIT_VR_LITTLE_ENDIAN, 24, 128 * 128 * 2),
)
NIGHT: Final = (Series(3, 0, "CT", CT, EXPLICIT_VR_LITTLE_ENDIAN, 256, 128 * 256 * 2),)


@dataclass(frozen=True, slots=True)
class Generated:
    """What is known of a generated instance: its series, and the bytes it must arrive with."""

    series: Series
    size: int
    digest: bytes


def generate(series: Iterable[Series], folder: Path) -> dict[UID, Generated]:
    """Write every instance of `series` below `folder`, a folder a series; tell what they are.

    Raises:
        OSError: they cannot be written.
    """
    known: dict[UID, Generated] = {}
    for one in series:
        home = folder / one.accession_number / f"{one.number + 1}-{one.modality}"
        home.mkdir(parents=True)
        for seed in range(one.instances):
            made = instance(
                seed=seed,
                study=one.study,
                series=one.number,
                sop_class=one.sop_class,
                syntax=one.syntax,
                pixel_bytes=one.pixel_bytes,
            )
            write_part10(home / f"{seed + 1:04d}.dcm", made)
            digest = Digest(made.data_set).digest()
            known[made.sop_instance_uid] = Generated(one, len(made.data_set), digest)
    return known
