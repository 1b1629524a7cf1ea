"""Faults between us and an archive that speaks DIMSE: names, networks, TLS, what it takes."""

import contextlib
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from tests.support.tls_files import TlsFiles, make_authority, make_tls_files
from trials import objects
from trials.fault import EVERYTHING, PATIENCE, Fault, as_world, send
from trials.gateway import Gateway, free_port
from trials.wire import CT_IMAGE_STORAGE, IMPLICIT_VR, MR_IMAGE_STORAGE

from hilum.dicom.sop_classes import VERIFICATION
from hilum.dimse.upper.negotiation import Policy
from hilum.dimse.upper.pdu import AssociateReject
from hilum.dimse.upper.reasons import (
    AcseReason,
    PresentationReason,
    RejectReason,
    RejectResult,
    UserReason,
)
from hilum.testing.peer import Abort, ScriptedPeer, Silence, Stored

_World = Callable[[Path], AbstractContextManager[str]]
_JPEG_BASELINE: Final = "1.2.840.10008.1.2.4.50"
# OpenSSL needs a moment; nobody else does.
_HASTE: Final = """\
connect_timeout_seconds = 2
association_timeout_seconds = 2
response_timeout_seconds = 2
"""


def destination(port: int, *, host: str = "127.0.0.1", more: str = "") -> str:
    """Write the configuration of an archive that gets everything."""
    return f"""
[destinations.pacs]
type = "dimse"
host = "{host}"
port = {port}
ae_title = "ARCHIVE"
{_HASTE}{PATIENCE}
{more}
{EVERYTHING}"""


def _behaving(peer: Callable[[], ScriptedPeer]) -> _World:
    @contextlib.contextmanager
    def world(_folder: Path) -> Iterator[str]:
        with peer().in_a_thread() as running:
            yield destination(running.port)

    return world


def _rejecting(result: RejectResult, reason: RejectReason) -> _World:
    return _behaving(lambda: ScriptedPeer(reject=lambda _: AssociateReject(result, reason)))


def _answering(status: int) -> _World:
    return _behaving(lambda: ScriptedPeer(on_store=lambda _: status))


def _aborting(_: Stored) -> int:
    raise Abort


def _hanging(_: Stored) -> int:
    raise Silence


@contextlib.contextmanager
def _black_hole(_folder: Path) -> Iterator[str]:
    """Listen, but let nobody in: the queue is full, so packets are dropped as by a firewall."""
    with socket.socket() as listener, contextlib.ExitStack() as filling:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = filling.enter_context(socket.socket())
            client.settimeout(0)
            client.connect_ex(listener.getsockname())
        yield destination(listener.getsockname()[1])


def _with_tls(
    server: Callable[[TlsFiles], ssl.SSLContext],
    ours: Callable[[Path, TlsFiles], str],
    *,
    days: float = 1.0,
) -> _World:
    @contextlib.contextmanager
    def world(folder: Path) -> Iterator[str]:
        files = make_tls_files(folder, "archive", days=days)
        with ScriptedPeer().in_a_thread(server(files)) as peer:
            yield destination(peer.port, more=ours(folder, files))

    return world


def _trusted(_folder: Path, files: TlsFiles) -> str:
    return f'tls = {{ ca = "{files.ca}" }}'


def _strange(folder: Path, _files: TlsFiles) -> str:
    return f'tls = {{ ca = "{make_authority(folder, "other").certificate}" }}'


@contextlib.contextmanager
def _plain_peer_for_tls(folder: Path) -> Iterator[str]:
    files = make_tls_files(folder, "archive")
    with ScriptedPeer().in_a_thread() as peer:
        yield destination(peer.port, more=_trusted(folder, files))


def _send_compressed(gateway: Gateway) -> str:
    study = objects.instance_uid(5, 0)
    uid = f"{study}.1"
    front = objects.attributes(uid, study=study, series=f"{study}.1")
    item, end = struct.pack("<HHI", 0xFFFE, 0xE000, 1000), struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    empty = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    pixels = objects.header(objects.PIXEL_DATA, "OB", 0xFFFFFFFF) + empty
    content = front + pixels + item + objects.noise(1000, 1) + end
    return send(gateway, 1, syntax=_JPEG_BASELINE, data_set=content).uid


