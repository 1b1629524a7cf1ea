"""Searches over HTTP: what is asked, what is answered, and what is said of the rest."""

import asyncio
import json
import zlib

import pytest
from asgi_client import Client
from web_archive import WebArchive, match

from hilum.dicom.tags import STUDY_INSTANCE_UID
from hilum.dicomweb.resource import Search
from hilum.kernel.telemetry import Silence
from hilum.query.level import Level
from hilum.sources.web import results
from hilum.sources.web.door import Face, WebDoor
from hilum.sources.web.searching import Searching

STUDIES = [match(Level.STUDY, study=f"1.2.{at}") for at in range(1, 6)]
ROOT = "http://localhost/dicom-web"


def client(archive, *, limit_max=100, empty_status=200, is_proxy=lambda _: False):
    searching = Searching(archive, limit_max=limit_max, empty_status=empty_status)
    return Client(
        WebDoor(Face("/dicom-web", "HILUM"), {Search: searching}, Silence(), is_proxy=is_proxy)
    )


def uids(answer, tag=STUDY_INSTANCE_UID):
    return [one[f"{tag:08X}"]["Value"][0] for one in answer.json()]


def warning(answer):
    return answer.headers.get(b"warning", b"").decode()


@pytest.mark.parametrize(
    ("path", "level", "url"),
    [
        ("/studies", Level.STUDY, "/studies/1.2.3"),
        ("/series", Level.SERIES, "/studies/1.2.3/series/1.2.3.4"),
        ("/studies/1.2.3/series", Level.SERIES, "/studies/1.2.3/series/1.2.3.4"),
        ("/instances", Level.IMAGE, "/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5"),
        ("/series/1.2.3.4/instances", Level.IMAGE,
         "/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5"),
        ("/studies/1.2.3/instances", Level.IMAGE,
         "/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5"),
        ("/studies/1.2.3/series/1.2.3.4/instances", Level.IMAGE,
         "/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5"),
    ],
)  # fmt: skip
def test_each_resource_is_searched_at_its_level_and_says_where_what_it_found_is(path, level, url):
    archive = WebArchive([match(one) for one in Level])

    [found] = client(archive).get(f"/dicom-web{path}").json()

    assert archive.queries[0].level == level
    assert found["00081190"]["Value"] == [ROOT + url]


def test_patients_are_found_and_have_no_address():
    [found] = client(WebArchive([match(Level.PATIENT)])).get("/dicom-web/patients").json()

    assert found["00100010"]["Value"] == [{"Alphabetic": "Doe^Jane"}]
    assert "00081190" not in found


def test_what_no_path_can_name_has_no_address():
    archive = WebArchive([match(Level.STUDY, study=""), match(Level.SERIES, study="no UID")])

    [study] = client(archive).get("/dicom-web/studies").json()
    [series] = client(archive).get("/dicom-web/series").json()

    assert "00081190" not in study
    assert series["00081190"]["Value"] == [f"{ROOT}/series/1.2.3.4"]


def test_nothing_that_is_found_is_an_empty_list():
    answer = client(WebArchive()).get("/dicom-web/studies")

    assert (answer.status_code, answer.content) == (200, b"[]")


def test_nothing_that_is_found_is_no_content_where_that_is_set():
    answer = client(WebArchive(), empty_status=204).get("/dicom-web/studies")

    assert (answer.status_code, answer.content) == (204, b"")
    assert b"content-length" not in answer.headers


def test_what_is_behind_a_page_is_told():
    archive = WebArchive(STUDIES)

    page = client(archive).get("/dicom-web/studies", params={"limit": 2, "offset": 1})

    assert uids(page) == ["1.2.2", "1.2.3"]
    assert warning(page) == f"299 {ROOT}: There are additional results that can be requested"
    assert archive.open == 0


