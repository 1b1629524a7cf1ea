"""Who may open an association: a pure decision that always says what to change.

AE title, address and identity are judged together: a title alone is known to anybody who has seen
one image, so a known title from an unknown address is refused.
"""

import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, assert_never

from hilum.dimse.upper.items import IdentityType, UserIdentity
from hilum.dimse.upper.pdu import AssociateReject
from hilum.dimse.upper.reasons import (
    AcseReason,
    PresentationReason,
    RejectReason,
    RejectResult,
    UserReason,
)
from hilum.kernel.names import ae_title
from hilum.sources.dimse.settings import PeerSettings, Permission

UnknownCallers = Literal["refuse", "loopback", "accept"]
# What a caller may do whom no [peers.*] names, when unknown callers are let in.
_STRANGER_MAY: Final[frozenset[Permission]] = frozenset({"echo", "store"})
# On this machine they may also have what is held: who can call from it can do as much by HTTP.
_NEIGHBOUR_MAY: Final = _STRANGER_MAY | frozenset[Permission]({"find", "move", "get"})


@dataclass(frozen=True, slots=True)
class Caller:
    """What is known of who asks for an association."""

    calling_ae_title: str
    called_ae_title: str
    host: str
    identity: UserIdentity | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """The caller may come in, as `peer` (empty: not named in the configuration)."""

    peer: str
    entity: str
    may: frozenset[Permission]
    is_identified: bool  # by user and password; what nobody has to give is not looked at


