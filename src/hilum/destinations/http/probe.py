"""Asks a server whether it is there and would have us, and says what is wrong if not."""

import ssl
from typing import Final

from hilum.destinations.http.client import Answer, HttpClient
from hilum.destinations.http.credentials import Credentials
from hilum.destinations.http.settings import HttpSettings
from hilum.destinations.http.web_address import origin_in_words
from hilum.dicomweb.http_status import StatusKind, describe_status, kind_of_status
from hilum.kernel.errors import HilumError, Rejected, Unreachable

_ACCEPT: Final = "application/dicom+json, application/json;q=0.9, */*;q=0.1"


async def probe(
    method: str,
    url: str,
    settings: HttpSettings,
    tls: ssl.SSLContext | None,
    credentials: Credentials,
    *,
    also_good: frozenset[int] = frozenset(),
) -> None:
    """Send a request without a body and look at the status only; 2xx and `also_good` are good.

    Raises:
        Unreachable: nobody answers, or not now; RemoteProtocolError: it speaks no HTTP;
        Rejected: it turns us away. Messages say what to change.
    """
    client = HttpClient(settings, tls)
    try:
        headers = await credentials.headers()
        answer = await client.ask(method, url, {**headers, "Accept": _ACCEPT})
        if answer.status == 401 and (other := await credentials.renewed(headers)) is not None:
            answer = await client.ask(method, url, {**other, "Accept": _ACCEPT})
    finally:
        await client.aclose()
    if not 200 <= answer.status < 300 and answer.status not in also_good:
        raise _failure(method, url, answer)


_HINTS: Final = {
    StatusKind.UNAUTHORIZED: "Is auth right? The server does not know who we are",
    StatusKind.FORBIDDEN: "The server knows us and does not let us; who gives rights there?",
    StatusKind.MISPLACED: "Is the path in url right?",
}


def _failure(method: str, url: str, answer: Answer) -> HilumError:
    words = f"tried {method} {url}: {describe_status(answer.status)}"
    kind = kind_of_status(answer.status)
    if kind in {StatusKind.BUSY, StatusKind.FAILED}:
        return Unreachable(f"{words}. It is there, but not able to work just now")
    if kind is StatusKind.REDIRECTED:
        place = origin_in_words(url, answer.header("location"))
        return Rejected(f"{words}, to {place}. Is url right, and is it http or https?")
    hint = _HINTS.get(kind, "Is this a service of the kind that type says?")
    return Rejected(f"{words}. {hint}")
