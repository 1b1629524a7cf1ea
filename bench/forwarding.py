"""Store and forward: sinks that count what arrives, and gateways that send all of it on to them."""

import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.receivers import BUILD, ORTHANC_TUNED, Running, RunningGateway, RunningProgram, find
from bench.receivers import orthanc as orthanc_receiver

# What the sinks write: arrivals.h.
_ARRIVALS: Final = struct.Struct("qq")
# Nothing new for so long: the rest will not come.
_STALLED_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.005
DICOMWEB_PLUGIN: Final = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How many instances a sink got, and when the last one came (`time.monotonic`)."""

    count: int
    last: float


class Sink:
    """A C sink that runs: `dimse` (csink) or `stow` (stowsink)."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.store = folder / "store"
        self.store.mkdir(parents=True)
        self._arrivals = folder / "arrivals"
        arguments = {
            "dimse": [str(BUILD / "csink"), "{port}", "{folder}", str(self._arrivals)],
            "stow": [str(BUILD / "stowsink"), "{port}", str(self._arrivals)],
        }[kind]
        self._program = RunningProgram(self.store, arguments).start()
        self.port = self._program.port

    def arrivals(self) -> Arrivals:
        """Tell what has arrived by now."""
        count, nanoseconds = _ARRIVALS.unpack(self._arrivals.read_bytes())
        return Arrivals(count, nanoseconds / 1e9)

    def stop(self) -> None:
        """End it."""
        self._program.stop()


def wait_for_all(sinks: Sequence[Sink], count: int) -> Sequence[Arrivals]:
    """Wait until each of `sinks` has got `count` instances, or nothing comes any more."""
    seen, progressed_at = [sink.arrivals() for sink in sinks], time.monotonic()
    while any(one.count < count for one in seen):
        time.sleep(_LOOK_SECONDS)
        now = [sink.arrivals() for sink in sinks]
        if now != seen:
            seen, progressed_at = now, time.monotonic()
        elif time.monotonic() - progressed_at > _STALLED_SECONDS:
            break
    return seen


@dataclass(frozen=True, slots=True)
class Forwarder:
    """A gateway that sends on to `sinks` all it is given."""

    start: Callable[[Path, Sequence[Sink]], Running]
    needs: str = ""

    def missing(self) -> str | None:
        """Say what is not installed, None when it can run."""
        if self.needs and find(self.needs) is None:
            return f"{self.needs} is not installed (make peers)"
        return None


# ---- Hilum ---------------------------------------------------------------------------------


def hilum(durability: str, workers: int = 1) -> Forwarder:
    """Give Hilum with its defaults and one route to all sinks."""

    def start(folder: Path, sinks: Sequence[Sink]) -> Running:
        return RunningGateway(folder, durability=durability, workers=workers, more=_routed(sinks))

    return Forwarder(start)


def _routed(sinks: Sequence[Sink]) -> str:
    names = ", ".join(f'"sink{number}"' for number in range(len(sinks)))
    tables = [_destination(number, sink) for number, sink in enumerate(sinks)]
    return "\n".join([*tables, "[[routes]]", 'name = "everything"', f"to = [{names}]"])


def _destination(number: int, sink: Sink) -> str:
    lines = {
        "dimse": f'type = "dimse"\nhost = "127.0.0.1"\nport = {sink.port}\nae_title = "SINK"',
        "stow": f'type = "dicomweb"\nurl = "http://127.0.0.1:{sink.port}/dicom-web"',
    }
    return f"[destinations.sink{number}]\n{lines[sink.kind]}\n"


# ---- Orthanc -------------------------------------------------------------------------------

# The usual way to have Orthanc send on what it gets; what it sent itself it does not send again.
_ON_STORED: Final = """\
function OnStoredInstance(id, tags, metadata, origin)
  if origin["RequestOrigin"] ~= "Lua" then
{actions}
  end
end
"""
_ACTIONS: Final = {
    "dimse": '    SendToModality(id, "{name}")',
    "stow": (
        '    RestApiPost("/dicom-web/servers/{name}/stow", '
        '\'{{"Resources":["\' .. id .. \'"],"Synchronous":false}}\')'
    ),
}


def orthanc(**options: object) -> Forwarder:
    """Give Orthanc with a Lua script that forwards."""

    def start(folder: Path, sinks: Sequence[Sink]) -> Running:
        script = folder / "forward.lua"
        actions = [
            _ACTIONS[sink.kind].format(name=f"sink{number}") for number, sink in enumerate(sinks)
        ]
        script.write_text(_ON_STORED.format(actions="\n".join(actions)))
        forwarding = {"LuaScripts": [str(script)], **_known(sinks), **options}
        return orthanc_receiver("", **forwarding).start(folder)

    return Forwarder(start, "Orthanc")


def _known(sinks: Sequence[Sink]) -> Mapping[str, object]:
    modalities: dict[str, object] = {}
    servers: dict[str, object] = {}
    for number, sink in enumerate(sinks):
        if sink.kind == "dimse":
            modalities[f"sink{number}"] = ["SINK", "127.0.0.1", sink.port]
        else:
            # Chunked transfers and HTTP/1.1 are what it does by default.
            servers[f"sink{number}"] = {"Url": f"http://127.0.0.1:{sink.port}/dicom-web/"}
    options: dict[str, object] = {"DicomModalities": modalities}
    if servers:
        options["Plugins"] = [str(DICOMWEB_PLUGIN)]
        options["DicomWeb"] = {"Servers": servers, "StowMaxInstances": 50}
    return options


FORWARDERS: Final = {
    "hilum process": hilum("process"),
    "hilum process 2 workers": hilum("process", 2),
    "hilum power": hilum("power"),
    "hilum power 2 workers": hilum("power", 2),
    "orthanc default": orthanc(),
    "orthanc tuned": orthanc(SyncStorageArea=False, **ORTHANC_TUNED),
    "orthanc tuned sync": orthanc(SyncStorageArea=True, **ORTHANC_TUNED),
}
