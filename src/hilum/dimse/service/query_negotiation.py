"""Extended negotiation of query and retrieve (PS3.4 §C.5.1.1, §C.5.2.1, §C.5.3.1): sub-item 56H.

One byte an option, absent is 0. Both sides must say 1 for an option to hold.
"""

from collections.abc import Callable, Container, Iterable
from dataclasses import astuple, dataclass

from hilum.dimse.upper.items import ExtendedNegotiation
from hilum.kernel.names import UID


@dataclass(frozen=True, slots=True)
class FindOptions:
    """The bytes of a FIND SOP class, in their order."""

    relational: bool = False
    combined_moments: bool = False  # a date and its time are one range
    fuzzy_names: bool = False
    timezone: bool = False  # moments are adjusted to Timezone Offset From UTC of the identifier
    enhanced_conversion: bool = False


@dataclass(frozen=True, slots=True)
class RetrieveOptions:
    """The bytes of a MOVE or GET SOP class, in their order."""

    relational: bool = False
    enhanced_conversion: bool = False


Options = FindOptions | RetrieveOptions


def find_options(information: bytes) -> FindOptions:
    """Read an offer or answer for a FIND SOP class; bytes that we do not know are passed over."""
    return FindOptions(*[byte == 1 for byte in information[:5]])


def retrieve_options(information: bytes) -> RetrieveOptions:
    """Read an offer or answer for a MOVE or GET SOP class."""
    return RetrieveOptions(*[byte == 1 for byte in information[:2]])


def encode_options(options: Options) -> bytes:
    """Write an offer."""
    return bytes(astuple(options))


def common(offered: bytes, ours: Options) -> bytes:
    """Answer an offer: what both want, as many bytes as were offered and we know.

    An offer without bytes is answered without any.
    """
    return bytes([byte == 1 and own for byte, own in zip(offered, astuple(ours), strict=False)])


def answerer(
    *,
    find_classes: Container[str],
    find: FindOptions,
    retrieve_classes: Container[str],
    retrieve: RetrieveOptions,
) -> Callable[[ExtendedNegotiation], bytes | None]:
    """Give what `Policy.extended_answer` wants; offers for other SOP classes are not answered."""

    def answer(offer: ExtendedNegotiation) -> bytes | None:
        if offer.sop_class_uid in find_classes:
            return common(offer.application_information, find)
        if offer.sop_class_uid in retrieve_classes:
            return common(offer.application_information, retrieve)
        return None

    return answer


def agreed_bytes(
    offered: Iterable[ExtendedNegotiation],
    answered: Iterable[ExtendedNegotiation],
    sop_class_uid: UID,
) -> bytes:
    """Give what holds for a SOP class on an association: offered and answered with 1, both.

    `find_options` or `retrieve_options` reads it. The first item for a SOP class counts.
    """
    offer = _information(offered, sop_class_uid)
    answer = _information(answered, sop_class_uid)
    return bytes([one == other == 1 for one, other in zip(offer, answer, strict=False)])


def _information(items: Iterable[ExtendedNegotiation], sop_class_uid: UID) -> bytes:
    found = (item.application_information for item in items if item.sop_class_uid == sop_class_uid)
    return next(found, b"")
