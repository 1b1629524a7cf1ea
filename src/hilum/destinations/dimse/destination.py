"""A DIMSE peer as a destination: what its sessions share, and the question whether it is there."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.association import SendingAssociation, no_commitment
from hilum.destinations.dimse.contexts import Kind, Way, propose
from hilum.destinations.dimse.manner import DEFAULT_MANNER, Manner
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.reporting import CommitmentListener
from hilum.destinations.dimse.requestor import associate
from hilum.destinations.dimse.session import DimseSession
from hilum.dicom.sop_classes import VERIFICATION
from hilum.dimse.status import SOP_CLASS_NOT_SUPPORTED, SUCCESS, describe
from hilum.kernel.errors import LocalProtocolError, Rejected
from hilum.kernel.names import AETitle
from hilum.pipeline.archive.movers import Errand
from hilum.pipeline.commitments import Commitments
from hilum.pipeline.outgoing import Conversion, Converter, reencoder
from hilum.pipeline.ports import Parcel, Payloads
from hilum.pipeline.reading import Reading

# Kinds that were sent lately and are proposed along with what is needed now, so that an association
# serves the next batches as well. More would only make requests long: 128 contexts hold about 60.
_SPARE_KINDS_MAX: Final = 24


class DimseDestination:
    """A peer that instances are stored at (`pipeline.ports.Destination`)."""

    def __init__(  # noqa: PLR0913 - one argument for each thing it needs
        self,
        name: str,
        address: Address,
        options: RequestorOptions,
        payloads: Payloads,
        *,
        manner: Manner = DEFAULT_MANNER,
        converter: Converter | None = reencoder,
        commitments: Commitments | None = None,
    ) -> None:
        """Take what to talk to and how; nothing is opened. No `converter`: all as it is stored."""
        self.name = name
        self.address = address
        self.manner = manner
        self.payloads = payloads
        self.reading = Reading()
        self.commitments = commitments or Commitments()
        self._options = options
        self._converter = converter
        self._lately: dict[Kind, None] = {}

    async def verify(self) -> None:
        """Ask for an association like one to store on, and C-ECHO on it if the peer offers that.

        Raises:
            Unreachable: nobody answers, or not now; RemoteProtocolError: it speaks no DICOM;
            Rejected: it turns us away, or answers the C-ECHO with a failure.
        """
        proposal = propose((), self._lately, self.manner)
        requestor = await associate(self.address, proposal.contexts, self._options)
        try:
            if any(c.abstract_syntax == VERIFICATION for c in requestor.contexts.values()):
                status = await requestor.echo()
                if status not in (SUCCESS, SOP_CLASS_NOT_SUPPORTED):
                    raise Rejected(f"{self.address} answered our C-ECHO: {describe(status)}")
        finally:
            await requestor.release()

    def session(self) -> DimseSession:
        """Give a new session; nothing is opened yet."""
        return DimseSession(self)

    def moving(self, errand: Errand, kinds: Collection[Kind]) -> DimseSession:
        """Give a session for a C-MOVE of `kinds` (`pipeline.archive.movers.MoveTarget`).

        Who asked is told what the peer answers, and does not wait until it vouches for it.
        """
        manner = replace(self.manner, commitment_seconds=None)
        # Most often the loop has little else to do then, and one who waits for all of it.
        options = replace(self._options, is_beside=False)
        twin = DimseDestination(
            self.name,
            self.address,
            options,
            self.payloads,
            manner=manner,
            converter=self._converter,
        )
        twin._remember(kinds)
        return DimseSession(twin, errand)

    def listener(self, calling: AETitle) -> CommitmentListener:
        """Give the peer as who hears our reports on storage commitment, called as `calling`."""
        return CommitmentListener(replace(self.address, calling=calling), self._options)

    async def aclose(self) -> None:
        """Sessions share nothing that is open."""

    async def associate(self, kinds: Iterable[Kind]) -> SendingAssociation:
        """Open an association for `kinds` and, where there is room, for those sent lately.

        Raises:
            Unreachable, Rejected, RemoteProtocolError: as `requestor.associate` does.
        """
        kinds = list(kinds)
        proposal = propose(kinds, [kind for kind in self._lately if kind not in kinds], self.manner)
        self._remember(kinds)
        wants_commitment = self.manner.commitment_seconds is not None
        association = await SendingAssociation.open(
            self.address,
            proposal,
            self._options,
            self.manner,
            converts=self._converter is not None,
            reporter=self.commitments.report if wants_commitment else None,
        )
        if wants_commitment and association.commitment_context() is None:
            # Known before anything is sent: what is never confirmed would be sent for ever.
            await association.requestor.release()
            raise no_commitment(self.address)
        return association

    def conversion(self, parcel: Parcel, way: Way) -> Conversion:
        """Begin to convert `parcel` to the syntax of `way`."""
        if self._converter is None:
            raise LocalProtocolError("a way that needs a conversion, and no converter")
        return self._converter(parcel.transfer_syntax_uid, way.transfer_syntax)

    def _remember(self, kinds: Iterable[Kind]) -> None:
        """Note what is sent, the latest first."""
        lately = dict.fromkeys([*kinds, *self._lately])
        self._lately = dict.fromkeys(list(lately)[:_SPARE_KINDS_MAX])
