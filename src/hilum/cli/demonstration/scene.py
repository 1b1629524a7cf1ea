"""What every act of the demonstration has: a home, a stage, a clock, and the generated studies."""

from dataclasses import dataclass, field
from typing import Final

from hilum.cli.demonstration.gateway import Gateway
from hilum.cli.demonstration.home import Home
from hilum.cli.demonstration.modality import Modality
from hilum.cli.demonstration.stage import Stage
from hilum.cli.demonstration.studies import Generated
from hilum.destinations.dimse.address import Address
from hilum.kernel.clock import Clock
from hilum.kernel.names import UID, AETitle

GATEWAY: Final = AETitle("HILUM")
MODALITY: Final = AETitle("CT1")
HOST: Final = "127.0.0.1"


@dataclass(slots=True)
class Scene:
    """Handed from act to act; `known` and `acknowledged` grow."""

    home: Home
    stage: Stage
    clock: Clock
    known: dict[UID, Generated] = field(default_factory=dict)
    acknowledged: list[UID] = field(default_factory=list)

    def modality(self, gateway: Gateway) -> Modality:
        """Give the modality with the address of `gateway`."""
        return Modality(address_of(gateway), self.clock)


def address_of(gateway: Gateway, *, called: AETitle = GATEWAY) -> Address:
    """Give where `gateway` is, by its name or by another one."""
    return Address(HOST, gateway.dimse_port, called, MODALITY)


def named(address: Address) -> str:
    """Write an address as the commands take it."""
    return f"{address.called}@{address.place}"
