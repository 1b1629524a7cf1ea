"""Pages in browsers, proxies, other machines: who may read what DICOMweb answers."""

import pytest
from access_rig import Rig
from asgi_client import Client

from hilum.service.web_front import WebFront
from hilum.sources.web.cors import Cors
from hilum.sources.web.origins import origin_of
from hilum.sources.web.proxies import caller_address, proxies_of

PAGE = "https://viewer.example.org"


async def answers(scope, _receive, send):
    found = scope.get("state", {}).get("hilum.caller")
    body = f"{scope['raw_path'].decode()} {found.address if found else ''}".encode()
    headers = [(b"x-body", b"1")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


PREFLIGHT = {
    "origin": PAGE,
    "access-control-request-method": "GET",
    "access-control-request-headers": "authorization",
}


def test_a_page_that_is_allowed_may_ask_with_authorization_and_read_the_answer():
    client = Client(Cors(Rig(behind=answers).application, [PAGE]), address="10.0.0.1")

    allowed = client.ask("OPTIONS", "/dicom-web/studies", headers=PREFLIGHT)
    local = Client(Cors(answers, [PAGE])).get("/dicom-web/studies", headers={"origin": PAGE})

    assert allowed.status_code == 204
    assert allowed.headers[b"access-control-allow-origin"].decode() == PAGE
    assert b"Authorization" in allowed.headers[b"access-control-allow-headers"]
    assert b"DELETE" in allowed.headers[b"access-control-allow-methods"]
    assert local.headers[b"access-control-allow-origin"].decode() == PAGE
    assert b"Warning" in local.headers[b"access-control-expose-headers"]
    assert local.headers[b"vary"] == b"Origin"


@pytest.mark.parametrize("origins", [[], ["https://other.example.org"]])
def test_no_other_page_may(origins):
    client = Client(Cors(answers, origins))

    answer = client.ask("OPTIONS", "/dicom-web/studies", headers=PREFLIGHT)

    assert b"access-control-allow-origin" not in answer.headers


def test_any_page_may_where_that_is_set():
    answer = Client(Cors(answers, ["*"])).get("/x", headers={"origin": PAGE})

    assert answer.headers[b"access-control-allow-origin"].decode() == PAGE


@pytest.mark.parametrize("text", ["viewer.example.org", "https://x/y", "null", "https://a b"])
def test_what_is_no_origin_is_refused(text):
    with pytest.raises(ValueError, match="no origin"):
        origin_of(text)


def test_an_origin_is_kept_as_browsers_write_it():
    assert origin_of("HTTPS://Viewer.example.org/") == PAGE


PROXY = "10.1.2.5"


@pytest.mark.parametrize(
    ("address", "host", "headers", "status"),
    [
        ("127.0.0.1", "localhost:8080", {}, 200),
        ("::1", "[::1]:8080", {}, 200),
        ("127.0.0.1", "evil.example.org", {}, 403),
        ("10.0.0.9", "localhost", {}, 403),
        ("127.0.0.1", "localhost", {"x-forwarded-for": "127.0.0.1"}, 403),
        ("127.0.0.1", "localhost", {"forwarded": "for=10.0.0.9"}, 403),
        (PROXY, "pacs", {"x-forwarded-for": "10.0.0.9"}, 403),
        (PROXY, "pacs", {}, 403),
        (PROXY, "pacs", {"x-forwarded-for": "127.0.0.1"}, 403),
    ],
)
def test_without_rules_only_this_machine_is_answered(address, host, headers, status):
    application = Rig(behind=answers, trusted_proxies=PROXY).application

    answer = Client(application, address=address, host=host).get("/x", headers=headers)

    assert answer.status_code == status
    assert status == 200 or answer.json()["detail"] == "Not allowed."


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        ({"x-forwarded-for": "1.1.1.1, 2.2.2.2, 10.1.2.5"}, "2.2.2.2"),
        ({"x-forwarded-for": "2.2.2.2:55"}, "2.2.2.2"),
        ({"forwarded": 'for="[2001:db8::1]:4711";proto=https'}, "2001:db8::1"),
        ({"forwarded": "for=_hidden"}, ""),
        ({"x-real-ip": "2.2.2.2"}, "2.2.2.2"),
        ({}, PROXY),
    ],
)
def test_behind_trusted_proxies_the_caller_is_who_called_the_first_of_them(headers, caller):
    assert caller_address(PROXY, headers, proxies_of(["10.1.2.0/24"])) == caller


def test_what_a_stranger_says_of_himself_is_not_believed():
    headers = {"x-forwarded-for": "127.0.0.1"}

    assert caller_address("10.0.0.9", headers, proxies_of([PROXY])) == "10.0.0.9"


def of(name):
    async def application(scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": name + b" " + scope["raw_path"]})

    return application


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/dicom-web/studies", b"web /dicom-web/studies"),
        ("/dicom-web", b"web /dicom-web"),
        ("/dicom-webs", b"console /dicom-webs"),
        ("/livez", b"console /livez"),
        ("/", b"console /"),
        ("/aets/MY%20GW/rs/studies", b"entity /aets/MY%20GW/rs/studies"),
        ("/aets/M%59%20GW/rs", b"entity /aets/MY%20GW/rs"),
    ],
)
def test_each_path_has_its_door(path, answer):
    front = WebFront({"/dicom-web": of(b"web"), "/aets/MY%20GW/rs": of(b"entity")}, of(b"console"))

    assert Client(front).get(path).content == answer


@pytest.mark.parametrize("path", ["/aets", "/aets/", "/aets/OTHER/rs/studies", "/aets/MY%20GW/x"])
def test_entities_that_are_not_there_are_not_found(path):
    front = WebFront({"/aets/MY%20GW/rs": of(b"entity")}, of(b"console"))

    assert Client(front).get(path).status_code == 404
