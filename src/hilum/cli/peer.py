"""What `echo` and `send` share: the options that say who the peer is, also in DCMTK's spelling."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from cyclopts import Parameter

from hilum.destinations.dimse.address import Address, parse_address
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.tls import client_context
from hilum.kernel.errors import Misconfigured
from hilum.kernel.names import AETitle, ae_title

_T = TypeVar("_T")

CALLING: Final = AETitle("HILUM")
# The shortest PDU that DCMTK accepts, and more than any response needs (PS3.8 has no minimum).
_PDU_BYTES_MIN: Final = 4096
_DEFAULTS: Final = RequestorOptions()


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class PeerOptions:
    """Who we are, who the peer is, and how long we wait for it."""

    called: Annotated[str | None, Parameter(name=["--called", "-aec"])] = None
    "AE title of the peer; `AET@host:port` says the same. Without either: ANY-SCP."

    calling: Annotated[str, Parameter(name=["--calling", "-aet"])] = CALLING
    "AE title we call ourselves."

    connect_timeout: Annotated[float, Parameter(name=["--connect-timeout", "-to"])] = (
        _DEFAULTS.connect_timeout_seconds
    )
    "Seconds to wait for the connection."

    association_timeout: Annotated[float, Parameter(name=["--association-timeout", "-ta"])] = (
        _DEFAULTS.association_timeout_seconds
    )
    "Seconds to wait for the answer to our association request."

    response_timeout: Annotated[float, Parameter(name=["--response-timeout", "-td"])] = (
        _DEFAULTS.response_timeout_seconds
    )
    "Seconds to wait for a response after the peer has taken the last byte."

    pdu: Annotated[int | None, Parameter(name=["--max-pdu", "-pdu"])] = None
    "Longest PDU in bytes, in both directions; the peer's own maximum holds in any case."

    tls: Annotated[bool, Parameter(negative="")] = False
    "Talk TLS; implied by --ca and --certificate."

    ca: Path | None = None
    "PEM file of the authority that vouches for the peer; without it, the system's authorities."

    certificate: Path | None = None
    "PEM file of our certificate, for peers that ask for one."

    key: Path | None = None
    "PEM file of the key that belongs to --certificate."

    def address(self, target: str) -> Address:
        """Read `target` as `[AET@]host:port`.

        Raises:
            Misconfigured: it is not that, or an AE title is none.
        """
        called = None if self.called is None else _title("-aec", self.called)
        return parse_address(target, calling=_title("-aet", self.calling), called=called)

    def requestor_options(self) -> RequestorOptions:
        """Give the options for associations.

        Raises:
            Misconfigured: a value makes no sense, or a TLS file cannot be used.
        """
        timeouts = (self.connect_timeout, self.association_timeout, self.response_timeout)
        if min(timeouts) <= 0:
            raise Misconfigured(f"a timeout of {min(timeouts):g} s: give more than 0 (-to -ta -td)")
        if self.pdu is not None and self.pdu < _PDU_BYTES_MIN:
            raise Misconfigured(f"-pdu {self.pdu}: give at least {_PDU_BYTES_MIN} bytes")
        wants_tls = self.tls or self.ca is not None or self.certificate is not None
        return RequestorOptions(
            maximum_pdu_length=self.pdu or _DEFAULTS.maximum_pdu_length,
            fragment_bytes_max=self.pdu or _DEFAULTS.fragment_bytes_max,
            connect_timeout_seconds=self.connect_timeout,
            association_timeout_seconds=self.association_timeout,
            response_timeout_seconds=self.response_timeout,
            tls=client_context(ca=self.ca, certificate=self.certificate, key=self.key)
            if wants_tls or self.key is not None
            else None,
        )


def with_port(target: str, port: str | None) -> str:
    """Put together `host port`, as DCMTK's tools are called, and `host:port`, as ours are.

    Raises:
        Misconfigured: the second is a key of a question.
    """
    if port is None:
        return target
    if "=" in port:
        raise Misconfigured(f"{port!r} is no port; a key of a question is written -k {port}")
    host = f"[{target}]" if target.count(":") > 1 and not target.startswith("[") else target
    return f"{host}:{port}"


def run(main: Coroutine[Any, Any, _T]) -> _T:  # Any: the types a coroutine is sent and yields
    """Run `main` on uvloop, or on asyncio's own loop where uvloop does not exist."""
    with asyncio.Runner(loop_factory=_new_event_loop) as runner:
        return runner.run(main)


def _new_event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 - --help should not wait for it
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _title(option: str, text: str) -> AETitle:
    try:
        return ae_title(text)
    except ValueError as error:
        raise Misconfigured(f"{option}: {error}") from error
