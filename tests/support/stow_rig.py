"""A DICOMweb door with STOW-RS on a real intake, asked without a server."""

import asyncio
import json

from intake_bench import Bench

from hilum.dicom.part10 import file_meta
from hilum.dicomweb.resource import Delete, Store
from hilum.pipeline.deleting import Deleter
from hilum.pipeline.duplicates import DuplicatePolicy
from hilum.sources.web.arriving_body import NO_HURRY
from hilum.sources.web.caller import CALLER_STATE, EVERYTHING, HttpCaller
from hilum.sources.web.door import Face, WebDoor
from hilum.sources.web.removing import Removing
from hilum.sources.web.storing import Storing
from hilum.testing.datasets import instance

BOUNDARY = "b0undary"
MULTIPART = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
GONE = {"type": "http.disconnect"}


class Answered:
    def __init__(self, status, headers, content) -> None:
        self.status = status
        self.headers = headers
        self.content = content

    @property
    def json(self):
        return json.loads(self.content)

    def uids(self, sequence):
        items = self.json.get(sequence, {}).get("Value", [])
        return [item["00081155"]["Value"][0] for item in items if "00081155" in item]

    @property
    def stored(self):
        return self.uids("00081199")

    @property
    def failed(self):
        return {
            item["00081155"]["Value"][0]: item["00081197"]["Value"][0]
            for item in self.json.get("00081198", {}).get("Value", [])
        }

    @property
    def others(self):
        items = self.json.get("0008119A", {}).get("Value", [])
        return [item["00081197"]["Value"][0] for item in items]


class Rig:
    def __init__(
        self,
        root,
        *,
        synced=False,
        policy=DuplicatePolicy.KEEP_BOTH,
        limits=None,
        pace=NO_HURRY,
    ) -> None:
        self.bench = Bench(root, synced=synced, policy=policy)
        self.storing = Storing(
            self.bench.intake,
            spool=self.bench.vault.spool,
            limits=limits,
        )
        bench = self.bench
        self.deleter = Deleter.over(bench.ledger, bench.vault, bench.clock, bench.telemetry)
        self.door = WebDoor(
            Face("/dicom-web", "HILUM"),
            {Store: self.storing, Delete: Removing(self.deleter, may_nobody=False)},
            self.bench.telemetry,
            pace=pace,
        )
        self.bodies_read = 0
        self.gate = asyncio.Event()  # a client that waits before it sends more; open at first
        self.gate.set()

    async def __aenter__(self):
        self.bench.intake.start(asyncio.get_running_loop())
        return self

    async def __aexit__(self, *_):
        await self.bench.intake.stop()
        self.bench.ledger.close()
        self.bench.vault.close()

    async def store(
        self,
        body,
        content_type=MULTIPART,
        *,
        study="",
        step=1 << 18,
        headers=(),
        roles=EVERYTHING,
        is_cut=False,
    ):
        """Store; `is_cut`: the client goes away where the body ends."""
        pieces = [body[at : at + step] for at in range(0, len(body), step)] or [b""]
        asked = [{"type": "http.request", "body": one, "more_body": True} for one in pieces]
        if is_cut:
            asked.append(GONE)
        else:
            asked[-1]["more_body"] = False
        names = {"host": "pacs", "content-length": str(len(body)), **dict(headers)}
        if content_type:
            names["content-type"] = content_type
        path = "/dicom-web/studies" + (f"/{study}" if study else "")
        return await self._ask("POST", path, names, asked, roles)

    async def ask_by(self, receive):
        """Store what `receive` gives; give the messages that were sent."""
        sent = []

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "scheme": "http",
            "raw_path": b"/dicom-web/studies",
            "query_string": b"",
            "headers": [(b"content-type", MULTIPART.encode())],
        }
        await self.door(scope, receive, send)
        return sent

    async def delete(self, path, *, roles=EVERYTHING, name="ai", **headers):
        names = {"host": "pacs"} | {one.replace("_", "-"): text for one, text in headers.items()}
        return await self._ask("DELETE", f"/dicom-web{path}", names, [], roles, name)

    async def _ask(self, method, path, names, asked, roles, name="ai"):
        sent = []

        async def receive():
            self.bodies_read += 1
            await self.gate.wait()
            return asked.pop(0) if asked else GONE

        async def send(message) -> None:
            sent.append(message)

        await self.door(
            {
                "type": "http",
                "method": method,
                "scheme": "http",
                "raw_path": path.encode(),
                "query_string": b"",
                "headers": [(k.encode(), v.encode()) for k, v in names.items()],
                "client": ("10.0.0.7", 50000),
                "server": ("pacs", 80),
                "state": {CALLER_STATE: HttpCaller(name, "10.0.0.7", roles)},
            },
            receive,
            send,
        )
        if not sent:
            return None
        content = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
        told = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        return Answered(sent[0]["status"], told, content)

    def held(self):
        return sorted(uid for *_, uid in self.bench.ledger.payloads())

    def bytes_of(self, uid):
        """Give the file that is held; it ends with the data set."""
        (payload,) = self.bench.ledger.find([uid])[uid]
        return (self.bench.root / payload.path).read_bytes()


def file_of(generated):
    """Write an instance as a file."""
    return (
        file_meta(
            sop_class_uid=generated.sop_class_uid,
            sop_instance_uid=generated.sop_instance_uid,
            transfer_syntax_uid=generated.transfer_syntax_uid,
        )
        + generated.data_set
    )


def parts(*contents, content_type="application/dicom", ending=f"--{BOUNDARY}--\r\n"):
    """Put contents together as a body of parts."""
    head = f"--{BOUNDARY}\r\nContent-Type: {content_type}\r\n\r\n".encode()
    return b"".join(head + content + b"\r\n" for content in contents) + ending.encode()


def part(content, content_type, location=""):
    """Write one part of a body of several kinds."""
    place = f"Content-Location: {location}\r\n" if location else ""
    return (
        f"--{BOUNDARY}\r\nContent-Type: {content_type}\r\n{place}\r\n".encode() + content + b"\r\n"
    )


ENDING = f"--{BOUNDARY}--\r\n".encode()


def instances(count, **named):
    return [instance(seed=seed, **named) for seed in range(1, count + 1)]
