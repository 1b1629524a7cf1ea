"""Who may open an association with the gateway, and the answer to everybody else.

Each row is the door's own decision about an example, so that it cannot say what the door does not.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, get_args

from pydantic import SecretStr

from hilum.cli.statement.markdown import bullets, code, heading, table
from hilum.dicom.sop_classes import VERIFICATION
from hilum.dicom.syntaxes import IMPLICIT_VR_LITTLE_ENDIAN
from hilum.dicom.uids import IMPLEMENTATION_CLASS_UID
from hilum.dimse.upper.negotiation import negotiate
from hilum.dimse.upper.pdu import (
    AssociateReject,
    AssociateRequest,
    PresentationContext,
    UserInformation,
)
from hilum.dimse.upper.reasons import (
    PresentationReason,
    RejectResult,
    reject_numbers,
    reject_words,
)
from hilum.kernel.names import UID, AETitle
from hilum.service.config_settings import Config
from hilum.sources.dimse.admission import Admitted, Caller, Known, Rejection, Rules, admit
from hilum.sources.dimse.services import SERVED, Rulebook, policy_for
from hilum.sources.dimse.settings import DimseLimits, PeerSettings, Permission

_ELSEWHERE: Final = "192.0.2.7"  # an address for examples (RFC 5737)
_OTHER: Final = "192.0.2.8"
_TITLE: Final = AETitle("MODALITY")
_PEER: Final = Known(
    "example",
    PeerSettings(ae_title=_TITLE, host=(_ELSEWHERE,)),
    (ipaddress.ip_network(_ELSEWHERE),),
)
_CALLER: Final = Caller(_TITLE, "GATEWAY", _ELSEWHERE)
_RULES: Final = Rules(
    own_titles=frozenset({"GATEWAY"}),
    check_called=True,
    peers=(_PEER,),
    unknown_callers="refuse",
    associations_max=1000,
)
_REQUEST: Final = AssociateRequest(
    "GATEWAY",
    _TITLE,
    (PresentationContext(1, VERIFICATION, (IMPLICIT_VR_LITTLE_ENDIAN.uid,)),),
    UserInformation(0, IMPLEMENTATION_CLASS_UID),
)


def admission(config: Config) -> Iterator[str]:
    """Give the sections about who is let in and who is rejected."""
    yield heading(5, "3.1.3.1 Who may open an association")
    yield (
        "AE title, address and identity are judged together: a known title that calls from an "
        "address that is not its own is rejected."
    )
    yield table(
        ("Caller", "AE title", "Address", "May call", "Identity", "Services", "Associations"),
        (*_peers(config), *_strangers(config)),
    )
    yield from _called(config)
    yield heading(5, "3.1.3.2 Rejections")
    yield table(
        ("When", "Result", "Source", "Reason (PS3.8 Table 9-21)"),
        (_row(when, reject) for when, reject in rejections()),
    )
    yield (
        "Each rejection writes one log line with its reason and what to change. The rejections "
        "marked transient pass by themselves, or when load or disk allow."
    )


def _called(config: Config) -> Iterator[str]:
    source = config.sources.dimse
    titles = ", ".join(code(one) for one in (config.gateway.ae_title, *source.called_ae_titles))
    if source.check_called_ae_title:
        yield f"Called AE titles that are accepted: {titles}, in this spelling and case."
    else:
        yield f"The gateway is called {titles}; the called AE title is not checked."


def _peers(config: Config) -> Iterator[tuple[str, ...]]:
    for name, peer in config.peers.items():
        yield (
            f"peer {name}",
            code(peer.ae_title),
            ", ".join(peer.host) or "any",
            ", ".join(map(code, peer.called_ae_titles)) or "any of ours",
            "user and password" if peer.user is not None else "none asked for",
            _services(peer.may),
            f"{peer.associations_max:,}{per_process(config)}",
        )


def per_process(config: Config) -> str:
    """Say behind a count of associations that each worker counts its own."""
    workers = config.gateway.workers
    return f" in each of {workers} processes" if workers > 1 else ""


def _strangers(config: Config) -> Iterator[tuple[str, ...]]:
    rules = replace(_RULES, peers=(), unknown_callers=config.gateway.unknown_callers)
    for address, words in (("127.0.0.1", "this machine"), (_ELSEWHERE, "elsewhere")):
        answer = admit(replace(_CALLER, host=address), rules, open_in_all=0, open_by_peer={})
        is_in = isinstance(answer, Admitted)
        services = _services(answer.may) if isinstance(answer, Admitted) else "none: rejected"
        limit = "no limit of its own" if is_in else ""
        yield "anybody else", "any other", words, "any of ours", "none asked for", services, limit


def _services(may: frozenset[Permission]) -> str:
    served = [one for one in get_args(Permission) if one in SERVED and one in may]
    return ", ".join(served) or "none in this version"


def rejections() -> Iterator[tuple[str, AssociateReject]]:
    """Give every occasion on which an association is rejected, with the rejection."""
    yield from _by_admission()
    yield from _by_negotiation()
    # The desk asks intake, which is alive: the one row that is not asked for here.
    yield (
        "Disk or ledger cannot take instances now, and no query or retrieve is proposed",
        AssociateReject(RejectResult.TRANSIENT, PresentationReason.TEMPORARY_CONGESTION),
    )


def _by_admission() -> Iterator[tuple[str, AssociateReject]]:
    yield (
        "The called AE title is not ours (not with `check_called_ae_title = false`)",
        _asked(replace(_CALLER, called_ae_title="OTHER")),
    )
    yield (
        "The calling AE title is empty or has forbidden characters",
        _asked(replace(_CALLER, calling_ae_title="")),
    )
    yield (
        "No peer has the calling AE title, and `gateway.unknown_callers` does not let it in",
        _asked(replace(_CALLER, calling_ae_title="STRANGER")),
    )
    yield "A peer calls from an address that is not its own", _asked(replace(_CALLER, host=_OTHER))
    yield (
        "A peer calls an AE title of ours that `called_ae_titles` does not allow it",
        _asked(_CALLER, called_ae_titles=(AETitle("OTHER"),)),
    )
    yield (
        "User or password of a peer are missing or wrong",
        _asked(_CALLER, user="user", password=SecretStr("password")),
    )
    yield (
        "The peer has `peers.<name>.associations_max` associations open",
        _asked(_CALLER, open_now=1, associations_max=1),
    )
    yield (
        "`sources.dimse.limits.associations_max` associations are open in a process",
        _asked(_CALLER, open_now=_RULES.associations_max),
    )


def _asked(caller: Caller, *, open_now: int = 0, **settings: object) -> AssociateReject:
    """Ask the door about `caller`; its peer has other `settings` than usual."""
    peer = replace(_PEER, settings=_PEER.settings.model_copy(update=settings))
    rules = replace(_RULES, peers=(peer,))
    answer = admit(caller, rules, open_in_all=open_now, open_by_peer={peer.name: open_now})
    assert isinstance(answer, Rejection)  # noqa: S101 - or the example is none
    return answer.reject


def _by_negotiation() -> Iterator[tuple[str, AssociateReject]]:
    examples = (
        ("The protocol version has not bit 0 set", replace(_REQUEST, protocol_version=2)),
        (
            "The application context is not that of DICOM",
            replace(_REQUEST, application_context=UID("1.2.3")),
        ),
        ("No presentation context is proposed", replace(_REQUEST, contexts=())),
    )
    admitted = Admitted(_PEER.name, "GATEWAY", _PEER.settings.may, is_identified=False)
    rulebook = Rulebook(_RULES, accept_private_sop_classes=False)
    for when, request in examples:
        answer = negotiate(request, policy_for(admitted, rulebook, DimseLimits()))
        assert isinstance(answer, AssociateReject)  # noqa: S101 - or the example is none
        yield when, answer


def _row(when: str, reject: AssociateReject) -> tuple[str, ...]:
    source, number = reject_numbers(reject.reason)
    result = f"{reject.result.value} {reject.result.name.lower()}"
    return when, result, str(source), f"{number} {reject_words(reject.reason)}"


def aborts() -> str:
    """Say when the gateway aborts (PS3.8 Table 9-26)."""
    return bullets(
        "What PS3.8 forbids: source 2, provider, with the reason of PS3.8 Table 9-26.",
        "What PS3.7 forbids, such as a data set that no command announced or a response to a "
        "request that was never made: source 0, user.",
        "A peer that is silent or too slow (section 4.3), and the end of the time that a stopping "
        "gateway gives: source 2, reason 0.",
    )
