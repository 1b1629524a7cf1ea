"""What an answer is made of, and which of it a client takes (PS3.18 §8.7.5; RFC 9110 §12.5.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from hilum.dicomweb.media_types import (
    MULTIPART_RELATED,
    MediaType,
    Preference,
    media_type,
    preferences,
)
from hilum.dicomweb.refusal import RequestRefused, bad
from hilum.kernel.errors import RemoteProtocolError
from hilum.kernel.names import UID

ANY_SYNTAX: Final = "*"  # "as stored"
_TOLD_MAX: Final = 12
# Clients have one Accept header for each kind of request, and send it again and again.
_REMEMBERED: Final = 128


class Framing(Enum):
    """How the parts of an answer are put together."""

    MULTIPART = "multipart/related"
    SINGLE = "single part"


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to answer.

    `is_default`: also for who names no transfer syntax. `is_stored`: what we have, unchanged: for
    who names `*`.
    """

    essence: str
    framing: Framing = Framing.SINGLE
    transfer_syntax: str = ""
    is_default: bool = True
    is_stored: bool = True

    @property
    def content_type(self) -> str:
        """The Content-Type of a part, or of the body that is the only part."""
        return _written(self.essence, self.transfer_syntax, is_single=True)

    def __str__(self) -> str:
        return _written(
            self.essence, self.transfer_syntax, is_single=self.framing is Framing.SINGLE
        )


@lru_cache(maxsize=_REMEMBERED)
def _written(essence: str, syntax: str, *, is_single: bool) -> str:
    parameters = (("transfer-syntax", syntax),) if syntax else ()
    if is_single:
        return str(MediaType(essence, parameters))
    return str(MediaType(MULTIPART_RELATED, (("type", essence), *parameters)))


@dataclass(frozen=True, slots=True)
class _Range:
    """One range of an Accept header: the media type of a part, and what is said of it."""

    part: MediaType
    framing: Framing | None  # None: either
    transfer_syntax: str
    quality: float

    def takes(self, choice: Choice) -> bool:
        if self.framing not in {None, choice.framing} or not self.part.covers(choice.essence):
            return False
        if not choice.transfer_syntax:
            return True
        if not self.transfer_syntax:
            return choice.is_default
        if self.transfer_syntax == ANY_SYNTAX:
            return choice.is_stored
        return self.transfer_syntax == choice.transfer_syntax

    @property
    def narrowness(self) -> tuple[int, bool, bool]:
        return (
            -self.part.essence.count("*"),
            self.framing is not None,
            self.transfer_syntax not in {"", ANY_SYNTAX},
        )


class Accepted:
    """What a client takes, read once and asked for every part of the answer: see `accepted`."""

    def __init__(self, header: str, parameter: str = "") -> None:
        """Read an Accept header; the query parameter `accept` stands for one (PS3.18 §8.3.3.1).

        Nothing in either: anything.

        Raises:
            RequestRefused: it cannot be read.
        """
        try:
            self._ranges = [_range(one) for one in preferences(parameter or header)]
        except RemoteProtocolError as error:
            raise bad("Accept cannot be read: media types with commas between them") from error

    @property
    def syntaxes(self) -> tuple[UID, ...]:
        """The transfer syntaxes that are named, where nothing else is taken; none: any will do."""
        named = [one.transfer_syntax for one in self._ranges if one.quality > 0]
        if any(one in {"", ANY_SYNTAX} for one in named):
            return ()
        return tuple([UID(one) for one in dict.fromkeys(named)])

    def best(self, choices: Sequence[Choice]) -> Choice | None:
        """Give the way to answer that is liked most; None: there is none.

        Of what is liked as much, what the client named first; then what comes first in `choices`.
        """
        rated = [(self._rating(choice), choice) for choice in choices]
        welcome = [(rating, choice) for rating, choice in rated if rating[0] > 0]
        return max(welcome, key=lambda one: one[0], default=(None, None))[1]

    def choose(self, choices: Sequence[Choice]) -> Choice:
        """Give the way to answer that is liked most.

        Raises:
            RequestRefused: 406, with what there is.
        """
        found = self.best(choices)
        if found is None:
            told = "; or ".join([str(choice) for choice in choices[:_TOLD_MAX]])
            raise RequestRefused(406, f"Accept has nothing of what there is: {told or 'nothing'}")
        return found

    def _rating(self, choice: Choice) -> tuple[float, int]:
        """Tell how welcome it is: the narrowest range that takes it decides."""
        taking = [(at, one) for at, one in enumerate(self._ranges) if one.takes(choice)]
        if not taking:
            return 0.0, 0
        at, narrowest = max(taking, key=lambda one: (one[1].narrowness, -one[0]))
        return narrowest.quality, -at


@lru_cache(maxsize=_REMEMBERED)
def accepted(header: str, parameter: str = "") -> Accepted:
    """Read an Accept header; the same object for the same texts. Raises as `Accepted` does."""
    return Accepted(header, parameter)


def _range(preference: Preference) -> _Range:
    found = preference.media_type
    syntax = found.parameter("transfer-syntax")
    if found.essence == "*/*":
        return _Range(found, None, syntax, preference.quality)
    if not found.essence.startswith("multipart/"):
        return _Range(found, Framing.SINGLE, syntax, preference.quality)
    part = media_type(found.parameter("type") or "*/*")
    # Seen: the syntax inside the quotes of the type, type="application/dicom; transfer-syntax=*".
    syntax = syntax or part.parameter("transfer-syntax")
    framing = Framing.MULTIPART if found.covers(MULTIPART_RELATED) else Framing.SINGLE
    if found.essence not in {MULTIPART_RELATED, "multipart/*"}:
        # multipart/mixed and the like: nothing of ours.
        return _Range(MediaType("multipart/none"), framing, syntax, 0.0)
    return _Range(MediaType(part.essence), framing, syntax, preference.quality)
