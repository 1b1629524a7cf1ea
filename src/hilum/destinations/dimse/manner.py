"""How one destination wants to be talked to: what the settings say beyond address and deadlines."""

from dataclasses import dataclass
from typing import Final, Literal

from hilum.kernel.names import UID

# Idle for so long, an association is asked (C-ECHO) before an instance is risked on it: a firewall
# may have forgotten it without a word. Who is there answers in less than the other.
ECHO_AFTER_SECONDS: Final = 5.0
ECHO_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Manner:
    """How instances travel.

    Attributes:
        transfer_syntaxes: what may be proposed; None: whatever an instance is stored in, and
            uncompressed ones besides.
        prefer: the uncompressed syntax that uncompressed instances travel in if the peer takes it;
            None: the one they are stored in.
        keep_open_seconds: how long an association waits for the next batch.
        echo_after_seconds: an association idle for longer is asked whether it is still there.
        echo_seconds: how long it has for the answer.
        already_there: whether "duplicate SOP instance" (0x0111) is a delivery: never, when it is
            not the first try (the answer to that one was lost), always.
        commitment_seconds: an instance is delivered only when the peer has committed to store it,
            and this is how long it has to say so; None: when it has taken it.
    """

    transfer_syntaxes: frozenset[UID] | None = None
    prefer: UID | None = None
    keep_open_seconds: float = 10.0
    echo_after_seconds: float = ECHO_AFTER_SECONDS
    echo_seconds: float = ECHO_SECONDS
    already_there: Literal["refuse", "retried", "accept"] = "retried"
    commitment_seconds: float | None = None


DEFAULT_MANNER: Final = Manner()