def test_the_last_page_says_nothing():
    page = client(WebArchive(STUDIES)).get("/dicom-web/studies", params={"limit": 2, "offset": 3})

    assert uids(page) == ["1.2.4", "1.2.5"]
    assert warning(page) == ""


def test_a_client_that_wants_all_is_told_when_it_does_not_get_all():
    page = client(WebArchive(STUDIES), limit_max=3).get(
        "/dicom-web/studies", params={"limit": 1_000_000}
    )

    assert len(uids(page)) == 3
    assert "additional results" in warning(page)


def test_what_is_not_searched_for_is_named_without_its_value():
    archive = WebArchive(STUDIES, ignored=(0x00081030,))

    answer = client(archive).get(
        "/dicom-web/studies", params={"StudyDescription": "secret*", "Nonsense": "x"}
    )

    assert "StudyDescription is not searched for and was ignored" in warning(answer)
    assert "Nonsense" in warning(answer)
    assert "secret" not in warning(answer)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=-1", "limit"),
        ("offset=x", "offset"),
        ("fuzzymatching=perhaps", "fuzzymatching"),
        ("limit=1&limit=2", "limit"),
        ("StudyDate=yesterday-", "StudyDate"),
        ("StudyInstanceUID=1.2&StudyInstanceUID=1.3", "StudyInstanceUID"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_its_name(query, named):
    door = client(WebArchive())

    answer = ask(door, f"/dicom-web/studies?{query}")

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(named)


def ask(door, address, **headers):
    """Ask with a query string exactly as it stands."""
    path, _, query = address.partition("?")
    return asyncio.run(door._ask("GET", path, query, b"", headers))


def test_values_come_decoded():
    archive = WebArchive([match(Level.STUDY, name="Müller^Jürgen")])

    answer = ask(client(archive), "/dicom-web/studies?PatientName=M%C3%BCller%5EJ%C3%BCrgen")

    assert len(answer.json()) == 1


def test_a_query_string_without_end_is_refused():
    answer = ask(client(WebArchive()), "/dicom-web/studies?PatientID=" + "x" * 200_000)

    assert answer.status_code == 414


def test_lists_of_uids_have_commas_and_are_narrowed_by_the_path():
    archive = WebArchive()

    ask(client(archive), "/dicom-web/studies/1.2/series?SeriesInstanceUID=1.2.3,1.2.4")

    query = archive.queries[0]
    assert query.uids(Level.STUDY) == ("1.2",)
    assert query.uids(Level.SERIES) == ("1.2.3", "1.2.4")


def test_fields_are_included_by_commas_again_and_within_sequences():
    archive = WebArchive()

    ask(
        client(archive),
        "/dicom-web/studies?includefield=StudyDescription,00080050"
        "&includefield=RequestAttributesSequence.ScheduledProcedureStepID",
    )

    wanted = {one.attribute: one.items for one in archive.queries[0].wanted}
    assert {0x00081030, 0x00080050} <= wanted.keys()
    assert [one.attribute for one in wanted[0x00400275]] == [0x00400009]


def test_all_fields_are_included():
    archive = WebArchive()

    ask(client(archive), "/dicom-web/studies?includefield=all")

    assert archive.queries[0].everything


def test_results_are_xml_in_parts_for_who_asks_for_that():
    answer = client(WebArchive(STUDIES[:2])).get(
        "/dicom-web/studies",
        headers={"accept": 'multipart/related; type="application/dicom+xml"'},
    )

    kind = answer.headers[b"content-type"].decode()
    assert kind.startswith('multipart/related; type="application/dicom+xml"; boundary=')
    assert answer.content.count(b"Content-Type: application/dicom+xml") == 2
    assert answer.content.count(b"<NativeDicomModel") == 2
    assert answer.content.endswith(b"--\r\n")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "application/dicom+json"),
        ("*/*", "application/dicom+json"),
        ("application/json", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/dicom+json"),
    ],
)
def test_results_are_json_for_everybody_else(accept, kind):
    answer = client(WebArchive(STUDIES)).get("/dicom-web/studies", headers={"accept": accept})

    assert answer.headers[b"content-type"].decode() == kind
    assert len(answer.json()) == len(STUDIES)


