"""What helps against a reason: the setting to look at, who must change something, what to type.

A reason is text by the time it is in the ledger. It is known again by the words that our
destinations use for it; `tests/unit/pipeline/test_remedies.py` and the trial `faults` hold the two
together. A reason that is not known still has its own hint: the questions at its end.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hilum.kernel.outcome import Failing
from hilum.ledger.delivery import ASKED_AGAIN, QueuedDelivery, State

_AFTER_CLAUSE: Final = re.compile(r"(?<=[.:;?]) ")
# Beginnings of sentences that tell what to do without asking.
_ADVICE: Final = ("Register ", "Try again ")


@dataclass(frozen=True, slots=True)
class _Known:
    """A remedy, for reasons that have certain words. `kind`: of what destinations; empty: any.

    {hint} is what the reason itself asks at its end.
    """

    words: re.Pattern[str]
    kind: str
    text: str


def _known(words: str, text: str, *, kind: str = "") -> _Known:
    return _Known(re.compile(words), kind, text)


# Looked for in this order.
_KNOWN: Final = (
    _known(
        "our certificate has run out",
        "Get a new one: it is certificate in [destinations.{name}.tls]",
        kind="dimse",
    ),
    _known(
        "our certificate has run out", "Get a new one: it is certificate in [destinations.{name}]"
    ),
    _known(
        "not yet valid",
        "{hint} If they are, whoever runs it must install another certificate",
    ),
    _known(
        "not our certificate|certificate.*expired",
        "Whoever runs it must install a new certificate; nothing is to be changed here",
    ),
    _known(
        "called AE title not recognized",
        "{hint} Write it as ae_title in [destinations.{name}]",
        kind="dimse",
    ),
    _known(
        "calling AE title not recognized",
        "{hint} That is calling_ae_title in [destinations.{name}], by default gateway.ae_title",
        kind="dimse",
    ),
    _known(
        "temporary congestion",
        "It has too much to do at the moment",
        kind="dimse",
    ),
    _known(
        "local limit exceeded",
        "Raise its limit of associations, or lower associations_max in [destinations.{name}]",
        kind="dimse",
    ),
    _known(
        "rejected our association",
        "{hint} Look at ae_title and calling_ae_title in [destinations.{name}], and at its log",
        kind="dimse",
    ),
    _known(
        "cannot be resolved",
        "Is host in [destinations.{name}] right? If it is, DNS of this machine does not know it",
        kind="dimse",
    ),
    _known(
        "cannot be resolved",
        "Is the host of url in [destinations.{name}] right? If it is, DNS of this machine does "
        "not know it",
    ),
    _known(
        "WRONG_VERSION_NUMBER|closed the connection instead of beginning TLS",
        "Either port in [destinations.{name}] is not its TLS port (often 2762), or it knows no "
        "TLS: then take tls out",
        kind="dimse",
    ),
    _known(
        "WRONG_VERSION_NUMBER",
        "It does not speak TLS on this port: should url in [destinations.{name}] begin with "
        "http:, or name another port?",
    ),
    _known(
        "do not trust its certificate",
        "{hint} Put the authority that issued it into ca of [destinations.{name}.tls]",
        kind="dimse",
    ),
    _known(
        "do not trust its certificate",
        "{hint} Put the authority that issued it into ca of [destinations.{name}]",
    ),
    _known(
        "certificate",
        "{hint} Ours are certificate and key in [destinations.{name}.tls]; it must know the "
        "authority that issued them",
        kind="dimse",
    ),
    _known(
        "no TLS session",
        "{hint} Ours are certificate and key in [destinations.{name}]; it must know the "
        "authority that issued them",
    ),
    _known(
        "want TLS",
        "{hint} If it wants TLS, add tls = {{}} to [destinations.{name}]; otherwise its log says "
        "why",
        kind="dimse",
    ),
    _known(
        "cannot connect|no connection (?:within|in time)",
        "{hint} See host and port in [destinations.{name}]",
        kind="dimse",
    ),
    _known(
        "cannot connect|no connection (?:within|in time)",
        "{hint} See url in [destinations.{name}]",
    ),
    _known(
        "does not support the SOP class|does not want this SOP class",
        "Ask whoever runs it whether it can be taught this class. If not, keep the class from it "
        "by the conditions of route {route}, and drop what waits: {drop}",
    ),
    _known(
        "does not support the transfer syntax|does not take transfer syntax",
        "Ask whoever runs it whether it can take this transfer syntax. If not, keep such "
        "instances from it by the conditions of route {route}, and drop what waits: {drop}",
    ),
    _known(
        "0xA7|out of resources|0x0213",
        "It is full or overloaded: make room there",
    ),
    _known(
        "0x0111|0110 .*exists|[Dd]uplicat",
        "It has an instance of this UID already. If that is as good, set already_there in "
        "[destinations.{name}] or drop this one: {drop}",
    ),
    _known(
        "0x0124|[Nn]ot [Aa]uthori[sz]ed",
        "Whoever runs it must give {calling} the permission to store; then: {retry}",
    ),
    _known(
        "0xA9|0xC|0x01",
        "It objects to this instance: its log says to what. Then {retry}, or give it up: {drop}",
    ),
    _known(
        r"\babort",
        "Its log says why it aborts, and whether it objects to this instance",
        kind="dimse",
    ),
    _known(
        "no answer within|did not answer|no response",
        "Is it overloaded? If it needs longer, raise response_timeout_seconds in "
        "[destinations.{name}]",
        kind="dimse",
    ),
    _known(
        "token",
        "Are client_id and client_secret in auth of [destinations.{name}] right, or have they "
        "expired?",
    ),
    _known(
        "answered 401",
        "Is auth in [destinations.{name}] right, has its secret expired?",
    ),
    _known(
        "answered 403",
        "Whoever runs it must give our login the permission to store (auth in "
        "[destinations.{name}])",
    ),
    _known(
        "answered 40[45]|answered 410|answered 501",
        "Is the path of url in [destinations.{name}] right?",
    ),
    _known(
        "answered 413",
        "Raise the limit of the size of requests there, or in the proxy before it; then: {retry}",
    ),
    _known(
        "answered 429",
        "It wants less at a time: set rate in [destinations.{name}] if this happens often",
    ),
    _known(
        "answered 50[234]",
        "It, or what is behind it, is not available at the moment",
    ),
    _known(
        "answered 5",
        "It failed while working on the request: its log says why",
    ),
    _known(
        "closed the connection without|something that is not HTTP",
        "Does it want TLS? Then url in [destinations.{name}] begins with https:. Otherwise its "
        "log says why",
    ),
    _known(
        "cannot be written to",
        "{hint} It is path in [destinations.{name}]",
        kind="folder",
    ),
    _known(
        "cannot be reached",
        "Make the folder, or mount its disk; it is path in [destinations.{name}]",
        kind="folder",
    ),
    _known(
        "No space|quota",
        "Make room on the disk of path in [destinations.{name}]",
        kind="folder",
    ),
    _known(
        "payload",
        "Bring the file back from a backup, or let the sender send it again; then: {retry}",
    ),
)

# When nothing is known of the words.
_BY_FAILING: Final = {
    Failing.UNREACHABLE.value: "{hint} Is it running, and is its address in "
    "[destinations.{name}] right?",
    Failing.BUSY.value: "{hint} It is asked to wait: is it overloaded?",
    Failing.UNWELCOME.value: "{hint} Something must be changed in [destinations.{name}] or there",
    Failing.CONFUSED.value: "{hint} Is it what [destinations.{name}] says? Its log may say more",
}
_OTHER: Final = "{hint} Its log may say more. Then {retry}, or give it up: {drop}"


def parted(reason: str) -> tuple[str, str]:
    """Part a reason into what happened and the hint at its end: its questions, its instructions."""
    clauses = _AFTER_CLAUSE.split(reason)
    end = len(clauses)
    while end > 1 and _is_hint(clauses[end - 1]):
        end -= 1
    fact = " ".join(clauses[:end]).rstrip(".:; ")
    return fact, " ".join(_sentences(clauses[end:]))


def remedy_of(one: QueuedDelivery, kind: str, *, calling: str) -> str:
    """Say what helps a delivery that failed at a destination of type `kind`."""
    words = _text(one, kind).format(
        hint=parted(_failure(one))[1],
        name=one.destination,
        route=one.route or "(none)",
        calling=calling,
        retry=f"`hilum queue retry --destination {one.destination}`",
        drop=f"`hilum queue drop REASON --id {one.delivery_id}`",
    )
    return words.strip()


def _text(one: QueuedDelivery, kind: str) -> str:
    for known in _KNOWN:
        if known.kind in ("", kind) and known.words.search(_failure(one)):
            return known.text
    if one.state is State.REFUSED:
        return _OTHER
    return _BY_FAILING.get(one.failing, _OTHER)


def _failure(one: QueuedDelivery) -> str:
    return one.reason.removeprefix(ASKED_AGAIN)


def _is_hint(clause: str) -> bool:
    return clause.endswith("?") or clause.startswith(_ADVICE)


def _sentences(clauses: Iterable[str]) -> Iterable[str]:
    return (clause[:1].upper() + clause[1:] for clause in clauses)
