"""Who sends a request, as far as it is known, and what that one may do."""

from dataclasses import dataclass
from typing import Final, Literal

Role = Literal["read", "write", "delete", "admin"]
EVERYTHING: Final[frozenset[Role]] = frozenset(("read", "write", "delete", "admin"))


@dataclass(frozen=True, slots=True)
class HttpCaller:
    """A caller that was let in. `name`: of its key or token, "" for nobody in particular."""

    name: str
    address: str
    roles: frozenset[Role]


# Where the access rules leave the caller for who answers: a key of the request's `state`.
CALLER_STATE: Final = "hilum.caller"
