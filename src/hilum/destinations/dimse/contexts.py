"""Which presentation contexts to propose for what must be sent, and which to use: pure decisions.

Every combination of SOP class and transfer syntax gets a context of its own, so that the peer
answers for each whether it takes these instances as they are (PS3.8 §9.3.2.2). Each class gets one
more with uncompressed syntaxes: what is uncompressed can travel in any of those, and every
association must offer implicit little endian for each class (PS3.5 §10.1).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from hilum.destinations.dimse.manner import Manner
from hilum.dicom.sop_classes import VERIFICATION
from hilum.dicom.syntaxes import UNCOMPRESSED, transfer_syntax
from hilum.dimse.service.commitment import STORAGE_COMMITMENT
from hilum.dimse.upper.items import PresentationContext
from hilum.dimse.upper.negotiation import Context
from hilum.kernel.names import UID
from hilum.pipeline.ports import Parcel

# Context ids are the odd numbers of one byte (PS3.8 §9.3.2.2).
CONTEXTS_MAX: Final = 128

_COMMON: Final = UNCOMPRESSED[:2]

Kind = tuple[UID, UID]  # SOP class, transfer syntax


def kind_of(parcel: Parcel) -> Kind:
    """Give the SOP class and the transfer syntax of a parcel."""
    return parcel.sop_class_uid, parcel.transfer_syntax_uid


@dataclass(frozen=True, slots=True)
class Way:
    """A context an instance can travel in; `transfer_syntax` may not be the one it is stored in."""

    context_id: int
    transfer_syntax: UID


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one association request proposes, and for which kinds."""

    contexts: tuple[PresentationContext, ...]
    kinds: frozenset[Kind]


def propose(needed: Iterable[Kind], spare: Iterable[Kind], manner: Manner) -> Proposal:
    """Propose for the kinds that are `needed`, as far as 128 contexts reach, then for `spare` ones.

    Verification is proposed in any case: with it an idle association can be asked for its health.
    """
    draft = _Draft(manner)
    draft.add_services()
    for kinds in (needed, spare):
        for kind in kinds:
            draft.add(kind)
    return Proposal(tuple(draft.contexts), frozenset(draft.kinds))


class _Draft:
    """A proposal that grows until it is full."""

    def __init__(self, manner: Manner) -> None:
        self._manner = manner
        self._classes: set[UID] = set()
        self.contexts: list[PresentationContext] = []
        self.kinds: set[Kind] = set()

    def add_services(self) -> None:
        self._append(VERIFICATION, _COMMON)
        if self._manner.commitment_seconds is not None:
            self._append(STORAGE_COMMITMENT, _COMMON)

    def add(self, kind: Kind) -> None:
        """Add a kind with what its class needs, or nothing when there is no room for all of it."""
        sop_class, stored = kind
        if kind in self.kinds:
            return
        wanted: list[tuple[UID, ...]] = [(syntax,) for syntax in self._alone(stored)]
        if sop_class not in self._classes and (rest := self._together(stored)):
            wanted.append(rest)
        if len(self.contexts) + len(wanted) > CONTEXTS_MAX:
            return
        self._classes.add(sop_class)
        self.kinds.add(kind)
        for syntaxes in wanted:
            self._append(sop_class, syntaxes)

    def _alone(self, stored: UID) -> Iterator[UID]:
        """Give the syntaxes that the peer shall answer for one by one."""
        if self._may(stored):
            yield stored
        prefer = self._manner.prefer
        if prefer is not None and prefer != stored and stored in UNCOMPRESSED and self._may(prefer):
            yield prefer

    def _together(self, stored: UID) -> tuple[UID, ...]:
        """Give those of which the peer may take any."""
        allowed = self._manner.transfer_syntaxes
        offered = _COMMON if allowed is None else UNCOMPRESSED
        return tuple(syntax for syntax in offered if syntax != stored and self._may(syntax))

    def _may(self, syntax: UID) -> bool:
        allowed = self._manner.transfer_syntaxes
        return allowed is None or syntax in allowed

    def _append(self, abstract_syntax: UID, syntaxes: tuple[UID, ...]) -> None:
        number = 2 * len(self.contexts) + 1
        self.contexts.append(PresentationContext(number, abstract_syntax, syntaxes))


class Agreement:
    """What came of a proposal: the way of each kind, looked up once."""

    def __init__(
        self,
        proposal: Proposal,
        contexts: Mapping[int, Context],
        manner: Manner,
        *,
        converts: bool,
    ) -> None:
        """Read the contexts that were accepted; `converts`: uncompressed ones into each other."""
        self.proposal = proposal
        self._converts = converts
        self._manner = manner
        self._taken: dict[UID, dict[UID, int]] = {}
        for context in contexts.values():
            if context.we_are_scu:
                taken = self._taken.setdefault(context.abstract_syntax, {})
                taken.setdefault(context.transfer_syntax, context.id)
        self._ways: dict[Kind, Way | None] = {}

    def way(self, kind: Kind) -> Way | None:
        """Give the way of a kind that was proposed; None: the peer takes it in no form we have."""
        if kind not in self._ways:
            self._ways[kind] = self._choose(kind)
        return self._ways[kind]

    def refused_id(self, kind: Kind) -> int | None:
        """Give the id of the context whose answer says why there is no way."""
        sop_class, stored = kind
        proposed = [c for c in self.proposal.contexts if c.abstract_syntax == sop_class]
        exact = [c.id for c in proposed if c.transfer_syntaxes == (stored,)]
        return next(iter(exact or [c.id for c in proposed]), None)

    def instead(self, kind: Kind) -> str:
        """Say what the peer takes for the SOP class, or nothing when that is nothing."""
        taken = [transfer_syntax(uid).name for uid in self._taken.get(kind[0], {})]
        return f"; it takes {' and '.join(taken)}" if taken else ""

    def _choose(self, kind: Kind) -> Way | None:
        sop_class, stored = kind
        taken = self._taken.get(sop_class, {})
        for syntax in self._wishes(stored):
            if syntax in taken:
                return Way(taken[syntax], syntax)
        return None

    def _wishes(self, stored: UID) -> Iterator[UID]:
        """Give the syntaxes an instance could travel in, the best first."""
        if not self._converts or stored not in UNCOMPRESSED:
            yield stored
            return
        if self._manner.prefer is not None:
            yield self._manner.prefer
        yield stored
        yield from UNCOMPRESSED
