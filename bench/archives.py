"""Archives that are asked: Hilum, Orthanc with its DICOMweb plugin, and DCMTK's dcmqrscp.

Each runs on a folder of its own, knows two move destinations, and lets the asker do everything.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from bench.forwarding import DICOMWEB_PLUGIN
from bench.receivers import CALLED, ORTHANC_TUNED, RunningProgram, find
from bench.receivers import orthanc as orthanc_receiver
from trials.gateway import Gateway, Settings
from trials.process_tree import ProcessTree

ASKER: Final = "BLAST"
# The titles of move destinations: one that acknowledges at once, and DCMTK with its defaults.
SINK: Final = "SINK"
DCMTK: Final = "STORESCP"
Destinations = Mapping[str, int]  # ports by AE title


class RunningArchive(Protocol):
    """An archive that answers."""

    port: int
    web_port: int  # 0: it does not know HTTP

    @property
    def tree(self) -> ProcessTree:
        """Its processes."""
        ...

    def stop(self) -> None:
        """End it in good order."""
        ...


@dataclass(frozen=True, slots=True)
class Archive:
    """A column of a comparison."""

    name: str
    start: Callable[[Path, Destinations], RunningArchive]
    needs: Sequence[Path | str] = ()
    has_web: bool = True

    def missing(self) -> str | None:
        """Say what is not installed, None when it can run."""
        for need in self.needs:
            if not (need.exists() if isinstance(need, Path) else find(need)):
                return f"{need} is not installed (make peers)"
        return None


# ---- Hilum ---------------------------------------------------------------------------------


class _Hilum:
    def __init__(self, folder: Path, settings: Settings) -> None:
        self._gateway = Gateway(folder, settings)
        self._gateway.start()
        self.port, self.web_port = self._gateway.port, self._gateway.web_port

    @property
    def tree(self) -> ProcessTree:
        return self._gateway.tree

    def stop(self) -> None:
        self._gateway.stop()


def _hilum(durability: str, *, has_payloads: bool = True) -> Archive:
    def start(folder: Path, destinations: Destinations) -> RunningArchive:
        peers = [_peer(title, port) for title, port in destinations.items()]
        # What has no payloads has nothing to read metadata from.
        peers += [] if has_payloads else ["[archive]\nmetadata_ahead = false\n"]
        more = "\n".join(peers)
        return _Hilum(folder, Settings(durability=durability, ae_title=CALLED, more=more))

    return Archive(f"hilum {durability}", start)


def _peer(title: str, port: int) -> str:
    return (
        f'[peers.{title.lower()}]\nae_title = "{title}"\nhost = "127.0.0.1"\nport = {port}\n'
        'may = ["echo"]\n'
    )


# ---- peers ---------------------------------------------------------------------------------


class _Orthanc:
    def __init__(self, folder: Path, destinations: Destinations, options: object) -> None:
        assert isinstance(options, dict)
        modalities = {title: [title, "127.0.0.1", port] for title, port in destinations.items()}
        asked = {
            "DicomModalities": {**modalities, ASKER: [ASKER, "127.0.0.1", 104]},
            "Plugins": [str(DICOMWEB_PLUGIN)],
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "LimitFindResults": 0,
            "KeepAlive": True,
        }
        self._running = orthanc_receiver("", **asked, **options).start(folder)
        self.port, self.web_port = self._running.port, self._running.port + 1

    @property
    def tree(self) -> ProcessTree:
        return self._running.tree

    def stop(self) -> None:
        self._running.stop()


def _orthanc(name: str, **options: object) -> Archive:
    return Archive(
        name,
        lambda folder, destinations: _Orthanc(folder, destinations, options),
        ("Orthanc", DICOMWEB_PLUGIN),
    )


_DCMQRSCP: Final = """\
MaxPDUSize = 131072
MaxAssociations = 16
HostTable BEGIN
{hosts}
HostTable END
AETable BEGIN
{called} {store} RW (100, 64gb) ANY
AETable END
"""


class _Dcmqrscp(RunningProgram):
    web_port = 0


def _start_dcmqrscp(folder: Path, destinations: Destinations) -> RunningArchive:
    store = folder / "store"
    store.mkdir(exist_ok=True)
    hosts = "\n".join(
        f"{title.lower()} = ({title}, localhost, {port})" for title, port in destinations.items()
    )
    config = folder / "dcmqrscp.cfg"
    config.write_text(_DCMQRSCP.format(hosts=hosts, called=CALLED, store=store))
    running = _Dcmqrscp(
        store, ["dcmqrscp", "-q", "-c", str(config), "{port}"], {"TCP_NODELAY": "1"}
    )
    running.start()
    return running


HILUM: Final = "hilum process"
HILUM_POWER: Final = "hilum power"
ORTHANC: Final = "orthanc tuned"
DCMQRSCP: Final = "dcmqrscp NODELAY"

# Full of payloads; and with a catalogue only.
ARCHIVES: Final = {
    archive.name: archive
    for archive in (
        _hilum("process"),
        _orthanc(ORTHANC, SyncStorageArea=False, **ORTHANC_TUNED),
        Archive(DCMQRSCP, _start_dcmqrscp, ("dcmqrscp",), has_web=False),
    )
}
CATALOGUES: Final = {
    archive.name: archive
    for archive in (
        _hilum("process", has_payloads=False),
        _hilum("power", has_payloads=False),
        _orthanc(ORTHANC, SyncStorageArea=False, **ORTHANC_TUNED),
    )
}
