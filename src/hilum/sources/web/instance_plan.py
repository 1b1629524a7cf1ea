"""Which instances a client gets, and how each is written: decided from what is held and accepted.

Opens nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from hilum.dicom.reencode import can_reencode
from hilum.dicom.syntaxes import UNCOMPRESSED, transfer_syntax
from hilum.dicomweb.choice import Accepted, Choice, Framing
from hilum.dicomweb.choices import ZIP, instance_choices, single_part
from hilum.dicomweb.media_types import DICOM
from hilum.pipeline.archive.ports import Holding

# With a syntax that stands for any, as an instance is stored.
ANY_IN_PARTS: Final = Choice(DICOM, Framing.MULTIPART, "1.2")
_MANY: Final = 2


@dataclass(frozen=True, slots=True)
class Giving:
    """An instance and how it is written. `otherwise`: if that cannot be; None: not at all then."""

    holding: Holding
    choice: Choice
    otherwise: Choice | None

    @property
    def is_stored(self) -> bool:
        """Tell whether it goes out as it lies in the vault."""
        return self.choice.transfer_syntax in {"", self.holding.transfer_syntax_uid}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is given out, all in the framing of `choice`, and how many instances fit nothing."""

    choice: Choice
    givings: tuple[Giving, ...]
    unacceptable: int


def plan_of(holdings: Sequence[Holding], accepted: Accepted) -> Plan:
    """Decide for each instance; at least one is given.

    Raises:
        RequestRefused: 406, the client accepts none of them as it could be written.
    """
    number = len(holdings)
    by_syntax = _by_syntax(holdings, accepted, number)
    first = next((one for one, _ in by_syntax.values() if one is not None), None)
    if first is None:
        stored = holdings[0].transfer_syntax_uid
        first = accepted.choose(instance_choices(stored, _producible(stored), number=number))
    givings = tuple(
        [
            Giving(holding, choice, otherwise)
            for holding in holdings
            for choice, otherwise in [by_syntax[holding.transfer_syntax_uid]]
            if choice is not None and _is_alike(choice, first)
        ]
    )
    return Plan(first, givings, number - len(givings))


def form_of_many(accepted: Accepted) -> Choice:
    """Choose how many instances are given before it is known what they are stored in.

    `ANY_IN_PARTS`: in parts, whatever it is. Raises RequestRefused: 406.
    """
    named = [replace(ANY_IN_PARTS, transfer_syntax=uid) for uid in accepted.syntaxes]
    return accepted.choose([ANY_IN_PARTS, *named, Choice(ZIP)])


class GivingByGiving:
    """Decides for instances one after the other, for a client that takes all of them in parts."""

    def __init__(self, accepted: Accepted) -> None:
        self._accepted = accepted
        self._by_syntax: dict[str, tuple[Choice | None, Choice | None]] = {}

    def of(self, holding: Holding) -> Giving:
        """Decide for one. Raises RequestRefused: 406."""
        stored = holding.transfer_syntax_uid
        if stored not in self._by_syntax:
            self._by_syntax |= _by_syntax([holding], self._accepted, _MANY)
        choice, otherwise = self._by_syntax[stored]
        if choice is None:
            choice = self._accepted.choose(instance_choices(stored, (), number=_MANY))
        return Giving(holding, choice, otherwise)


def file_choices(holding: Holding) -> list[Choice]:
    """Give the ways in which one instance can be written as a file, alone."""
    stored = holding.transfer_syntax_uid
    choices = instance_choices(stored, _producible(stored), number=1)
    return [one for one in single_part(choices) if one.essence == DICOM]


def giving_of(holding: Holding, choice: Choice, accepted: Accepted) -> Giving:
    """Give an instance as it was chosen; as it is stored, if that cannot be and is accepted."""
    stored = [one for one in file_choices(holding) if one.is_stored]
    return Giving(holding, choice, accepted.best(stored))


def _by_syntax(
    holdings: Sequence[Holding], accepted: Accepted, number: int
) -> Mapping[str, tuple[Choice | None, Choice | None]]:
    """Give how instances of each stored syntax are written, and what is left if that fails."""
    return {
        stored: _ways(stored, accepted, is_alone=number == 1)
        for stored in dict.fromkeys([one.transfer_syntax_uid for one in holdings])
    }


@lru_cache(maxsize=256)
def _ways(
    stored: str, accepted: Accepted, *, is_alone: bool
) -> tuple[Choice | None, Choice | None]:
    number = 1 if is_alone else _MANY
    return (
        accepted.best(instance_choices(stored, _producible(stored), number=number)),
        accepted.best(instance_choices(stored, (), number=number)),
    )


def _is_alike(one: Choice, other: Choice) -> bool:
    """Tell whether two choices fit into one answer."""
    return (one.essence, one.framing) == (other.essence, other.framing)


@lru_cache(maxsize=256)
def _producible(stored: str) -> tuple[str, ...]:
    """Give the syntaxes that a data set can be put into without decoding pixels."""
    source = transfer_syntax(stored)
    return tuple([uid for uid in UNCOMPRESSED if can_reencode(source, transfer_syntax(uid))])
