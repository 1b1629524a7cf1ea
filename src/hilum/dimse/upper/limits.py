"""What a peer may make the upper layer hold in memory. Each limit is judged before it is used."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UpperLimits:
    """Bounds on what is read before an association exists, and on what it may carry.

    Attributes:
        associate_bytes_max: length of an A-ASSOCIATE-RQ or -AC. 128 contexts with every known
            transfer syntax and a SAML assertion fit in a quarter of it; peers that buffer
            without a limit were brought to 1 GB by one length field.
        user_information_bytes_max: length of the user information item. Its own length field
            ends at 65,535; only one such item is allowed.
        contexts_max: presentation contexts; odd ids of one byte allow no more (PS3.8 §9.3.2.2).
        items_max: items and sub-items in one PDU, since 1 MiB could hold 260,000 empty ones.
            128 contexts with 50 transfer syntaxes each need 6,700.
    """

    associate_bytes_max: int = 1 << 20
    user_information_bytes_max: int = (1 << 16) - 1
    contexts_max: int = 128
    items_max: int = 16_384
