"""What may be written for a fact of the arrival: who brought it, when, how large it is."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from hilum.kernel.names import AE_TITLE_LENGTH_MAX
from hilum.kernel.setting_types import address
from hilum.routing.calendar import DAYS, parse_calendar
from hilum.routing.conditions import ArrivalCondition, Condition, Moment
from hilum.routing.faults import Faults, KeyPath
from hilum.routing.keys import ASSOCIATION_KEYS
from hilum.routing.known import Known
from hilum.routing.patterns import has_wildcard, is_expression
from hilum.routing.scales import Range, parse_range, size_end
from hilum.routing.uid_names import transfer_syntax_names, uids_of
from hilum.routing.values import Literal, is_text_that_can_fit, text_test

Judge = Callable[[Moment], bool]
Literals = Sequence[tuple[KeyPath, Literal]]


def read_fact(name: str, moment: Moment) -> str:
    """Give a fact as a text, for whoever reads it."""
    facts = moment.facts
    if name == "size":
        return f"{facts.size} bytes"
    if name == "transfer_syntax":
        return facts.transfer_syntax_uid
    if name == "time":
        local = moment.now.astimezone(moment.zone)
        return f"{DAYS[local.weekday()]} {local:%H:%M}"
    value = getattr(facts.association, name)
    return value if isinstance(value, str) else str(value).lower()


def presence_condition(
    name: str, path: KeyPath, faults: Faults, *, is_present: bool
) -> Condition | None:
    """Make the test whether there is a fact: `peer = false` is a caller who is none."""
    if name in {"size", "time", "transfer_syntax"}:
        faults.error(path, f"{name} is always there", "Write what it should be")
        return None
    if name == "tls":
        return _condition(name, is_present, lambda m: m.facts.association.tls is is_present)
    return _condition(name, is_present, lambda m: bool(read_fact(name, m)) is is_present)


def arrival_condition(
    name: str, literals: Literals, wanted: str, known: Known, faults: Faults
) -> Condition | None:
    """Make the test of a fact; None: none could be made, and `faults` says why."""
    texts = [(path, one) for path, one in literals if isinstance(one, str)]
    if name == "size":
        judge = _size(literals, faults)
    elif name == "tls":
        faults.error(literals[0][0], "tls is true or false")
        return None
    else:
        for path, literal in literals:
            if not isinstance(literal, str):
                faults.error(path, f"{name} is a text, not a number", f'Write "{literal}"')
        judge = _JUDGES.get(name, _name(name, known))(texts, faults)
    return None if judge is None else _condition(name, wanted, judge)


def _condition(name: str, wanted: object, judge: Judge) -> Condition:
    text = wanted if isinstance(wanted, str) else str(wanted).lower()
    return ArrivalCondition(
        name, text, lambda moment: read_fact(name, moment), judge, name in ASSOCIATION_KEYS
    )


Texts = Sequence[tuple[KeyPath, str]]


def _size(literals: Literals, faults: Faults) -> Judge | None:
    ranges: list[Range] = []
    for path, literal in literals:
        try:
            ranges.append(parse_range(str(literal), size_end))
        except ValueError as error:
            faults.error(path, str(error), 'Such as ">= 100 MB" or "1 MB..10 MB"')
    return (lambda m: any(one.holds(m.facts.size) for one in ranges)) if ranges else None


def _time(texts: Texts, faults: Faults) -> Judge | None:
    calendars = []
    for path, text in texts:
        try:
            calendars.append(parse_calendar([text]))
        except ValueError as error:
            faults.error(path, str(error))
    return (lambda m: any(one.is_open(m.now, m.zone) for one in calendars)) if calendars else None


def _transfer_syntax(texts: Texts, faults: Faults) -> Judge | None:
    good = []
    for path, text in texts:
        try:
            good += [(path, uid, faults) for uid in uids_of(text, transfer_syntax_names)]
        except ValueError as error:
            faults.error(path, str(error))
    fits = text_test(good, minds_case=True)
    return None if fits is None else (lambda m: fits(m.facts.transfer_syntax_uid))


def _host(texts: Texts, faults: Faults) -> Judge | None:
    networks: list[IPv4Network | IPv6Network] = []
    for path, text in texts:
        try:
            networks.append(ip_network(address(text)))
        except ValueError as error:
            is_name = "/" not in text and "*" not in text and not text[:1].isdigit()
            message = f"{text!r} is a name; a caller is known by its address" if is_name else ""
            faults.error(path, message or str(error), "Name the peer, or write an address or CIDR")
    if not networks:
        return None

    def judge(moment: Moment) -> bool:
        try:
            host = ip_address(moment.facts.association.host)
        except ValueError:
            return False
        return any(host in network for network in networks)

    return judge


_JUDGES: Final[dict[str, Callable[[Texts, Faults], Judge | None]]] = {
    "time": _time,
    "transfer_syntax": _transfer_syntax,
    "host": _host,
}


def _name(name: str, known: Known) -> Callable[[Texts, Faults], Judge | None]:
    """Make the test of a fact that is a name: an AE title, a peer, an entity, a source."""

    def make(texts: Texts, faults: Faults) -> Judge | None:
        good = [
            (path, text, faults)
            for path, text in texts
            if is_text_that_can_fit(path, text, name, faults)
            and _is_known(name, path, text, known, faults)
        ]
        fits = text_test(good, minds_case=True)
        if fits is None:
            return None
        return lambda moment: fits(getattr(moment.facts.association, name))

    return make


def _is_known(name: str, path: KeyPath, text: str, known: Known, faults: Faults) -> bool:
    if has_wildcard(text) or is_expression(text):
        return True
    if name.endswith("ae_title") and len(text) > AE_TITLE_LENGTH_MAX:
        message = f"{text!r} has {len(text)} characters; an AE title has at most 16 (PS3.5 §6.2)"
        faults.error(path, message)
        return False
    choices = {
        "peer": known.peers,
        "entity": known.entities,
        "source": known.sources,
        "called_ae_title": known.ae_titles,
    }.get(name)
    if choices is None or text in choices:
        return True
    near = get_close_matches(text[:64], choices, n=1, cutoff=0.6)
    there = ", ".join(sorted(choices)[:10]) or "none"
    what = {"called_ae_title": "AE title of ours"}.get(name, name)
    remedy = f"Did you mean {near[0]}?" if near else f"There are: {there}"
    faults.error(path, f"there is no {what} {text!r}", remedy)
    return False
