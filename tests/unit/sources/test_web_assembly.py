"""What stands behind the doors."""

import asyncio
import dataclasses

import pytest
from asgi_client import Client
from asgi_visit import AsgiVisit
from web_archive import WebArchive, match

from hilum.dicomweb.refusal import RequestRefused
from hilum.kernel.telemetry import Silence
from hilum.pipeline.entities import Entities, Entity
from hilum.query.level import Level
from hilum.service.web_front import Front
from hilum.sources.web.answering import refuse
from hilum.sources.web.assembly import OFFERED, Parts, Stock, doors_of, handlers_of
from hilum.sources.web.exchange import Reply
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


class Remote(WebArchive):
    """An archive of somebody else."""


def entity(title, archive, *, services=("store", "web"), through=""):
    return Entity(title.lower(), title, frozenset(services), archive, through)


def with_entities(*others, **replaced):
    found = parts()
    default = entity("HILUM", found.archive)
    faces = Entities(default, {one.ae_title: one for one in (default, *others)})
    return dataclasses.replace(found, entities=faces, **replaced)


def test_each_entity_with_web_has_a_root_of_its_own():
    bridge = entity("BRIDGE", Remote())
    closed = entity("DIMSE", Remote(), services=("find",))

    doors = doors_of(with_entities(bridge, closed))

    assert doors.keys() == {
        "/dicom-web", "/wado", "/fhir", "/aets/HILUM/rs", "/aets/BRIDGE/rs",
    }  # fmt: skip


def test_each_root_shows_what_its_archive_has():
    remote = Remote([match(Level.STUDY, study="1.9")])
    doors = doors_of(with_entities(entity("BRIDGE", remote)))

    here = Client(doors["/dicom-web"]).get("/dicom-web/studies").json()
    there = Client(doors["/aets/BRIDGE/rs"]).get("/aets/BRIDGE/rs/studies").json()

    assert here == []
    assert there[0]["0020000D"]["Value"] == ["1.9"]
    assert "/aets/BRIDGE/rs/studies/1.9" in there[0]["00081190"]["Value"][0]
    assert remote.askers[0].entity == "BRIDGE"


@pytest.mark.parametrize(
    ("method", "options", "reason"),
    [
        ("DELETE", {}, "deleted where it is held"),
        ("POST", {"services": ("web",)}, "takes no stores"),
        ("POST", {"through": "pacs"}, "no way to hand stores through"),
    ],
)
def test_what_an_entity_cannot_do_is_refused_and_not_announced(method, options, reason):
    root = "/aets/BRIDGE/rs"
    client = Client(doors_of(with_entities(entity("BRIDGE", Remote(), **options)))[root])

    answer = client.ask(method, f"{root}/studies/1.2")
    allowed = client.ask("OPTIONS", f"{root}/studies/1.2").headers[b"allow"].decode()
    described = client.get(root, headers={"accept": "application/json"}).content.decode()

    assert answer.status_code == 405
    assert reason in answer.json()["detail"]
    assert method not in answer.headers[b"allow"].decode().split(", ")
    assert method not in allowed.split(", ")
    assert f'"{method}"' not in described


def test_stores_of_an_entity_that_hands_them_on_go_another_way():
    async def through(_exchange, _resource):
        return Reply(200, "text/plain", b"handed on")

    bridge = entity("BRIDGE", Remote(), through="pacs")
    doors = doors_of(with_entities(bridge, through=lambda _: through))

    answer = Client(doors["/aets/BRIDGE/rs"]).post("/aets/BRIDGE/rs/studies")

    assert answer.content == b"handed on"


@pytest.mark.parametrize(("is_through", "ends"), [(True, True), (False, False)])
def test_only_what_is_handed_on_ends_when_its_sender_goes(is_through, ends):
    goes_on = asyncio.Event()
    begun = asyncio.Event()
    seen = []

    async def storing(_exchange, _resource):
        begun.set()
        await goes_on.wait()
        seen.append("done")
        return Reply(200)

    bridge = entity("BRIDGE", Remote(), through="pacs" if is_through else "")
    made = with_entities(bridge, storing=storing, through=lambda _: storing)
    root = "/aets/BRIDGE/rs"

    async def scenario():
        visit = AsgiVisit(doors_of(made)[root], f"{root}/studies", method="POST")
        await begun.wait()
        visit.leave()
        await asyncio.sleep(0)
        goes_on.set()
        await visit.end()

    asyncio.run(scenario())

    assert ("done" in seen) is not ends


def test_other_doors_can_be_opened_while_requests_are_served():
    console = Answering404()
    front = Front(with_entities(), console, lambda application: application)
    front.change(with_entities(entity("BRIDGE", Remote())))

    assert Client(front.application).get("/aets/BRIDGE/rs/studies").status_code == 200


class Answering404:
    async def __call__(self, scope, receive, send):
        await refuse(scope, receive, send, RequestRefused(404, "nothing"))


def test_gateways_like_us_and_nobody_else_hear_what_an_entity_goes_by():
    remote = Remote([match(Level.STUDY, study="1.9")])
    face, via = "fedcba9876543210", "0123456789abcdef"
    bridge = dataclasses.replace(entity("BRIDGE", remote), pseudonym=face)
    doors = doors_of(with_entities(bridge))
    root = "/aets/BRIDGE/rs"
    client = Client(doors[root])

    told = client.get(f"{root}/studies", headers={"Hilum-Via": via})
    met = client.ask("OPTIONS", f"{root}/studies", headers={"Hilum-Via": "?"})
    missing = client.get(f"{root}/studies/1.2", headers={"Hilum-Via": via})
    others = client.get(f"{root}/studies")
    ours = Client(doors["/dicom-web"]).get("/dicom-web/studies", headers={"Hilum-Via": via})

    assert [one.headers.get(b"hilum-face") for one in (told, met, missing)] == [face.encode()] * 3
    assert b"hilum-face" not in {**others.headers, **ours.headers}
    assert [one.via for one in remote.askers] == [(via, face), (via, face), (face,)]
