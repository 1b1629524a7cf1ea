import io
import json
import tarfile

import pytest
from asgi_client import Client

from hilum.console import ohif
from hilum.console.pages import pages_of
from hilum.kernel.errors import Misconfigured


def package(path, files, *, prefix="package/dist/"):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(prefix + name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


INDEX = b'<script src="/app.js"></script><script>window.PUBLIC_URL="/"</script>'


def test_the_quick_look_comes_with_a_policy_that_lets_nothing_else_in(tmp_path):
    page = Client(pages_of(tmp_path, dicomweb="/dicom-web")["/viewer"]).get("/")
    assert page.status_code == 200
    assert page.headers[b"content-type"] == b"text/html; charset=utf-8"
    assert b"default-src 'none'" in page.headers[b"content-security-policy"]


def test_scripts_are_scripts(tmp_path):
    page = Client(pages_of(tmp_path, dicomweb="/dicom-web")["/viewer"]).get("/viewer.js")
    assert page.headers[b"content-type"] == b"text/javascript; charset=utf-8"


@pytest.mark.parametrize(
    "path", ["/../pages.py", "/%2e%2e/pages.py", "/nothing.js", "//etc/passwd"]
)
def test_only_what_is_there_is_given_out(tmp_path, path):
    page = Client(pages_of(tmp_path, dicomweb="/dicom-web")["/viewer"]).get(path)
    assert page.status_code == 404


def test_a_file_that_has_not_changed_is_not_sent_again(tmp_path):
    client = Client(pages_of(tmp_path, dicomweb="/dicom-web")["/viewer"])
    tag = client.get("/viewer.css").headers[b"etag"].decode()
    assert client.get("/viewer.css", headers={"if-none-match": tag}).status_code == 304


def test_ohif_is_only_there_when_it_is_installed(tmp_path):
    assert list(pages_of(tmp_path, dicomweb="/dicom-web")) == ["/viewer"]
    ohif.install(package(tmp_path / "p.tgz", {"index.html": INDEX}), tmp_path / ohif.FOLDER)
    assert list(pages_of(tmp_path, dicomweb="/dicom-web")) == ["/viewer", "/ohif"]


def test_ohif_is_moved_under_its_path_and_asks_us(tmp_path):
    bundle = b'x; __webpack_require__.p = "/"; y'
    files = {"index.html": INDEX, "app.js": bundle, "sw.js": b"old pages"}
    assert ohif.install(package(tmp_path / "p.tgz", files), tmp_path / ohif.FOLDER) == 2
    client = Client(pages_of(tmp_path, dicomweb="/dicom-web")["/ohif"])
    index = client.get("/").content
    assert b'src="/ohif/app.js"' in index
    assert b'PUBLIC_URL="/ohif/"' in index
    assert b'__webpack_require__.p = "/ohif/"' in client.get("/app.js").content
    config = client.get("/app-config.js").content
    assert b'"qidoRoot": "/dicom-web"' in config
    assert client.get("/sw.js").status_code == 404


def test_ohif_offers_the_roots_of_all_entities(tmp_path):
    ohif.install(package(tmp_path / "p.tgz", {"index.html": INDEX}), tmp_path / ohif.FOLDER)
    pages = pages_of(tmp_path, dicomweb="/dicom-web", others={"OLDPACS": "/aets/OLDPACS/rs"})
    text = Client(pages["/ohif"]).get("/app-config.js").content.decode()

    config = json.loads(text.removeprefix("window.config = ").removesuffix(";\n"))

    sources = {one["sourceName"]: one["configuration"] for one in config["dataSources"]}
    assert [one["qidoRoot"] for one in sources.values()] == ["/dicom-web", "/aets/OLDPACS/rs"]
    assert sources["OLDPACS"]["friendlyName"] == "OLDPACS"
    assert config["defaultDataSourceName"] == "hilum"


def test_addresses_inside_ohif_are_its_page(tmp_path):
    ohif.install(package(tmp_path / "p.tgz", {"index.html": INDEX}), tmp_path / ohif.FOLDER)
    client = Client(pages_of(tmp_path, dicomweb="/dicom-web")["/ohif"])
    assert client.get("/viewer").status_code == 200
    assert client.get("/missing.js").status_code == 404


def test_nothing_in_a_package_gets_out_of_its_folder(tmp_path):
    files = {"index.html": INDEX, "../../../evil.js": b"x"}
    ohif.install(package(tmp_path / "p.tgz", files), tmp_path / ohif.FOLDER)
    assert not list(tmp_path.parent.rglob("evil.js"))


@pytest.mark.parametrize("content", [b"no archive", b"\x1f\x8bcut"])
def test_what_is_no_package_is_said_to_be_none(tmp_path, content):
    (tmp_path / "p.tgz").write_bytes(content)
    with pytest.raises(Misconfigured):
        ohif.install(tmp_path / "p.tgz", tmp_path / ohif.FOLDER)


def test_another_package_leaves_what_is_installed_as_it_is(tmp_path):
    folder = tmp_path / ohif.FOLDER
    ohif.install(package(tmp_path / "p.tgz", {"index.html": INDEX}), folder)
    with pytest.raises(Misconfigured):
        ohif.install(package(tmp_path / "other.tgz", {"main.js": b""}), folder)
    assert (folder / "index.html").exists()
