import asyncio
import json
from urllib.parse import urlencode

import pytest

from hilum.dicom.building import DataSetBuilder
from hilum.dicom.dictionary import tag_of
from hilum.dicom.matching import matches_data_set
from hilum.dicomweb.base_url import BaseUrl
from hilum.dicomweb.refusal import RequestRefused
from hilum.pipeline.archive.ports import Batch
from hilum.query.level import Level
from hilum.query.match import Match
from hilum.sources.web.caller import EVERYTHING, HttpCaller
from hilum.sources.web.exchange import Exchange
from hilum.sources.web.fhir import Fhir


class Holds:
    """An archive of a few studies with a series and two instances each."""

    def __init__(self, studies=3) -> None:
        self.asked = []
        self.found = {Level.STUDY: [], Level.SERIES: [], Level.IMAGE: []}
        for number in range(1, studies + 1):
            study = {"StudyInstanceUID": f"1.{number}", "PatientID": f"P{number}"}
            study["StudyDate"] = f"2024050{number}"
            series = study | {"SeriesInstanceUID": f"1.{number}.1", "SeriesNumber": "1"}
            self.put(Level.STUDY, study)
            self.put(Level.SERIES, series)
            for instance in (2, 1):
                uid = f"1.{number}.1.{instance}"
                self.put(
                    Level.IMAGE, series | {"SOPInstanceUID": uid, "InstanceNumber": str(instance)}
                )

    def put(self, level, texts) -> None:
        builder = DataSetBuilder("ISO_IR 192")
        for keyword, text in texts.items():
            builder.texts(tag_of(keyword), text)
        self.found[level].append(builder.data_set)

    async def find(self, query, asker):
        self.asked.append((query, asker))
        hits = [one for one in self.found[query.level] if matches_data_set(query.keys, one)]
        end = None if query.limit is None else query.offset + query.limit
        yield Batch(tuple(Match(query.level, one) for one in hits[query.offset : end]))


def ask(path, parameters=(), *, method="GET", headers=(), body=b"", archive=None):
    fhir = Fhir(
        archive or Holds(),
        dicomweb="/dicom-web",
        version="1.0",
        made_on="2026-11-26",
        offset_of=lambda _day, _time: None,
    )
    scope = {
        "method": method,
        "raw_path": path.encode(),
        "query_string": urlencode(parameters).encode(),
        "headers": [(name.encode(), value.encode()) for name, value in dict(headers).items()],
    }

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    caller = HttpCaller("viewer", "127.0.0.1", EVERYTHING)
    root = BaseUrl("https", "localhost", "/pacs/fhir")
    exchange = Exchange(scope, receive, caller=caller, root=root, entity="HILUM")
    reply = asyncio.run(fhir.reply(exchange))
    return reply, json.loads(reply.body)


def test_a_study_is_read_by_its_uid_with_series_and_instances_in_order():
    reply, found = ask("/fhir/ImagingStudy/1.2")
    assert reply.status == 200
    assert found["id"] == "1.2"
    assert [one["uid"] for one in found["series"][0]["instance"]] == ["1.2.1.1", "1.2.1.2"]


@pytest.mark.parametrize("uid", ["1.99", "no-uid", "..%2f"])
def test_a_study_that_is_not_here_is_an_outcome(uid):
    reply, found = ask(f"/fhir/ImagingStudy/{uid}")
    assert reply.status == 404
    assert found["resourceType"] == "OperationOutcome"


def test_a_search_gives_a_page_and_the_way_to_the_next():
    _, found = ask("/fhir/ImagingStudy", {"_count": "2"})
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["1.1", "1.2"]
    assert found["entry"][0]["fullUrl"] == "https://localhost/pacs/fhir/ImagingStudy/1.1"
    assert "total" not in found
    links = {link["relation"]: link["url"] for link in found["link"]}
    assert links["next"] == "https://localhost/pacs/fhir/ImagingStudy?_count=2&_offset=2"


def test_the_last_page_tells_how_many_there_are():
    _, found = ask("/fhir/ImagingStudy", {"_count": "2", "_offset": "2"})
    assert found["total"] == 3
    assert [link["relation"] for link in found["link"]] == ["self"]


def test_a_study_is_found_by_what_is_in_it():
    _, found = ask("/fhir/ImagingStudy", {"instance": "urn:oid:1.3.1.2"})
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["1.3"]


def test_a_search_that_nothing_answers_is_an_empty_bundle():
    _, found = ask("/fhir/ImagingStudy", {"series": "9.9"})
    assert found["total"] == 0
    assert "entry" not in found


