"""Faults between us and a DICOMweb server or a webhook: logins, addresses, TLS, answers."""

import contextlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from tests.support.tls_files import make_authority, make_tls_files
from trials.fault import EVERYTHING, PATIENCE, Fault, as_world, threaded

from hilum.dicomweb.store_result import FailedInstance, StoreResult, store_result_json
from hilum.testing.http_server import Reply, Request, ScriptedServer

_World = Callable[[Path], AbstractContextManager[str]]
_NOWHERE: Final = "cloud.invalid"  # a name that no resolver knows (RFC 6761 §6.4)
_JSON: Final = {"Content-Type": "application/dicom+json"}


def destination(url: str, *, more: str = "", kind: str = "dicomweb") -> str:
    """Write the configuration of a server that gets everything."""
    return f"""
[destinations.pacs]
type = "{kind}"
url = "{url}"
connect_timeout_seconds = 2
response_timeout_seconds = 3
{PATIENCE}
{more}
{EVERYTHING}"""


def _answering(
    status: int, *, kind: str = "dicomweb", headers: dict[str, str] | None = None
) -> _World:
    return _serving(lambda _: Reply(status, headers or {}), kind=kind)


def _serving(answer: Callable[[Request], Reply], *, kind: str = "dicomweb") -> _World:
    @contextlib.contextmanager
    def world(_folder: Path) -> Iterator[str]:
        with threaded(ScriptedServer(on_request=answer).listening()) as server:
            yield destination(f"http://127.0.0.1:{server.port}/dicom-web", kind=kind)

    return world


def _with_reason(reason: int) -> _World:
    def answer(request: Request) -> Reply:
        failed = {part.sop_instance_uid: FailedInstance(reason=reason) for part in request.parts}
        return Reply(409, _JSON, store_result_json(StoreResult(failed=failed)))

    return _serving(answer)


@contextlib.contextmanager
def _strange_certificate(folder: Path) -> Iterator[str]:
    files = make_tls_files(folder, "server")
    other = make_authority(folder, "other")
    with threaded(ScriptedServer().listening(files.server())) as server:
        ca = f'ca = "{other.certificate}"'
        yield destination(f"https://127.0.0.1:{server.port}/dicom-web", more=ca)


@contextlib.contextmanager
def _plain_to_tls(folder: Path) -> Iterator[str]:
    files = make_tls_files(folder, "server")
    with threaded(ScriptedServer().listening(files.server())) as server:
        yield destination(f"http://127.0.0.1:{server.port}/dicom-web")


@contextlib.contextmanager
def _expired_secret(_folder: Path) -> Iterator[str]:
    """Let the token endpoint refuse our client credentials (RFC 6749 §5.2)."""

    def answer(request: Request) -> Reply:
        if request.target == "/token":
            body = json.dumps({"error": "invalid_client"}).encode()
            return Reply(401, {"Content-Type": "application/json"}, body)
        return Reply(401)

    with threaded(ScriptedServer(on_request=answer).listening()) as server:
        root = f"http://127.0.0.1:{server.port}"
        auth = (
            f'auth = {{ type = "oauth2", token_url = "{root}/token", client_id = "hilum", '
            'client_secret = "not this one" }'
        )
        yield destination(f"{root}/dicom-web", more=auth)


FAULTS: Final = (
    Fault("STOW: 401", ["401"], ["auth", "[destinations.pacs]"], _answering(401)),
    Fault("STOW: 403", ["403"], ["permission", "[destinations.pacs]"], _answering(403)),
    Fault("STOW: the path is wrong", ["404", "/dicom-web"], ["url", "path"], _answering(404)),
    Fault(
        "STOW: it refuses the instance",
        ["C000", "cannot understand"],
        ["its log", "retry", "drop"],
        _with_reason(0xC000),
    ),
    Fault("STOW: it is full", ["A700", "out of resources"], ["room"], _with_reason(0xA700)),
    Fault("STOW: the instance is too large for it", ["413"], ["limit", "retry"], _answering(413)),
    Fault(
        "STOW: too many requests",
        ["429"],
        ["by itself", "rate"],
        _answering(429, headers={"Retry-After": "120"}),
    ),
    Fault("STOW: it is busy", ["503"], ["by itself"], _answering(503)),
    Fault("STOW: it fails", ["500"], ["its log"], _answering(500)),
    Fault(
        "STOW: another authority signed its certificate",
        ["certificate", "trust"],
        ["ca", "[destinations.pacs]"],
        _strange_certificate,
    ),
    Fault(
        "STOW: the host has no address",
        ["cloud.invalid", "resolved"],
        ["url", "[destinations.pacs]"],
        as_world(destination(f"http://{_NOWHERE}/dicom-web")),
    ),
    Fault(
        "STOW: the token endpoint refuses our secret",
        ["401", "token"],
        ["client_secret", "expired"],
        _expired_secret,
    ),
    Fault("STOW: HTTP to an HTTPS port", ["closed"], ["https"], _plain_to_tls),
    Fault("webhook: it fails", ["500"], ["its log"], _answering(500, kind="webhook")),
)
