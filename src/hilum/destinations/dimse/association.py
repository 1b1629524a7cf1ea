"""An open association of a session: what can travel on it, and what each answer means."""

import itertools
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.contexts import Agreement, Kind, Proposal, Way, kind_of
from hilum.destinations.dimse.manner import Manner
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.pieces import Pieces
from hilum.destinations.dimse.questions import Reporter
from hilum.destinations.dimse.refusals import Busy
from hilum.destinations.dimse.requestor import Requestor, associate
from hilum.destinations.dimse.response import status_of
from hilum.dicom.sop_classes import VERIFICATION, sop_class_name
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dimse.message import Command
from hilum.dimse.service.commitment import STORAGE_COMMITMENT
from hilum.dimse.status import (
    DUPLICATE_SOP_INSTANCE,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    SOP_CLASS_NOT_SUPPORTED,
    SUCCESS,
    SYNTAX_NOT_SUPPORTED,
    Service,
    describe,
    outcome_of_store,
)
from hilum.dimse.upper.items import ContextResult
from hilum.kernel.errors import HilumError, Rejected
from hilum.kernel.names import UID
from hilum.kernel.outcome import Deferred, Delivered, Outcome, Refused
from hilum.pipeline.ports import Parcel

_MESSAGE_IDS: Final = 0xFFFF  # message ids are 16 bit; 0 is left out, some peers dislike it

# The peer takes the SOP class, or was not asked for it: it is about the transfer syntax.
_ABOUT_SYNTAX: Final = frozenset(
    {None, ContextResult.ACCEPTANCE, ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED}
)
_MAY_PASS: Final = frozenset({PROCESSING_FAILURE, RESOURCE_LIMITATION})


