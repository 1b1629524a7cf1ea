"""What stands behind the doors."""

from web_archive import WebArchive

from hilum.kernel.telemetry import Silence
from hilum.sources.web.assembly import OFFERED, Parts, Stock, doors_of, handlers_of
from hilum.sources.web.settings import WebSourceSettings


def parts(entity="HILUM", **settings):
    return Parts(
        archive=WebArchive(),
        payloads=None,
        storing=None,
        deleter=None,
        studio=None,
        telemetry=Silence(),
        settings=WebSourceSettings(**settings),
        entity=entity,
        offset_of=None,
        version="0",
        date="2026-01-01",
    )


def test_what_is_told_to_be_offered_is_answered():
    found = parts()

    assert set(handlers_of(found, Stock.of(found))) == OFFERED


def test_the_default_entity_has_two_roots():
    assert {"/dicom-web", "/aets/MY%20GW/rs"} <= set(doors_of(parts("MY GW")))