def test_what_nobody_can_make_is_not_acceptable():
    assert (
        client(WebArchive()).get("/dicom-web/studies", headers={"accept": "image/png"}).status_code
        == 406
    )


def test_addresses_are_those_of_a_trusted_proxy():
    archive = WebArchive(STUDIES[:1])
    headers = {"forwarded": "for=1.2.3.4;host=pacs.example.org;proto=https"}

    told = client(archive, is_proxy=lambda _: True).get("/dicom-web/studies", headers=headers)
    untold = client(archive).get("/dicom-web/studies", headers=headers)

    [told_url] = uids(told, 0x00081190)
    [untold_url] = uids(untold, 0x00081190)
    assert told_url == "https://pacs.example.org/dicom-web/studies/1.2.1"
    assert untold_url == f"{ROOT}/studies/1.2.1"


@pytest.mark.parametrize(
    ("host", "authority"),
    [
        ("127.0.0.1", "127.0.0.1:8080"),
        ("localhost", "localhost:8080"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("pacs.example.org", "pacs.example.org"),
        ("10.1.2.3", "10.1.2.3"),
    ],
)
def test_a_host_that_is_ours_gets_the_port_that_its_client_left_out(host, authority):
    door = client(WebArchive(STUDIES[:1]))
    door.server = ("127.0.0.1", 8080)

    [url] = uids(door.get("/dicom-web/studies", headers={"host": host}), 0x00081190)

    assert url == f"http://{authority}/dicom-web/studies/1.2.1"


def test_a_long_list_is_streamed_and_says_how_long_it_is_at_most(monkeypatch):
    monkeypatch.setattr(results, "HELD_BYTES_MAX", 10)
    archive = WebArchive(STUDIES)

    answer = client(archive, limit_max=4).get("/dicom-web/studies")

    assert uids(answer) == ["1.2.1", "1.2.2", "1.2.3", "1.2.4"]
    assert "at most 4 results" in warning(answer)
    assert b"content-length" not in answer.headers
    assert archive.open == 0


def test_a_search_that_breaks_is_let_go_and_told():
    archive = WebArchive(STUDIES, breaks=OSError("the disk"))

    answer = client(archive).get("/dicom-web/studies")

    assert answer.status_code == 503
    assert archive.open == 0


def test_long_answers_are_compressed_for_who_takes_that():
    archive = WebArchive(STUDIES * 5)

    plain = client(archive).get("/dicom-web/studies")
    small = client(archive).get("/dicom-web/studies", headers={"accept-encoding": "br, gzip"})
    refused = client(archive).get("/dicom-web/studies", headers={"accept-encoding": "gzip;q=0"})

    assert small.headers[b"content-encoding"] == b"gzip"
    assert small.headers[b"vary"] == b"Accept-Encoding"
    assert json.loads(zlib.decompress(small.content, 31)) == plain.json() == refused.json()
    assert len(small.content) < len(plain.content) / 4


def test_long_streams_are_compressed_too(monkeypatch):
    monkeypatch.setattr(results, "HELD_BYTES_MAX", 10)

    small = client(WebArchive(STUDIES)).get(
        "/dicom-web/studies", headers={"accept-encoding": "gzip"}
    )

    assert len(json.loads(zlib.decompress(small.content, 31))) == len(STUDIES)


def test_short_answers_are_not():
    answer = client(WebArchive()).get("/dicom-web/studies", headers={"accept-encoding": "gzip"})

    assert answer.content == b"[]"


def test_who_asks_is_told_to_the_archive():
    archive = WebArchive()

    client(archive).get("/dicom-web/studies")

    [asker] = archive.askers
    assert (asker.host, asker.entity) == ("127.0.0.1", "HILUM")
