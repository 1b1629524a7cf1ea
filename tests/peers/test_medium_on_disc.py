"""A ZIP with a DICOMDIR, unpacked as a disc: read by DCMTK, and sent from there by us."""

import io
import json
import subprocess
import zipfile
from collections import Counter
from urllib.request import urlopen

from test_dicomweb_clients import base, value  # noqa: F401 - a fixture


def test_dcmtk_reads_the_directories_of_every_study(base, needs, tmp_path):  # noqa: F811
    needs("dcmdump")
    with urlopen(f"{base}/studies") as answer:
        studies = [one for one in json.load(answer) if "00081190" in one]
    kinds = Counter()
    for number, study in enumerate(studies):
        folder = tmp_path / str(number)
        with urlopen(f"{base}/studies/{value(study, '0020000D')}?dicomdir=true") as answer:
            zipfile.ZipFile(io.BytesIO(answer.read())).extractall(folder)
        listed = subprocess.run(
            ["dcmdump", "-q", "+P", "0004,1430", "+P", "0004,1500", folder / "DICOMDIR"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        assert not listed.stderr
        lines = [line.partition("[")[2].partition("]")[0] for line in listed.stdout.splitlines()]
        files = [one for one in lines if "\\" in one]
        kinds.update(one for one in lines if "\\" not in one)
        assert len(files) == value(study, "00201208")
        for name in files:
            assert folder.joinpath(*name.split("\\")).is_file()

    assert kinds["STUDY"] == kinds["PATIENT"] == len(studies)
    assert kinds["IMAGE"] > 100
    assert kinds["SR DOCUMENT"] > 1
