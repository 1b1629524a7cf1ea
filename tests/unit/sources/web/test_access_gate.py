"""Who is let in over HTTP, rule by rule, asked as a server would."""

import base64
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from access_rig import NOW, Rig, bearer

from hilum.kernel.errors import Unreachable
from hilum.sources.web.access import judge as judge_module
from hilum.sources.web.access import key_ring
from hilum.sources.web.access.events import CallerRefused, RefusalRepeated
from hilum.sources.web.caller import EVERYTHING

LOCAL = {"address": "127.0.0.1", "host": "localhost:8080"}
PATHS = (
    *("/", "/readyz", "/healthz", "/metrics", "/api/v1/queue", "/api/v1/openapi.json"),
    *("/dicom-web/studies", "/aets/HILUM/rs/studies", "/wado", "/fhir/ImagingStudy", "/livez/x"),
    *("/%61pi/v1/queue", "/api%2Fv1/queue", "//livez", "/LIVEZ", "/viewer/index.html"),
)


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "TRACE"])
@pytest.mark.parametrize("path", PATHS)
def test_who_is_elsewhere_and_has_nothing_to_show_sees_nothing(path, method):
    with_keys = Rig()
    with_keys.add_key()

    for rig, status in ((Rig(), 403), (with_keys, 401), (Rig(token="t" * 20), 401)):
        answer = rig.ask(path, method)
        assert answer.status_code == status
        if path.startswith("/fhir"):
            assert set(answer.json()) == {"resourceType", "issue"}
        else:
            assert set(answer.json()) == {"title", "status", "detail"}
        assert len(answer.content) < 130
        assert rig.callers == []


def test_livez_is_answered_to_everybody():
    assert Rig(callers_from="10.1.0.0/16").status("/livez", address="192.0.2.7") == 200


def test_without_any_key_programs_on_this_machine_may_do_everything():
    rig = Rig()

    for path in ("/dicom-web/studies", "/api/v1/queue", "/"):
        assert rig.status(path, "DELETE", **LOCAL) == 200
    assert {caller.roles for caller in rig.callers} == {EVERYTHING}


@pytest.mark.parametrize(
    "strange",
    [
        {"host": "evil.example.com"},
        {"host": ""},
        {"host": "localhost.evil.example.com"},
        {"x_forwarded_for": "10.0.0.5"},
        {"forwarded": "for=10.0.0.5"},
        {"x_real_ip": "127.0.0.1"},
        {"sec_fetch_site": "cross-site"},
        {"origin": "https://evil.example.com", "method": "POST"},
        {"origin": "null", "method": "DELETE"},
    ],
)
def test_this_machine_is_only_who_speaks_for_itself(strange):
    assert Rig().status(**{**LOCAL, **strange}) == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST"])
def test_this_machine_has_these_names(host):
    assert Rig().status(address="::1", host=host) == 200
    assert Rig().status(address="::ffff:127.0.0.1", host=host) == 200


def test_a_link_from_elsewhere_may_be_followed_and_nothing_else():
    visit = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}

    assert Rig().status("/viewer/", **LOCAL, **visit) == 200
    assert Rig().status("/viewer/", "POST", **LOCAL, **visit) == 403


@pytest.mark.parametrize(
    "configured",
    [
        {"token": "t" * 20},
        {"jwt": {"issuer": "https://login.example.com", "audience": ["hilum"]}},
        {"clients": {"viewer": {"certificate": ["CN=viewer"]}}},
        {"local_access": False},
    ],
)
def test_with_keys_about_this_machine_needs_one_too_unless_it_is_said(configured):
    assert Rig(**configured).status(**LOCAL) == 401
    assert Rig(**{**configured, "local_access": True}).status(**LOCAL) == 200


def test_the_first_key_closes_the_door_for_this_machine_and_stays_closed_when_it_ends():
    rig = Rig()
    rig.add_key(revoked_at=NOW)

    assert rig.status(**LOCAL) == 401
    assert rig.status("/metrics", **LOCAL) == 200


