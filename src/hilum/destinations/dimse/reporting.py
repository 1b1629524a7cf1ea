"""A report on storage commitment, brought on an association of our own (PS3.4 §J.3.3).

The roles are reversed: we ask for the association and are SCP on it (PS3.7 §D.3.3.4).
"""

from dataclasses import replace
from typing import Final

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.requestor import Requestor, associate
from hilum.dicom.syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from hilum.dimse.service.commitment import STORAGE_COMMITMENT
from hilum.dimse.service.commitment_answer import Vouched
from hilum.dimse.status import Category, category, describe
from hilum.dimse.upper.items import PresentationContext, RoleSelection
from hilum.kernel.errors import Rejected

_CONTEXT: Final = PresentationContext(
    1, STORAGE_COMMITMENT, (EXPLICIT_VR_LITTLE_ENDIAN.uid, IMPLICIT_VR_LITTLE_ENDIAN.uid)
)
_ROLE: Final = RoleSelection(STORAGE_COMMITMENT, scu=False, scp=True)
_TAKEN: Final = frozenset({Category.SUCCESS, Category.WARNING})
_MESSAGE_ID: Final = 1


class CommitmentListener:
    """A peer that asked us and hears our reports (`pipeline.vouching.ports.Listener`)."""

    def __init__(self, address: Address, options: RequestorOptions) -> None:
        self._address = address
        self._options = options

    async def report(self, vouched: Vouched, *, seconds: float) -> None:
        """Open an association, bring the report, and release.

        Raises:
            Unreachable, Rejected, RemoteProtocolError: it was not taken, and the message says why.
        """
        options = replace(self._options, response_timeout_seconds=seconds)
        requestor = await associate(self._address, [_CONTEXT], options, roles=[_ROLE])
        try:
            status = await requestor.report_commitment(_context(requestor), _MESSAGE_ID, vouched)
        finally:
            await requestor.release()
        if category(status) not in _TAKEN:
            raise Rejected(
                f"{self._address} answered our report on storage commitment: {describe(status)}"
            )


def _context(requestor: Requestor) -> int:
    """Give the context to report on.

    Some take it and answer no role at all. That leaves us SCU by the letter (PS3.7 §D.3.3.4), but
    nothing else than a report makes sense here.

    Raises:
        Rejected: the peer does not want reports.
    """
    roles = {one.sop_class_uid: one for one in requestor.accept.user_information.roles}
    role = roles.get(STORAGE_COMMITMENT)
    if _CONTEXT.id in requestor.contexts and (role is None or role.scp):
        return _CONTEXT.id
    refusal = requestor.refusal(_CONTEXT.id) if role is None else "it refuses us the SCP role"
    raise Rejected(
        f"{requestor.address} takes no report on storage commitment: {refusal}. Is it allowed "
        f"there for {requestor.address.calling!r}, and is this the port where it listens?"
    )
