"""A gateway in front of others that play archives, with a relay before each: for trials of bridges.

Archives hold the same studies, unless told otherwise; a bridge knows each over DIMSE and DICOMweb.
"""

import http.client
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, Self

from trials import objects, wire
from trials.gateway import Settings
from trials.relay import Relay
from trials.targets import GatewayTarget
from trials.trial import Options

DICOM: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
JSON: Final = "application/dicom+json"
OVER_DIMSE: Final = "OLD"  # the entity whose answers come over DIMSE
OVER_WEB: Final = "CLOUD"  # and over DICOMweb
ANSWER_SECONDS_MAX: Final = 30.0


def study_uid(number: int) -> str:
    """Give the UID of a study that archives hold."""
    return objects.instance_uid(9, number)


@dataclass(slots=True)
class Site:
    """An archive and the ways to it."""

    gateway: GatewayTarget
    dimse: Relay
    web: Relay

    @classmethod
    def start(cls, options: Options, name: str, opened: ExitStack) -> Self:
        """Start an archive that holds nothing."""
        gateway = options.make_gateway(name, Settings(durability="process", ae_title=name.upper()))
        opened.callback(gateway.kill)
        gateway.start()
        dimse = opened.enter_context(Relay(gateway.port))
        return cls(gateway, dimse, opened.enter_context(Relay(gateway.web_port)))

    @property
    def relays(self) -> tuple[Relay, Relay]:
        """Give both ways."""
        return self.dimse, self.web

    def fill(self, studies: Sequence[int], instances: int, size: int) -> None:
        """Store studies, and see that they are kept."""
        with wire.associated(self.gateway.port, self.gateway.called) as connection:
            for study in studies:
                for number in range(instances):
                    uid = objects.instance_uid(9, study, number)
                    content = objects.instance(
                        uid,
                        size=size,
                        seed=study * 1000 + number,
                        study=study_uid(study),
                        series=objects.instance_uid(9, study, 900),
                        patient_id=b"TRIAL-%d" % study,
                    )
                    answer = connection.store(uid, content)
                    assert answer == wire.SUCCESS, answer
            connection.release()

    def destinations(self, name: str) -> str:
        """Write the sections that a bridge needs."""
        return (
            f'[destinations.{name}]\ntype = "dimse"\nhost = "127.0.0.1"\nport = {self.dimse.port}\n'
            f'ae_title = "{self.gateway.called}"\n'
            f'[destinations.{name}-web]\ntype = "dicomweb"\n'
            f'url = "http://127.0.0.1:{self.web.port}/dicom-web"\n'
        )


def bridge(options: Options, sites: dict[str, Site], more: str = "") -> GatewayTarget:
    """Make a gateway whose entities answer from the first archive; it is not started."""
    first = next(iter(sites))
    sections = "".join(site.destinations(name) for name, site in sites.items())
    sections += (
        f'[entities.{OVER_DIMSE}]\nanswers = ["{first}"]\nstores = {{ through = "{first}" }}\n'
        f'[entities.{OVER_WEB}]\nanswers = ["{first}-web"]\n'
        f'stores = {{ through = "{first}-web" }}\n'
    )
    settings = Settings(durability="process", more=sections + more)
    return options.make_gateway("bridge", settings)


class Web:
    """One HTTP connection to an entity of a bridge."""

    def __init__(self, gateway: GatewayTarget, entity: str) -> None:
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", gateway.web_port, timeout=ANSWER_SECONDS_MAX
        )
        self._root = f"/aets/{entity}/rs"

    def ask(self, path: str, accept: str = DICOM) -> http.client.HTTPResponse:
        """Send a GET; give the answer when its head is there."""
        self.connection.request("GET", self._root + path, headers={"Accept": accept})
        return self.connection.getresponse()

    def begin(self, path: str, accept: str = DICOM) -> None:
        """Send a GET, and wait for nothing."""
        self.connection.request("GET", self._root + path, headers={"Accept": accept})

    def close(self) -> None:
        """Go away."""
        self.connection.close()


def timed(web: Web, path: str, accept: str = DICOM) -> tuple[float, int, bytes]:
    """Give how long an answer took, its status and its body."""
    began = time.monotonic()
    answer = web.ask(path, accept)
    body = answer.read()
    return time.monotonic() - began, answer.status, body