@pytest.mark.parametrize("how", ["authorization", "x_api_key", "basic"])
def test_a_key_is_taken_however_it_is_shown(how):
    rig = Rig()
    text = rig.add_key("viewer")
    shown = {
        "authorization": {"authorization": bearer(text)},
        "x_api_key": {"x_api_key": text},
        "basic": {"authorization": basic("anybody", text)},
    }[how]

    assert rig.status(**shown) == 200
    [caller] = rig.callers
    assert (caller.name, caller.address, caller.roles) == ("viewer", "10.0.0.5", {"read"})


@pytest.mark.parametrize(
    "shown",
    [
        {"authorization": "Bearer "},
        {"authorization": "Bearer hilum_00000000_" + "0" * 64},
        {"authorization": "Bearer x"},
        {"authorization": "Digest username=x"},
        {"authorization": "Basic !!!"},
        {"authorization": basic("a", "")},
        {"authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
        {"x_api_key": "hilum_\xe9"},
        {"authorization": "Bearer a.b.c"},
    ],
)
def test_what_is_not_right_is_401_and_says_how_to_log_in(shown):
    rig = Rig()
    rig.add_key()

    answer = rig.ask(**shown)

    assert answer.status_code == 401
    assert b"Basic realm" in answer.headers[b"www-authenticate"]
    [told] = rig.heard.events
    assert told.address == "10.0.0.5"


def test_a_key_with_another_secret_is_no_key():
    rig = Rig()
    text = rig.add_key()
    other = text[:-1] + ("0" if text[-1] != "0" else "1")

    assert rig.status(authorization=bearer(other)) == 401


def test_a_wrong_key_does_not_fall_back_to_what_this_machine_may():
    assert Rig(local_access=True).status(**LOCAL, authorization="Bearer x") == 401


def test_a_key_ends_when_it_expires():
    rig = Rig()
    text = rig.add_key(expires_at=NOW + timedelta(seconds=60))

    assert rig.status(authorization=bearer(text)) == 200
    rig.clock.seconds += 60
    assert rig.status(authorization=bearer(text)) == 401
    assert "expired" in rig.heard.events[0].reason


def test_a_revoked_key_ends_within_five_seconds_and_the_ledger_is_asked_seldom():
    rig = Rig()
    text = rig.add_key()
    for _ in range(20):
        assert rig.status(authorization=bearer(text)) == 200
    assert rig.reads == 1

    rig.keys[0] = replace(rig.keys[0], revoked_at=NOW)
    rig.clock.seconds += 4.9

    assert rig.status(authorization=bearer(text)) == 401


def test_keys_are_compared_in_constant_time(monkeypatch):
    compared = []

    def compare(given, kept):
        compared.append(len(given) == len(kept))
        return given == kept

    monkeypatch.setattr(key_ring.hmac, "compare_digest", compare)
    rig = Rig()
    known = rig.add_key()
    for text in (known, known[:-1] + "0", "hilum_ffffffff_" + "0" * 64, "nonsense"):
        rig.status(authorization=bearer(text))

    assert compared == [True] * 4


def test_a_ledger_that_cannot_be_read_lets_nobody_in():
    rig = Rig()
    text = rig.add_key()

    def fail():
        raise Unreachable("the disk is gone")

    rig._read = fail
    rig.judge._keys._read = fail

    answer = rig.ask(authorization=bearer(text))
    assert answer.status_code == 503
    assert b"disk" not in answer.content
    assert rig.status(**LOCAL) == 503
    assert rig.status("/livez") == 200


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/dicom-web/studies", "read"),
        ("HEAD", "/dicom-web/studies/1/metadata", "read"),
        ("GET", "/wado", "read"),
        ("GET", "/fhir/ImagingStudy", "read"),
        ("POST", "/fhir/ImagingStudy/_search", "read"),
        ("POST", "/dicom-web/studies", "write"),
        ("POST", "/aets/HILUM/rs/studies/1.2", "write"),
        ("POST", "/dicom-web/_search", "write"),
        ("PUT", "/dicom-web/workitems/1", "write"),
        ("DELETE", "/dicom-web/studies/1", "delete"),
        ("GET", "/api/v1/queue", "admin"),
        ("POST", "/api/v1/queue/drop", "admin"),
        ("GET", "/%61pi/v1/queue", "admin"),
        ("GET", "/api%2Fv1/queue", "admin"),
        ("GET", "/%2561pi/v1/queue", "read"),
    ],
)
def test_each_role_opens_its_own_and_nothing_else(method, path, role):
    rig = Rig()
    keys = {name: rig.add_key(name, roles=(name,)) for name in EVERYTHING}

    found = {name: rig.status(path, method, authorization=bearer(keys[name])) for name in keys}

    assert {name for name, status in found.items() if status == 200} == {role}
    assert set(found.values()) == {200, 403}


