"""`hilum echo`: is a peer there, and does it talk to us (C-ECHO, PS3.4 Annex A)?"""

import json as json_format
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from cyclopts import Parameter

from hilum.cli.peer import PeerOptions, run, with_port
from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.requestor import VERIFICATION_CONTEXT, Requestor, associate
from hilum.dimse.status import SUCCESS, describe
from hilum.kernel.errors import HilumError, Misconfigured, Rejected, Unreachable

_ANSWERED: Final = 0
_FAILED: Final = 1
_MESSAGE_IDS: Final = 0xFFFF


@dataclass(slots=True)
class Answer:
    """What a peer said to our echoes."""

    address: Address
    associated_milliseconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    status: int | None = None
    implementation_class_uid: str = ""
    implementation_version_name: str = ""
    maximum_pdu_length: int = 0
    uses_tls: bool = False
    error: str = ""

    @property
    def is_well(self) -> bool:
        """Tell whether the peer answered every echo with success."""
        return not self.error and self.status == SUCCESS


def echo(  # noqa: PLR0913 - one argument an option
    target: str,
    port: str | None = None,
    /,
    *,
    peer: PeerOptions = PeerOptions(),  # noqa: B008 - frozen
    repeat: int = 1,
    json: Annotated[bool, Parameter(negative="")] = False,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative="")] = False,
    debug: Annotated[bool, Parameter(name=["--debug", "-d"], negative="")] = False,
) -> int:
    """Ask a peer for a C-ECHO: `hilum echo PACS@10.0.0.5:104`, or `echo -aec PACS 10.0.0.5 104`.

    Exit code 0: it answered with success; 1: it did not; 2: the command makes no sense.

    Parameters
    ----------
    target:
        `[AET@]host:port`, or a host with the port as the next argument.
    port:
        Port, if the target has none.
    repeat:
        How many echoes, on one association.
    json:
        Print one JSON object.
    verbose:
        Also tell what the peer announced.
    debug:
        The same as --verbose.
    """
    address = peer.address(with_port(target, port))
    options = peer.requestor_options()
    if repeat < 1:
        raise Misconfigured(f"--repeat {repeat}: give at least 1")
    try:
        answer = run(ask(address, options, repeat=repeat))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _FAILED
    if json:
        print(json_format.dumps(as_json(answer)))
    else:
        for line in in_words(answer, verbose=verbose or debug):
            print(line, file=sys.stdout if answer.is_well else sys.stderr)
    return _ANSWERED if answer.is_well else _FAILED


async def ask(address: Address, options: RequestorOptions, *, repeat: int) -> Answer:
    """Associate, echo, release; what went wrong is in the answer."""
    answer = Answer(address, uses_tls=options.tls is not None)
    try:
        started = time.perf_counter()
        requestor = await associate(address, [VERIFICATION_CONTEXT], options)
        answer.associated_milliseconds = _milliseconds_since(started)
        try:
            await _converse(requestor, answer, repeat=repeat)
        finally:
            await requestor.release()
    except HilumError as error:
        answer.error = str(error)
    return answer


async def _converse(requestor: Requestor, answer: Answer, *, repeat: int) -> None:
    user_information = requestor.accept.user_information
    answer.implementation_class_uid = user_information.implementation_class_uid
    answer.implementation_version_name = user_information.implementation_version_name
    answer.maximum_pdu_length = user_information.maximum_length
    if VERIFICATION_CONTEXT.id not in requestor.contexts:
        raise Rejected(
            f"{answer.address} accepted our association but does not answer echoes: "
            f"{requestor.refusal(VERIFICATION_CONTEXT.id)}. It is there; allow Verification to us."
        )
    for number in range(repeat):
        started = time.perf_counter()
        answer.status = await _echo_once(requestor, number % _MESSAGE_IDS + 1)
        answer.milliseconds.append(_milliseconds_since(started))
        if answer.status != SUCCESS:
            return


async def _echo_once(requestor: Requestor, message_id: int) -> int:
    try:
        return await requestor.echo(message_id=message_id)
    except Unreachable as error:
        # Seen: Orthanc accepts everybody's association and aborts at the first request it forbids.
        calling = requestor.address.calling
        raise Unreachable(
            f"{error}. It did accept our association: does it know {calling!r} and allow it echoes?"
        ) from error


def in_words(answer: Answer, *, verbose: bool) -> Iterator[str]:
    """Give the lines for people."""
    if answer.error:
        yield answer.error
    elif answer.status is not None:
        times = answer.milliseconds
        took = f"{times[0]:.1f} ms"
        if len(times) > 1:
            took = (
                f"{len(times)} echoes: {min(times):.2f} / {statistics.median(times):.2f} / "
                f"{max(times):.2f} ms (least / median / most)"
            )
        name = answer.implementation_version_name or "an unnamed implementation"
        yield f"{answer.address}, {name}: {describe(answer.status)}, {took}"
    if verbose and answer.implementation_class_uid:
        maximum = answer.maximum_pdu_length
        yield f"  implementation class  {answer.implementation_class_uid}"
        yield f"  longest PDU it takes  {f'{maximum:,} bytes' if maximum else 'no limit'}"
        yield f"  association opened in {answer.associated_milliseconds:.1f} ms"
        yield f"  TLS                   {'yes' if answer.uses_tls else 'no'}"


def as_json(answer: Answer) -> dict[str, Any]:  # Any: JSON
    """Give the answer for programs."""
    status = answer.status
    return {
        "peer": {
            "host": answer.address.host,
            "port": answer.address.port,
            "called": answer.address.called,
        },
        "calling": answer.address.calling,
        "tls": answer.uses_tls,
        "success": answer.is_well,
        "status": None if status is None else f"0x{status:04X}",
        "meaning": None if status is None else describe(status),
        "implementation_class_uid": answer.implementation_class_uid or None,
        "implementation_version_name": answer.implementation_version_name or None,
        "maximum_pdu_length": answer.maximum_pdu_length,
        "association_milliseconds": round(answer.associated_milliseconds, 3),
        "echo_milliseconds": [round(value, 3) for value in answer.milliseconds],
        "error": answer.error or None,
    }


def _milliseconds_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
