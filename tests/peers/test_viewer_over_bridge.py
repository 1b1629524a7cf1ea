"""The quick look over an archive that only knows DIMSE, seen by a real browser without a screen."""

import json
import re
import urllib.request

import peer_archives
import pytest

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    return peer_archives.make_files(tmp_path_factory.mktemp("files"), compressed=False)


def asked(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def test_studies_of_a_dimse_archive_are_listed_and_shown_and_not_fetched_again(
    start_gateway, shown, filled, tmp_path, peer_environment
):
    files, studies = filled
    place = next(ids for _, ids in files.values())
    folder = tmp_path / "archive"
    folder.mkdir()
    with peer_archives.dcmqrscp(folder, peer_environment, files, studies) as archive:
        more = (
            f'[destinations.pacs]\ntype = "dimse"\nhost = "127.0.0.1"\nport = {archive.port}\n'
            f'ae_title = "{peer_archives.TITLE}"\n[entities.HILUM]\nanswers = ["pacs"]\n'
            '[entities.OURS]\nanswers = ["local"]\n'
        )
        gateway = start_gateway(durability="process", more=more)
        root = f"http://127.0.0.1:{gateway.web_port}"
        series = f"{root}/dicom-web/studies/{place[0]}/series/{place[1]}"

        listed = shown(f"{root}/viewer/")
        elsewhere = shown(f"{root}/viewer/?entity=OURS")
        opened = shown(f"{root}/viewer/#{place[0]}")
        first = asked(f"{series}/metadata")

    # The archive is gone: who saw the series before sees it again.
    again = asked(f"{series}/metadata")

    assert listed.count('<tr tabindex="0">') == len(studies)
    assert listed.count("<td>CT</td>") == 3  # which the archive itself says of none
    assert "No study matches." in elsewhere
    assert re.search(r'id="top-left">Image 1 of 3<', opened)
    assert re.search(r'id="bottom-left">Window [-\d]+ / \d+', opened)
    assert len(again) == 3
    assert again == first
