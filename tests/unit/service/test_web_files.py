"""Instances straight from their files, through a door on a real connection."""

import asyncio

import uvloop
from web_retrieval import ROOT, WebRig

from hilum.service.web import WebServer, listen
from hilum.sources.web.settings import WebLimits
from hilum.testing.datasets import instance
from hilum.testing.payloads import MemoryPayloads

DICOM = b'multipart/related; type="application/dicom"; transfer-syntax=*'
META = b"behind this meta lies "


class FilePayloads(MemoryPayloads):
    """Payloads that also lie in files, behind a meta."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        self.given = 0

    def put(self, path, content):
        super().put(path, content)
        (self.folder / path).write_bytes(META + content)

    def open_payload(self, path):
        opened = super().open_payload(path)
        file = (self.folder / path).open("rb")

        def lies_at(offset, _size):
            self.given += 1
            return file.fileno(), len(META) + offset

        close = opened.close
        opened.lies_at = lies_at
        opened.close = lambda: (file.close(), close())
        return opened


async def got(port, path, accept):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = (b"GET %s HTTP/1.1" % path, b"Host: x", b"Accept: " + accept, b"Connection: close")
    writer.write(b"\r\n".join((*lines, b"", b"")))
    answer = await reader.read()
    writer.close()
    return answer


def test_a_study_comes_whole_from_its_files_and_a_frame_from_its_place(tmp_path):
    payloads = FilePayloads(tmp_path)
    rig = WebRig(payloads=payloads)
    made = [instance(seed=seed, pixel_bytes=300_000) for seed in range(3)]
    for one in made:
        rig.keep(one)
    study = f"{ROOT}/studies/{made[0].study_instance_uid}".encode()
    frame = f"{ROOT}/instances/{made[1].sop_instance_uid}/frames/1".encode()

    async def scenario():
        server = WebServer(rig.door, listen("127.0.0.1", 0), WebLimits())
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(server.run())
            whole = await got(server.port, study, DICOM)
            pixels = await got(server.port, frame, b"application/octet-stream")
            running.cancel()
        return whole, pixels

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        whole, pixels = runner.run(scenario())

    head, _, body = whole.partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(body) in head
    assert [body.count(one.data_set) for one in made] == [1, 1, 1]
    assert payloads.given == 4
    _, _, body = pixels.partition(b"\r\n\r\n")
    assert len(body) > 64_000
    assert made[1].data_set.count(body) == 1
    assert payloads.open_now == 0