def test_a_refused_role_is_named_to_who_is_known():
    rig = Rig()
    text = rig.add_key()

    answer = rig.ask(method="DELETE", authorization=bearer(text))

    assert json.loads(answer.content)["detail"] == "That needs the role delete."


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/aets/RESEARCH/rs/studies", 200),
        ("/aets/A%2FB/rs/studies", 200),
        ("/aets/HILUM/rs/studies", 403),
        ("/aets/RESEARCH%2F..%2FHILUM/rs/studies", 403),
        ("/dicom-web/studies", 403),
        ("/wado", 403),
        ("/fhir/ImagingStudy", 403),
        ("/", 403),
        ("/metrics", 200),
        ("/viewer/viewer.js", 200),
    ],
)
def test_a_key_of_an_entity_opens_its_root_only(path, status):
    rig = Rig()
    text = rig.add_key(entities=("RESEARCH", "A/B"))

    assert rig.status(path, authorization=bearer(text)) == status


@pytest.mark.parametrize("path", ["/dicom-web/studies", "/wado", "/fhir/ImagingStudy"])
def test_the_default_root_is_the_entity_of_the_gateways_title(path):
    rig = Rig()
    text = rig.add_key(entities=("HILUM",))

    assert rig.status(path, authorization=bearer(text)) == 200


def test_a_key_of_a_network_is_of_use_only_there():
    rig = Rig()
    shown = {"authorization": bearer(rig.add_key(networks=("10.1.0.0/16",)))}

    assert rig.status(address="10.1.2.3", **shown) == 200
    assert rig.status(address="10.2.2.3", **shown) == 403


def test_addresses_that_may_not_call_are_refused_with_a_key_too():
    rig = Rig(callers_from=["10.1.0.0/16"])
    shown = {"authorization": bearer(rig.add_key())}

    assert rig.status(address="10.1.2.3", **shown) == 200
    assert rig.status(address="10.2.2.3", **shown) == 403
    assert rig.status(**LOCAL, **shown) == 200


def test_health_and_metrics_are_for_this_machine_and_who_is_named():
    rig = Rig(token="t" * 20, metrics_from="10.1.2.7")

    for path in ("/metrics", "/readyz", "/healthz"):
        assert rig.status(path, **LOCAL) == 200
        assert rig.status(path, address="10.1.2.7") == 200
        assert rig.status(path, address="10.1.2.8") == 401
    assert rig.status("/dicom-web/studies", address="10.1.2.7") == 401


def test_behind_a_trusted_proxy_the_address_is_the_callers():
    rig = Rig(trusted_proxies=["10.9.9.9", "127.0.0.1"], callers_from="10.1.0.0/16")
    shown = {"authorization": bearer(rig.add_key())}

    assert rig.status(address="10.9.9.9", x_forwarded_for="10.1.2.3", **shown) == 200
    assert rig.callers[-1].address == "10.1.2.3"
    assert rig.status(address="10.9.9.9", x_forwarded_for="10.1.2.3, 10.2.0.1", **shown) == 403
    assert rig.status(address="10.7.7.7", x_forwarded_for="10.1.2.3", **shown) == 403


