"""What a root says it can do is what it does."""

from xml.etree import ElementTree as ET

import pytest
from asgi_client import Client

from hilum.dicomweb.resource import Capabilities, Delete, RetrieveMetadata, Search, Store
from hilum.kernel.telemetry import Silence
from hilum.sources.web.capabilities import Describer
from hilum.sources.web.door import Face, WebDoor
from hilum.sources.web.wadl import NAMESPACE

NAME = "{" + NAMESPACE + "}"


def client(*offered):
    door = WebDoor(Face("/dicom-web", "HILUM"), {Capabilities: Describer(offered)}, Silence())
    return Client(door)


def described(answer):
    """Give methods by path."""
    resources = answer.json()["application"]["resources"][0]["resource"]
    return {
        one["@path"]: {method["@name"]: method for method in one["method"]} for one in resources
    }


JSON = {"accept": "application/json"}


@pytest.mark.parametrize("method", ["OPTIONS", "GET"])
@pytest.mark.parametrize("path", ["/dicom-web", "/dicom-web/"])
def test_the_root_is_described_in_wadl(method, path):
    answer = client(Search).ask(method, path)

    assert answer.status_code == 200
    assert answer.headers[b"content-type"] == b"application/vnd.sun.wadl+xml"
    root = ET.fromstring(answer.content)
    assert root.find(f"{NAME}resources").get("base") == "http://localhost/dicom-web/"
    paths = {one.get("path") for one in root.iter(f"{NAME}resource")}
    assert {"studies", "patients", "studies/{study}/series"} <= paths


def test_only_what_has_a_handler_is_promised():
    paths = described(client(Search, RetrieveMetadata).get("/dicom-web", headers=JSON))

    assert "studies/{study}/metadata" in paths
    assert "studies/{study}/rendered" not in paths
    assert set(paths["studies"]) == {"GET"}


def test_methods_are_those_of_each_resource():
    paths = described(client(Search, Store, Delete).get("/dicom-web", headers=JSON))

    assert set(paths["studies"]) == {"GET", "POST"}
    assert set(paths["studies/{study}"]) == {"POST", "DELETE"}
    assert set(paths["series"]) == {"GET"}


def test_attributes_that_are_searched_for_are_named_at_their_level():
    paths = described(client(Search).get("/dicom-web", headers=JSON))

    def names(path):
        return {one["@name"] for one in paths[path]["GET"]["request"][0]["param"]}

    assert {"PatientName", "StudyDate", "limit", "includefield"} <= names("studies")
    assert "SeriesNumber" not in names("studies")
    assert "SeriesNumber" in names("series")


def test_who_has_it_is_not_sent_it_again():
    door = client(Search)
    tag = door.get("/dicom-web").headers[b"etag"].decode()

    assert door.get("/dicom-web", headers={"if-none-match": tag}).status_code == 304
    assert client(Search, Store).get("/dicom-web").headers[b"etag"].decode() != tag
