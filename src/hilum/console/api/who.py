"""Who asks the API, as audit records name it."""

from starlette.requests import Request

from hilum.ledger.entry import Origin
from hilum.sources.web.caller import CALLER_STATE, HttpCaller


def who_asks(request: Request, named: str = "") -> Origin:
    """Give the name of the key, and what the caller calls itself beside it."""
    caller = getattr(request.state, CALLER_STATE, None)
    address = request.client.host if request.client else ""
    name = ""
    if isinstance(caller, HttpCaller):
        name, address = caller.name, caller.address
    return Origin("", "", name or named, address, "", "api")