@dataclass(frozen=True, slots=True)
class Rejection:
    """The caller may not: what it is told, and what the operator is told."""

    reject: AssociateReject
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Known:
    """A peer with its host names resolved: addresses and networks."""

    name: str
    settings: PeerSettings
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

    def calls_from(self, host: str) -> bool:
        """Tell whether `host` is an address of this peer; no addresses means any."""
        if not self.settings.host:
            return True
        address = _address(host)
        return address is not None and any(address in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything `admit` decides by."""

    own_titles: frozenset[str]
    check_called: bool
    peers: Sequence[Known]
    unknown_callers: UnknownCallers
    associations_max: int


def admit(
    caller: Caller, rules: Rules, *, open_in_all: int, open_by_peer: Mapping[str, int]
) -> Admitted | Rejection:
    """Judge a caller: titles first, then address and identity, then how many are open."""
    if open_in_all >= rules.associations_max:
        return _rejection(
            PresentationReason.LOCAL_LIMIT_EXCEEDED,
            f"{open_in_all} associations are open, the limit",
            "raise sources.dimse.limits.associations_max, or find out who keeps them open",
        )
    if (rejection := _judge_called(caller, rules)) is not None:
        return rejection
    peer = _peer_of(caller, rules)
    if isinstance(peer, Rejection):
        return peer
    if peer is None:
        return _admit_stranger(caller, rules)
    return _admit_peer(caller, peer, open_by_peer.get(peer.name, 0))


def _judge_called(caller: Caller, rules: Rules) -> Rejection | None:
    called = caller.called_ae_title
    if not rules.check_called or called in rules.own_titles:
        return None
    ours = ", ".join(sorted(rules.own_titles))
    near = next((title for title in rules.own_titles if _alike(title, called)), None)
    if near is not None:
        hint = f"the caller writes {called!r}, we are {near!r}: the same but for case or blanks"
    else:
        hint = f"set the called AE title of {caller.calling_ae_title!r} to one of {ours}"
    return _rejection(
        UserReason.CALLED_AE_TITLE_NOT_RECOGNIZED,
        f"called AE title {called!r} is not ours ({ours})",
        f"{hint}; or add it to sources.dimse.called_ae_titles",
    )


def _peer_of(caller: Caller, rules: Rules) -> Known | Rejection | None:
    """Find the peer by title and address; None is a title that nobody has."""
    calling = caller.calling_ae_title
    try:
        ae_title(calling)
    except ValueError as error:
        return _rejection(
            UserReason.CALLING_AE_TITLE_NOT_RECOGNIZED,
            f"the calling AE title is not one: {error}",
            "set an AE title on the calling device",
        )
    same_title = [peer for peer in rules.peers if peer.settings.ae_title == calling]
    for peer in same_title:
        if peer.calls_from(caller.host):
            return peer
    if not same_title:
        return None
    peer = same_title[0]
    return _rejection(
        UserReason.CALLING_AE_TITLE_NOT_RECOGNIZED,
        f"{calling!r} calls from {caller.host}, peers.{peer.name}.host is "
        f"{', '.join(peer.settings.host)}",
        f"add {caller.host} to peers.{peer.name}.host if that is really the device",
    )


def _admit_stranger(caller: Caller, rules: Rules) -> Admitted | Rejection:
    address = _address(caller.host)
    is_neighbour = address is not None and address.is_loopback
    match rules.unknown_callers:
        case "accept":
            is_welcome = True
        case "loopback":
            is_welcome = is_neighbour
        case "refuse":
            is_welcome = False
        case _:
            assert_never(rules.unknown_callers)
    if is_welcome:
        may = _NEIGHBOUR_MAY if is_neighbour else _STRANGER_MAY
        return Admitted("", caller.called_ae_title, may, is_identified=False)
    calling = caller.calling_ae_title
    near = next((p for p in rules.peers if _alike(p.settings.ae_title, calling)), None)
    if near is not None:
        remedy = (
            f"peers.{near.name}.ae_title is {near.settings.ae_title!r}, the caller writes "
            f"{calling!r}: make them the same"
        )
    elif calling in rules.own_titles:
        remedy = "the caller uses our AE title as its own: its two titles are probably swapped"
    else:
        remedy = (
            f'add a section [peers.<name>] with ae_title = "{calling}" and host = '
            f'"{caller.host}", or set gateway.unknown_callers'
        )
    return _rejection(
        UserReason.CALLING_AE_TITLE_NOT_RECOGNIZED,
        f"no peer has the AE title {calling!r}, and unknown callers from {caller.host} are refused",
        remedy,
    )


def _admit_peer(caller: Caller, peer: Known, open_now: int) -> Admitted | Rejection:
    settings = peer.settings
    if settings.called_ae_titles and caller.called_ae_title not in settings.called_ae_titles:
        return _rejection(
            UserReason.CALLED_AE_TITLE_NOT_RECOGNIZED,
            f"peers.{peer.name} may not call {caller.called_ae_title!r}",
            f"add it to peers.{peer.name}.called_ae_titles",
        )
    if not _identified(caller.identity, settings):
        return _rejection(
            AcseReason.NO_REASON_GIVEN,
            f"peers.{peer.name} must give user and password, and they were missing or wrong",
            f"compare the user identity of the device with peers.{peer.name}.user and password",
        )
    if open_now >= settings.associations_max:
        return _rejection(
            PresentationReason.LOCAL_LIMIT_EXCEEDED,
            f"peers.{peer.name} has {open_now} associations open, its limit",
            f"raise peers.{peer.name}.associations_max, or see why the device opens so many",
        )
    is_identified = settings.user is not None and settings.password is not None
    return Admitted(peer.name, caller.called_ae_title, settings.may, is_identified)


def _identified(identity: UserIdentity | None, settings: PeerSettings) -> bool:
    if settings.user is None or settings.password is None:
        return True
    if identity is None or identity.type != IdentityType.USERNAME_AND_PASSCODE:
        return False
    # Both are compared in any case, so that time does not tell which one was wrong.
    user = hmac.compare_digest(identity.primary, settings.user.encode())
    password = hmac.compare_digest(
        identity.secondary, settings.password.get_secret_value().encode()
    )
    return user and password


def _alike(ours: str, theirs: str) -> bool:
    return ours.replace(" ", "").lower() == theirs.replace(" ", "").lower()


@lru_cache(maxsize=1024)  # devices call again and again
def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _rejection(reason: RejectReason, text: str, remedy: str) -> Rejection:
    is_transient = isinstance(reason, PresentationReason)
    result = RejectResult.TRANSIENT if is_transient else RejectResult.PERMANENT
    return Rejection(AssociateReject(result, reason), text, remedy)
