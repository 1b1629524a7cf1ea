"""A piece of advice: what is the matter with an instance or a study, and what helps."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """What is the matter and what helps. `is_urgent`: it does not pass without a person."""

    cause: str
    remedy: str
    is_urgent: bool = True


def plural(count: int, one: str, more: str) -> str:
    """Choose the word that goes with `count`."""
    return one if count == 1 else more


def deliveries(count: int) -> str:
    """Count deliveries."""
    return f"{count:,} {plural(count, 'delivery', 'deliveries')}"
