"""A caller that is not let in: what it is told, which is little, and what the operator is told."""

from typing import Final, Literal

from hilum.kernel.errors import NotAllowed

Cause = Literal[
    "address",  # it may not call from there
    "nobody",  # it says nothing of itself
    "unreadable",  # what it says cannot be read
    "key",  # unknown, ended or revoked
    "token",  # not one of our provider's, or not for us
    "role",  # known, and may not do this
    "entity",  # known, and may not do this there
    "page",  # a web page from elsewhere has made a browser ask
    "rate",  # too many requests
    "failures",  # too many log-ins that failed
]

REALM: Final = "Hilum"
# What a caller is told, by status: that there is something behind it, and no more.
_SAID: Final = {
    401: "A valid key or token is needed.",
    403: "Not allowed.",
    429: "Too many requests.",
}


class AccessRefused(NotAllowed):
    """Answer with `status`. The reason and the remedy are for the log; neither has a secret."""

    def __init__(  # noqa: PLR0913 - by keyword
        self,
        status: int,
        cause: Cause,
        reason: str,
        *,
        remedy: str = "",
        said: str = "",
        seconds: float = 0.0,
        caller: str = "",
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.cause: Cause = cause
        self.reason = reason
        self.remedy = remedy
        self.said = said or _SAID[status]
        self.seconds = seconds
        self.caller = caller

    def headers(self) -> list[tuple[str, str]]:
        """Give the headers that go with the status (RFC 9110 §11.6.1, RFC 6750 §3)."""
        if self.status == 429:
            return [("retry-after", str(max(1, round(self.seconds + 0.5))))]
        if self.status != 401:
            return []
        bearer = f'Bearer realm="{REALM}"'
        if self.cause != "nobody":
            bearer += ', error="invalid_token"'
        return [("www-authenticate", bearer), ("www-authenticate", f'Basic realm="{REALM}"')]
