"""What became of one attempt to bring an instance somewhere: never a status string."""

import enum
from dataclasses import dataclass
from datetime import timedelta


class Failing(enum.Enum):
    """What kind of failure put a delivery off; how long to wait for the next try depends on it."""

    UNREACHABLE = "unreachable"  # nobody there, no answer in time, the connection broke
    BUSY = "busy"  # it answered: not now (out of resources, 503, too many associations)
    UNWELCOME = "unwelcome"  # it turns all of us away (AE title, TLS, login): a person must act
    CONFUSED = "confused"  # it broke the protocol
    UNTRIED = "untried"  # we never got to it; this was no attempt


@dataclass(frozen=True, slots=True)
class Delivered:
    """The other side has it. `warning` is its status when it had a remark, `remark` says which."""

    warning: int | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now: the reason may pass by itself, so try again.

    `status` and `http_status`: see `Refused`.
    """

    reason: str
    retry_after: timedelta | None = None
    failing: Failing = Failing.BUSY
    status: int | None = None
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """No: trying this instance again without a change will not help.

    `status` is what the other side said of this instance: a DIMSE status, or the Failure Reason of
    a store over HTTP, which are the same numbers. `http_status` is the status code of its answer,
    if it spoke HTTP. None: it did not say.
    """

    reason: str
    status: int | None = None
    http_status: int | None = None


Outcome = Delivered | Deferred | Refused
