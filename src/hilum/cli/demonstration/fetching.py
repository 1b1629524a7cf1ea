"""The act of the archive: what is kept is found over HTTP, and fetched as it was sent."""

import asyncio
import http.client
import io
import json
from collections.abc import Iterable
from typing import Final

from hilum.cli.demonstration.gateway import Gateway
from hilum.cli.demonstration.scene import HOST, Scene
from hilum.cli.sending.words import count_of, duration_of
from hilum.dicom.part10 import read_file_meta
from hilum.kernel.errors import CorruptPayload, HilumError
from hilum.kernel.names import UID
from hilum.vault.hashing import Digest

_SECONDS_MAX: Final = 30.0
_SEARCH: Final = "/dicom-web/studies?ModalitiesInStudy=CT"
_AS_STORED: Final = "application/dicom; transfer-syntax=*"


async def show_fetching(scene: Scene, gateway: Gateway) -> None:
    """Act: find the studies with CT, and fetch every instance that was answered with success.

    Raises:
        HilumError: the gateway does not answer, or gives other bytes than it was sent.
    """
    stage, clock, port = scene.stage, scene.clock, gateway.web_port
    stage.act("What is kept is found, and fetched again")
    stage.command(f"curl 'http://{HOST}:{port}{_SEARCH}'")
    found = await asyncio.to_thread(_found, port)
    stage.done(
        f"{'1 study' if found == 1 else f'{found} studies'} with CT; `hilum find` asks over DICOM"
    )
    began = clock.monotonic()
    uids = dict.fromkeys(scene.acknowledged)
    with stage.waiting("Fetching …"):
        wrong = await asyncio.to_thread(_differing, scene, port, uids)
    if wrong:
        raise HilumError(
            f"{count_of(len(wrong), 'instance')} came back other than sent: {wrong[0]}"
        )
    stage.done(
        f"{count_of(len(uids), 'instance')} fetched over DICOMweb in "
        f"{duration_of(clock.monotonic() - began)}, byte for byte as the modality sent them"
    )


def _found(port: int) -> int:
    connection = http.client.HTTPConnection(HOST, port, timeout=_SECONDS_MAX)
    try:
        return len(json.loads(_get(connection, _SEARCH, "application/dicom+json")))
    finally:
        connection.close()


def _differing(scene: Scene, port: int, uids: Iterable[UID]) -> list[UID]:
    """Fetch instances and give those whose data sets are not what was sent."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_SECONDS_MAX)
    try:
        return [
            uid
            for uid in uids
            if _digest(_get(connection, f"/dicom-web/instances/{uid}", _AS_STORED))
            != scene.known[uid].digest
        ]
    finally:
        connection.close()


def _get(connection: http.client.HTTPConnection, path: str, accept: str) -> bytes:
    try:
        connection.request("GET", path, headers={"Accept": accept})
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise HilumError(f"the gateway does not answer over HTTP: {error}") from error
    if response.status != http.client.OK:
        raise HilumError(f"the gateway answers {response.status} to GET {path}")
    return content


def _digest(file: bytes) -> bytes:
    """Give the digest of the data set in a Part 10 file; of one that is none, none's."""
    try:
        meta = read_file_meta(io.BytesIO(file))
    except CorruptPayload:
        return b""
    return Digest(file[meta.data_set_offset :]).digest()
