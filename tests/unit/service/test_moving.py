"""Who a C-MOVE can send to: what of the configuration counts, and what goes before what."""

from types import SimpleNamespace

from hilum.destinations.dimse.opening import dimse_destination
from hilum.destinations.dimse.settings import DimseDestinationSettings
from hilum.dimse.service.storage import MoveOriginator
from hilum.kernel.names import AETitle
from hilum.pipeline.archive.movers import Errand
from hilum.service.moving import ConfiguredMovers
from hilum.sources.dimse.settings import PeerSettings
from hilum.testing.payloads import MemoryPayloads

ERRAND = Errand(MoveOriginator("WS", 1), 0)


def movers(*, peers=(), destinations=()):
    payloads = MemoryPayloads()
    opened = {}
    for settings in destinations:
        values = DimseDestinationSettings(type="dimse", **settings)
        made = dimse_destination("one", values, calling=AETitle("HILUM"), payloads=payloads)
        opened[settings["ae_title"]] = SimpleNamespace(destination=made)
    return ConfiguredMovers(
        SimpleNamespace(
            opened=opened,
            peers={f"p{n}": PeerSettings(**peer) for n, peer in enumerate(peers)},
            title=AETitle("HILUM"),
            payloads=payloads,
        )
    )


def address_of(found, title):
    return found.find(title).session(ERRAND, ())._destination.address


def test_a_peer_with_host_and_port_can_be_sent_to():
    found = movers(peers=[{"ae_title": "WS", "host": ["10.0.0.0/8", "10.1.2.3"], "port": 104}])

    address = address_of(found, "WS")

    assert (address.host, address.port, address.called, address.calling) == (
        *("10.1.2.3", 104, "WS"),
        "HILUM",
    )


def test_who_says_no_port_or_no_host_is_not_known():
    found = movers(
        peers=[
            {"ae_title": "A", "host": ["10.1.2.3"]},
            {"ae_title": "B", "port": 104},
            {"ae_title": "C", "host": ["10.0.0.0/8"], "port": 104},
        ]
    )

    assert [found.find(title) for title in ("A", "B", "C", "D", "")] == [None] * 5


def test_a_destination_goes_before_a_peer_and_does_not_wait_for_commitment():
    found = movers(
        peers=[{"ae_title": "PACS", "host": ["10.1.2.3"], "port": 104}],
        destinations=[{"ae_title": "PACS", "host": "10.9.9.9", "port": 11112, "commitment": {}}],
    )

    session = found.find("PACS").session(ERRAND, ())

    assert session._destination.address.host == "10.9.9.9"
    assert session._destination.manner.commitment_seconds is None