_ONLY_MR: Final = Policy(abstract_syntaxes=frozenset({VERIFICATION, MR_IMAGE_STORAGE}))
_ONLY_IMPLICIT: Final = Policy(
    abstract_syntaxes=frozenset({VERIFICATION, CT_IMAGE_STORAGE}),
    transfer_syntaxes=frozenset({IMPLICIT_VR}),
)

FAULTS: Final = (
    Fault(
        "the called AE title is wrong",
        ["called AE title not recognized"],
        ["ae_title", "[destinations.pacs]"],
        _rejecting(RejectResult.PERMANENT, UserReason.CALLED_AE_TITLE_NOT_RECOGNIZED),
    ),
    Fault(
        "our AE title is not known there",
        ["calling AE title not recognized"],
        ["register", "HILUM", "calling_ae_title"],
        _rejecting(RejectResult.PERMANENT, UserReason.CALLING_AE_TITLE_NOT_RECOGNIZED),
    ),
    Fault(
        "rejected for good, without a reason",
        ["permanent", "no reason given"],
        ["HILUM", "ARCHIVE"],
        _rejecting(RejectResult.PERMANENT, AcseReason.NO_REASON_GIVEN),
    ),
    Fault(
        "rejected for now",
        ["temporary congestion"],
        ["by itself"],
        _rejecting(RejectResult.TRANSIENT, PresentationReason.TEMPORARY_CONGESTION),
    ),
    Fault(
        "too many associations",
        ["local limit exceeded"],
        ["associations_max"],
        _rejecting(RejectResult.TRANSIENT, PresentationReason.LOCAL_LIMIT_EXCEEDED),
    ),
    Fault(
        "nothing listens on the port",
        ["connection refused"],
        ["running", "port"],
        as_world(destination(free_port())),
    ),
    Fault(
        "the host has no address",
        ["pacs.invalid", "resolved"],
        ["host", "[destinations.pacs]"],
        as_world(destination(104, host="pacs.invalid")),
    ),
    Fault(
        "a firewall drops everything",
        ["no connection within 2 s"],
        ["firewall"],
        _black_hole,
    ),
    Fault(
        "plain to a TLS port",
        ["closed the connection"],
        ["tls"],
        _with_tls(TlsFiles.server, lambda *_: ""),
    ),
    Fault("TLS to a plain port", ["TLS"], ["tls", "port"], _plain_peer_for_tls),
    Fault(
        "another authority signed its certificate",
        ["certificate", "trust"],
        ["ca", "[destinations.pacs"],
        _with_tls(TlsFiles.server, _strange),
    ),
    Fault(
        "its certificate has expired",
        ["certificate", "expired"],
        ["new certificate"],
        _with_tls(TlsFiles.server, _trusted, days=-10),
    ),
    Fault(
        "it wants a certificate of ours",
        ["closed the connection"],
        ["certificate", "key", "[destinations.pacs"],
        _with_tls(lambda files: files.server(client_ca=files.ca), _trusted),
    ),
    Fault(
        "it does not take the class",
        ["CT Image Storage", "does not support the SOP class"],
        ["drop", "route"],
        _behaving(lambda: ScriptedPeer(policy=_ONLY_MR)),
    ),
    Fault(
        "it does not take the transfer syntax",
        ["transfer syntax", "JPEG Baseline"],
        ["drop", "route"],
        _behaving(lambda: ScriptedPeer(policy=_ONLY_IMPLICIT)),
        act=_send_compressed,
    ),
    Fault("it is full", ["A700", "out of resources"], ["room", "by itself"], _answering(0xA700)),
    Fault(
        "it cannot understand the instance",
        ["C000", "cannot understand"],
        ["its log", "retry", "drop"],
        _answering(0xC000),
    ),
    Fault(
        "it says the data set does not match its class",
        ["A900", "does not match"],
        ["its log", "retry", "drop"],
        _answering(0xA900),
    ),
    Fault(
        "it has the UID already",
        ["0111", "duplic"],
        ["already_there", "drop"],
        _answering(0x0111),
    ),
    Fault(
        "it does not let us store",
        ["0124", "not authorised"],
        ["permission", "HILUM", "retry"],
        _answering(0x0124),
    ),
    Fault(
        "it aborts while it gets an instance",
        ["abort"],
        ["its log"],
        _behaving(lambda: ScriptedPeer(on_store=_aborting)),
    ),
    Fault(
        "it never answers",
        ["2 s"],
        ["response_timeout_seconds"],
        _behaving(lambda: ScriptedPeer(on_store=_hanging)),
    ),
)
