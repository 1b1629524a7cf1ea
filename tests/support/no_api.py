"""An application in the place of the API, for tests of what is around it."""

from starlette.types import Receive, Scope, Send


async def no_api(scope: Scope, receive: Receive, send: Send) -> None:
    del receive, send
    raise AssertionError(scope["path"])