def test_only_the_number_is_told_when_only_that_is_asked_for():
    _, found = ask("/fhir/ImagingStudy", {"_summary": "count", "started": "ge2024-05-02"})
    assert found["total"] == 2
    assert "entry" not in found


def test_what_was_ignored_is_told_of():
    _, found = ask("/fhir/ImagingStudy", {"bodysite": "x", "_id": "1.1"})
    remark = found["entry"][-1]
    assert remark["search"]["mode"] == "outcome"
    assert "bodysite" in remark["resource"]["issue"][0]["diagnostics"]


def test_addresses_say_what_was_looked_for_and_not_what_was_ignored():
    found = ask("/fhir/ImagingStudy", {"_count": "1", "bodysite": "x"})[1]

    assert [one["url"].partition("?")[2] for one in found["link"]] == [
        "_count=1",
        "_count=1&_offset=1",
    ]


@pytest.mark.parametrize("none", [{"_count": "0"}, {"_summary": "count"}])
def test_a_number_without_studies_tells_what_was_ignored_and_leads_nowhere(none):
    found = ask("/fhir/ImagingStudy", none | {"bodysite": "x"})[1]

    assert found["total"] == 3
    assert [link["relation"] for link in found["link"]] == ["self"]
    assert [entry["search"]["mode"] for entry in found["entry"]] == ["outcome"]


def test_one_of_several_patients_is_enough():
    found = ask("/fhir/ImagingStudy", {"patient": "P1,Patient/P3"})[1]

    assert [entry["resource"]["id"] for entry in found["entry"]] == ["1.1", "1.3"]


def test_a_strict_client_is_refused_instead():
    reply, _ = ask("/fhir/ImagingStudy", {"bodysite": "x"}, headers={"prefer": "handling=strict"})
    assert reply.status == 400


def test_a_search_may_be_posted():
    reply, found = ask(
        "/fhir/ImagingStudy/_search",
        method="POST",
        headers={"content-type": "application/x-www-form-urlencoded"},
        body=b"patient=P2",
    )
    assert reply.status == 200
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["1.2"]


def test_nothing_is_written_here():
    reply, _ = ask("/fhir/ImagingStudy", method="POST")
    assert reply.status == 405


def test_the_endpoint_is_the_dicomweb_service_beside_it():
    _, found = ask("/fhir/Endpoint/dicom-web")
    assert found["address"] == "https://localhost/pacs/dicom-web"


def test_the_capabilities_are_of_the_release_that_is_asked_for():
    reply, found = ask("/fhir/metadata", {"_format": "application/fhir+json; fhirVersion=5.0"})
    assert found["fhirVersion"] == "5.0.0"
    assert reply.content_type.startswith("application/fhir+json; fhirVersion=5.0")


def test_whoever_asks_is_told_to_the_archive():
    archive = Holds()
    ask("/fhir/ImagingStudy/1.1", archive=archive)
    assert {asker.peer for _, asker in archive.asked} == {"viewer"}


def test_a_key_that_means_nothing_is_refused_without_its_value():
    reply, found = ask("/fhir/ImagingStudy", {"patient": "x" * 2000})
    assert reply.status == 400
    assert "xxx" not in found["issue"][0]["diagnostics"]


def test_a_study_without_a_uid_is_no_resource():
    archive = Holds(2)
    archive.put(Level.STUDY, {"PatientID": "P9"})

    reply, found = ask("/fhir/ImagingStudy", archive=archive)

    assert reply.status == 200
    assert [one["resource"]["id"] for one in found["entry"]] == ["1.1", "1.2"]


def test_what_cannot_be_answered_now_is_an_outcome_in_the_release_that_is_spoken():
    fhir = Fhir(
        Holds(), dicomweb="/dicom-web", version="1", made_on="2026", offset_of=lambda _d, _t: None
    )
    accept = [(b"accept", b"application/fhir+json; fhirVersion=5.0")]
    scope = {"method": "GET", "raw_path": b"/fhir", "query_string": b"", "headers": accept}
    caller = HttpCaller("viewer", "127.0.0.1", EVERYTHING)
    root = BaseUrl("https", "localhost", "/fhir")
    exchange = Exchange(scope, None, caller=caller, root=root, entity="HILUM")

    refusal = RequestRefused(503, "the ledger is busy", {"Retry-After": "5"})
    reply = fhir.refused(refusal, exchange)

    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    assert "fhirVersion=5.0" in reply.content_type
    issue = {"severity": "error", "code": "transient", "diagnostics": "the ledger is busy"}
    assert json.loads(reply.body)["issue"] == [issue]
