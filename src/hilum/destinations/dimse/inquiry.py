"""What to propose for a query or a retrieval, and what came of it (PS3.4 §C.5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.requestor import Requestor, associate
from hilum.dicom.syntaxes import (
    ALL_TRANSFER_SYNTAXES,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from hilum.dimse.service.query_negotiation import FindOptions, RetrieveOptions, encode_options
from hilum.dimse.upper.items import ExtendedNegotiation, PresentationContext, RoleSelection
from hilum.kernel.names import UID

# Context ids are the odd numbers of one byte (PS3.8 §9.3.2.2).
CONTEXTS_MAX: Final = 128
# Seen: DCMTK closes the connection on a context with more (DUL_MAXTRANSFERSYNTAXES).
SYNTAXES_MAX: Final = 50
_NATIVE: Final = (EXPLICIT_VR_LITTLE_ENDIAN.uid, IMPLICIT_VR_LITTLE_ENDIAN.uid)
# What archives hold, the most frequent first; a peer sends an instance as it has it only if there
# is a context with just this syntax.
_FREQUENT: Final = (
    UID("1.2.840.10008.1.2.4.70"),  # JPEG lossless, first order
    UID("1.2.840.10008.1.2.4.50"),  # JPEG baseline
    UID("1.2.840.10008.1.2.4.90"),  # JPEG 2000 lossless
    UID("1.2.840.10008.1.2.4.91"),
    UID("1.2.840.10008.1.2.5"),  # RLE
    UID("1.2.840.10008.1.2.4.80"),  # JPEG-LS lossless
    UID("1.2.840.10008.1.2.4.51"),
    UID("1.2.840.10008.1.2.4.57"),
    UID("1.2.840.10008.1.2.4.81"),
    UID("1.2.840.10008.1.2.4.102"),  # MPEG-4
    UID("1.2.840.10008.1.2.4.201"),  # HTJ2K lossless
    UID("1.2.840.10008.1.2.4.202"),
    UID("1.2.840.10008.1.2.4.203"),
    UID("1.2.840.10008.1.2.4.100"),
    UID("1.2.840.10008.1.2.4.103"),
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN.uid,
    EXPLICIT_VR_BIG_ENDIAN.uid,
)
# The rest are nearly never held, but what is held in one of them must come too.
_RARER: Final = (
    *_FREQUENT,
    *[
        one.uid
        for one in sorted(ALL_TRANSFER_SYNTAXES.values(), key=lambda one: one.retired)
        if one.uid not in {*_NATIVE, *_FREQUENT}
    ],
)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What one association is opened for."""

    contexts: tuple[PresentationContext, ...]
    roles: tuple[RoleSelection, ...] = ()
    extended: tuple[ExtendedNegotiation, ...] = ()

    async def associate(self, address: Address, options: RequestorOptions) -> Requestor:
        """Open it; raises as `requestor.associate` does."""
        return await associate(
            address, self.contexts, options, roles=self.roles, extended=self.extended
        )


def inquiry_for(sop_class: UID, options: FindOptions | RetrieveOptions | None = None) -> Inquiry:
    """Propose one service of query and retrieve, with the options that we would like."""
    wish = options is not None and any(encode_options(options))
    extended = (
        (ExtendedNegotiation(sop_class, encode_options(options)),) if options and wish else ()
    )
    return Inquiry((PresentationContext(1, sop_class, _NATIVE),), extended=extended)


def inquiry_for_get(
    sop_class: UID,
    storage_classes: Iterable[UID],
    options: RetrieveOptions | None = None,
    *,
    syntaxes: Sequence[UID] = (),
) -> Inquiry:
    """Propose a C-GET, and ourselves as SCP of storage for what it may bring.

    Each class gets contexts within its share of the 128: one that has all syntaxes, or better one
    for the native ones and one each for the frequent others, the rest together. With `syntaxes`
    instances may come in these only.
    """
    asking = inquiry_for(sop_class, options)
    classes = list(dict.fromkeys(storage_classes))[: CONTEXTS_MAX - len(asking.contexts)]
    contexts = list(asking.contexts)
    for one in classes:
        share = (CONTEXTS_MAX - len(asking.contexts)) // len(classes)
        for some in [tuple(syntaxes)] if syntaxes else _shared_out(share):
            contexts.append(PresentationContext(2 * len(contexts) + 1, one, some))
    roles = tuple([RoleSelection(one, scu=False, scp=True) for one in classes])
    return Inquiry(tuple(contexts), roles=roles, extended=asking.extended)


def _shared_out(share: int) -> Sequence[tuple[UID, ...]]:
    """Split all syntaxes into at most `share` contexts; what none has room for is the rarest."""
    if share <= 1:
        return [(*_NATIVE, *_RARER)[:SYNTAXES_MAX]]
    alone = _RARER[: share - 1] if share > len(_RARER) else _RARER[: share - 2]
    together = _RARER[len(alone) :][:SYNTAXES_MAX]
    return [_NATIVE, *[(syntax,) for syntax in alone], *([together] if together else [])]