def test_a_trusted_proxy_on_this_machine_is_not_this_machine():
    rig = Rig(trusted_proxies="127.0.0.1")

    assert rig.status(**LOCAL) == 403
    assert rig.status(**LOCAL, x_forwarded_for="127.0.0.1") == 403


def test_the_token_of_the_configuration_opens_everything_from_anywhere():
    rig = Rig(token="t" * 20)

    for path in ("/api/v1/queue", "/dicom-web/studies"):
        assert rig.status(path, "DELETE", authorization=bearer("t" * 20)) == 200
        assert rig.status(path, authorization=bearer("u" * 20)) == 401


def test_log_ins_that_fail_are_slowed_and_told_of_only_now_and_then():
    rig = Rig(token="t" * 20)
    key = rig.add_key()

    found = [rig.status(authorization=bearer("x" * 20)) for _ in range(50)]

    assert found == [401] * judge_module.FAILURES_AT_ONCE + [429] * 40
    kinds = [type(event) for event in rig.heard.events]
    told = judge_module.FAILURES_AT_ONCE + judge_module.TELLINGS_AT_ONCE
    assert kinds.count(CallerRefused) == len(rig.audited) == told
    assert kinds.count(RefusalRepeated) == 50 - told
    # What can be guessed is not looked at; a key cannot, so an honest neighbour goes on.
    assert rig.status(authorization=bearer("t" * 20)) == 429
    assert rig.status(authorization=bearer(key)) == 200
    assert rig.status(authorization=bearer("t" * 20), address="10.0.0.6") == 200
    rig.clock.seconds += 3600
    assert rig.status(authorization=bearer("t" * 20)) == 200


def test_who_shows_nothing_is_told_of_a_few_times_and_keeps_no_neighbour_from_logging_in():
    rig = Rig(token="t" * 20)

    for _ in range(50):
        assert rig.status() == 401

    assert len(rig.audited) == judge_module.TELLINGS_AT_ONCE
    assert rig.status(authorization=bearer("t" * 20)) == 200


def test_many_addresses_together_cannot_fill_the_audit_trail():
    rig = Rig(token="t" * 20)

    for number in range(300):
        rig.status(address=f"10.0.{number // 250}.{number % 250}", authorization="Bearer guess")

    assert len(rig.audited) == judge_module.ALL_TELLINGS_AT_ONCE


def test_an_ipv6_house_is_one_caller_that_guesses():
    rig = Rig(token="t" * 20)

    found = [
        rig.status(address=f"2001:db8:1:2::{number:x}", authorization="Bearer guess")
        for number in range(1, 30)
    ]

    assert found.count(401) == judge_module.FAILURES_AT_ONCE
    assert rig.status(address="2001:db8:1:3::1", authorization="Bearer guess") == 401


def test_a_refusal_is_audited_and_never_with_what_was_shown():
    rig = Rig()
    text = rig.add_key("viewer")
    rig.status(method="DELETE", authorization=bearer(text))
    rig.status(authorization="Bearer not-the-secret")

    first, second = rig.audited
    assert (first.event, first.outcome, first.origin.peer) == (
        "request refused",
        "refused",
        "viewer",
    )
    assert second.origin.host == "10.0.0.5"
    everything = repr(rig.audited) + repr(rig.heard.events)
    assert "not-the-secret" not in everything
    assert text not in everything


def test_an_audit_record_that_cannot_be_written_is_told():
    rig = Rig()

    def fail(_):
        raise Unreachable("the disk is gone")

    rig.application._audit = fail

    assert rig.status() == 403
    assert "disk" in rig.heard.events[-1].reason


