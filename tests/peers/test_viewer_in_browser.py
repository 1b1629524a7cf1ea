"""The quick look, opened by a real browser without a screen: what it shows is what is held."""

import json
import re
import urllib.request

import pytest

pytestmark = pytest.mark.timeout(180)


def asked(gateway, path):
    with urllib.request.urlopen(
        f"http://127.0.0.1:{gateway.web_port}{path}", timeout=10
    ) as response:
        return json.load(response)


def test_the_list_of_studies_is_that_of_the_archive(archive_gateway, shown):
    studies = asked(archive_gateway, "/dicom-web/studies?limit=50")

    page = shown(f"http://127.0.0.1:{archive_gateway.web_port}/viewer/")

    assert page.count('<tr tabindex="0">') == len(studies)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_series_of_images_is_opened_at_its_first(archive_gateway, shown, number):
    found = asked(archive_gateway, "/dicom-web/instances?limit=500&includefield=Rows")
    grey = [one for one in found if one.get("00280010", {}).get("Value", [0])[0] >= 64]
    study = sorted({one["0020000D"].get("Value", [""])[0] for one in grey} - {""})[number]

    page = shown(f"http://127.0.0.1:{archive_gateway.web_port}/viewer/#{study}")

    assert re.search(r'id="top-left">Image 1 of \d+<', page)