class SendingAssociation:
    """An association and what was agreed on. Used by one task at a time."""

    def __init__(self, requestor: Requestor, agreement: Agreement, manner: Manner) -> None:
        self.requestor = requestor
        self.has_answered = False  # anything since it was last taken up
        self._agreement = agreement
        self._manner = manner
        self._message_ids = itertools.cycle(range(1, _MESSAGE_IDS + 1))

    @classmethod
    async def open(
        cls,
        address: Address,
        proposal: Proposal,
        options: RequestorOptions,
        manner: Manner,
        *,
        converts: bool,
        reporter: Reporter | None,
    ) -> "SendingAssociation":
        """Open one; when this raises, nothing is left open. Raises as `associate` does."""
        requestor = await associate(address, proposal.contexts, options, reporter=reporter)
        agreement = Agreement(proposal, requestor.contexts, manner, converts=converts)
        return cls(requestor, agreement, manner)

    @property
    def is_open(self) -> bool:
        """Tell whether something can be sent."""
        return self.requestor.is_open

    def proposed_for_any(self, kinds: Iterable[Kind]) -> bool:
        """Tell whether one of `kinds` was proposed."""
        return not self._agreement.proposal.kinds.isdisjoint(kinds)

    def proposed_for(self, parcel: Parcel) -> bool:
        """Tell whether the peer was asked for such instances."""
        return kind_of(parcel) in self._agreement.proposal.kinds

    def way(self, parcel: Parcel) -> Way | None:
        """Give how `parcel` travels; None: the peer does not take it."""
        return self._agreement.way(kind_of(parcel))

    def refusal(self, parcel: Parcel) -> Refused:
        """Say why there is no way for `parcel`."""
        kind = kind_of(parcel)
        allowed = self._manner.transfer_syntaxes
        if allowed is not None and kind[1] not in allowed:
            why = "the destination's transfer_syntaxes do not name it"
        else:
            context_id = self._agreement.refused_id(kind)
            why = "nothing could be proposed" if context_id is None else self._why(context_id)
        return Refused(
            f"{self.requestor.address} does not take {sop_class_name(kind[0])} in "
            f"{transfer_syntax(kind[1]).name}: {why}{self._agreement.instead(kind)}",
            self._status(kind),
        )

    def _status(self, kind: Kind) -> int:
        """Give what a C-STORE of `kind` would be answered, if it could be sent."""
        context_id = self._agreement.refused_id(kind)
        results = {one.id: one.result for one in self.requestor.accept.contexts}
        result = None if context_id is None else results.get(context_id)
        return SYNTAX_NOT_SUPPORTED if result in _ABOUT_SYNTAX else SOP_CLASS_NOT_SUPPORTED

    async def is_there(self, *, seconds: float) -> bool:
        """Ask the peer (C-ECHO), if it agreed to be asked; an association that fails is over."""
        if not any(c.abstract_syntax == VERIFICATION for c in self.requestor.contexts.values()):
            return True
        try:
            await self.requestor.echo(message_id=next(self._message_ids), seconds=seconds)
        except HilumError:
            return False
        return True

    async def store(
        self,
        parcel: Parcel,
        way: Way,
        pieces: Pieces,
        meanwhile: Callable[[], Awaitable[None]] | None,
    ) -> Outcome:
        """Store one instance and read the answer. Raises as `Requestor.store_pieces` does."""
        response = await self.requestor.store_pieces(
            way.context_id,
            next(self._message_ids),
            parcel.sop_class_uid,
            parcel.sop_instance_uid,
            pieces,
            meanwhile=meanwhile,
        )
        self.has_answered = True
        return outcome_of(response, self.requestor.address)

    def commitment_context(self) -> int | None:
        """Give the context to ask for storage commitment on; None: the peer does not offer it."""
        ids = (
            context.id
            for context in self.requestor.contexts.values()
            if context.abstract_syntax == STORAGE_COMMITMENT and context.we_are_scu
        )
        return next(ids, None)

    async def ask_commitment(self, transaction: UID, parcels: Iterable[Parcel]) -> None:
        """Ask the peer to commit to what it took.

        Raises:
            Rejected: it does not offer that, or refuses it; Busy: it cannot now;
            Unreachable, RemoteProtocolError: the association is over.
        """
        context_id = self.commitment_context()
        if context_id is None:
            raise no_commitment(self.requestor.address)
        references = [(p.sop_class_uid, p.sop_instance_uid) for p in parcels]
        status = await self.requestor.request_commitment(
            context_id, next(self._message_ids), transaction, references
        )
        if status == SUCCESS:
            return
        words = (
            f"{self.requestor.address} answered our request for storage commitment: "
            f"{describe(status)}"
        )
        raise Busy(words) if status in _MAY_PASS else Rejected(words)

    def takes_for_delivered(self, outcome: Outcome, *, is_first_try: bool) -> Outcome:
        """Read "duplicate SOP instance" as what it means for this delivery."""
        if not isinstance(outcome, Refused) or outcome.status != DUPLICATE_SOP_INSTANCE:
            return outcome
        wish = self._manner.already_there
        if wish == "accept" or (wish == "retried" and not is_first_try):
            return Delivered(warning=outcome.status, remark=outcome.reason)
        return outcome

    def _why(self, context_id: int) -> str:
        if context_id in self.requestor.contexts:
            return "it is in none of the transfer syntaxes that it agreed to"
        return self.requestor.refusal(context_id)


def no_commitment(address: Address) -> Rejected:
    """Say that a peer has no storage commitment, and what to change."""
    return Rejected(
        f"{address} does not offer us storage commitment, and without it nothing counts as "
        "delivered. Enable it there for our AE title, or remove `commitment` from the destination."
    )


def outcome_of(response: Command, address: Address) -> Outcome:
    """Read a C-STORE-RSP (PS3.4 Table B.2-1); say who said what.

    Its comment is left out: peers put anything there, patients' names too. Tags say as much.
    """
    status = status_of(response)
    words = f"{address} answered: {describe(status, Service.STORE)}"
    if response.offending_elements:
        tags = ", ".join(f"({t >> 16:04X},{t & 0xFFFF:04X})" for t in response.offending_elements)
        words += f", about {tags}"
    match outcome_of_store(status):
        case Delivered(warning=None):
            return Delivered()
        case Delivered(warning=warning):
            return Delivered(warning=warning, remark=words)
        case Deferred(failing=failing):
            return Deferred(words, failing=failing, status=status)
        case Refused():
            return Refused(words, status)


def remarked(outcome: Outcome, parcel: Parcel, way: Way) -> Outcome:
    """Add to a delivery that the bytes were not those that are stored."""
    if not isinstance(outcome, Delivered):
        return outcome
    stored = transfer_syntax(parcel.transfer_syntax_uid).name
    words = f"sent in {transfer_syntax(way.transfer_syntax).name}, stored in {stored}"
    remark = f"{outcome.remark}; {words}" if outcome.remark else words
    return Delivered(warning=outcome.warning, remark=remark)