def test_who_asks_too_often_is_told_when_to_come_back():
    rig = Rig(requests_per_second=2)
    one, other = bearer(rig.add_key("one")), bearer(rig.add_key("other"))

    found = [rig.ask(authorization=one) for _ in range(11)]

    assert [answer.status_code for answer in found] == [200] * 10 + [429]
    assert found[-1].headers[b"retry-after"] == b"1"
    assert rig.status(authorization=other) == 200
    rig.clock.seconds += 0.5
    assert rig.status(authorization=one) == 200


def test_a_certificate_stands_for_its_client():
    rig = Rig(clients={"viewer": {"certificate": ["DNS=viewer.example.com"], "roles": ["write"]}})
    shown = {"state": {"hilum.certificate": frozenset({"DNS=viewer.example.com", "CN=x"})}}

    assert with_state(rig, shown, "POST") == 200
    assert rig.callers[-1].name == "viewer"
    assert with_state(rig, shown, "GET") == 403
    assert with_state(rig, {"state": {"hilum.certificate": frozenset({"CN=other"})}}, "POST") == 401
    assert with_state(rig, {}, "POST") == 401


def test_a_page_from_elsewhere_cannot_use_a_certificate_or_password_of_a_browser():
    rig = Rig(
        clients={"viewer": {"certificate": ["CN=viewer"], "roles": ["write"]}},
        cors_origins=["https://pacs.example.com"],
    )
    shown = {"state": {"hilum.certificate": frozenset({"CN=viewer"})}}
    key = rig.add_key(roles=("write",))

    assert with_state(rig, shown, "POST", origin="https://evil.example.com") == 403
    assert with_state(rig, shown, "POST", origin="https://pacs.example.com") == 200
    assert with_state(rig, shown, "POST", origin="https://gw.example.com") == 200
    evil = {"method": "POST", "origin": "https://evil.example.com"}
    assert rig.status(**evil, authorization=basic("u", key)) == 403
    assert rig.status(**evil, authorization=bearer(key)) == 200


def with_state(rig, more, method, **headers):
    """Ask over a connection of which something is known."""
    gate = rig.application

    async def with_more(scope, receive, send):
        await gate({**scope, **more}, receive, send)

    rig.application = with_more
    try:
        return rig.status("/dicom-web/studies", method, host="gw.example.com", **headers)
    finally:
        rig.application = gate


@pytest.mark.parametrize("path", ["/", "/api/v1/queue", "/dicom-web/studies", "/aets/A/rs/studies"])
def test_a_refusal_is_a_problem_document_with_the_headers_of_its_status(path):
    rig = Rig()
    rig.add_key()

    answer = rig.ask(path)

    assert answer.headers[b"content-type"] == b"application/problem+json"
    assert answer.json() == {
        "title": "Unauthorized",
        "status": 401,
        "detail": "A valid key or token is needed.",
    }
    assert b"www-authenticate" in answer.headers


@pytest.mark.parametrize(
    ("accept", "version"),
    [
        ("application/fhir+json", b"4.0"),
        ("application/fhir+json; fhirVersion=5.0", b"5.0"),
        ("application/fhir+xml", b"4.0"),
    ],
)
def test_clients_of_fhir_are_refused_by_an_outcome(accept, version):
    rig = Rig()
    rig.add_key()

    answer = rig.ask("/fhir/ImagingStudy", accept=accept)

    assert answer.status_code == 401
    assert b"application/fhir+json; fhirVersion=" + version in answer.headers[b"content-type"]
    [issue] = answer.json()["issue"]
    assert (issue["severity"], issue["code"]) == ("error", "login")
    assert issue["diagnostics"] == "A valid key or token is needed."
    assert b"www-authenticate" in answer.headers


def test_a_client_of_fhir_that_asks_too_often_is_told_when_to_come_again():
    rig = Rig(requests_per_second=0.1)
    rig.status("/fhir/metadata", **LOCAL)

    answer = rig.ask("/fhir/metadata", **LOCAL)

    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (429, "throttled")
    assert int(answer.headers[b"retry-after"]) >= 1
