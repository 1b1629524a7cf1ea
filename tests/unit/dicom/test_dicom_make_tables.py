"""The packaged tables are those of the standard, unchanged by hand."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
STANDARDS = ROOT.parent / "shared/standards"
TABLES = ROOT / "src/hilum/dicom/tables"


@pytest.mark.corpus
@pytest.mark.skipif(not STANDARDS.exists(), reason="no digests of the standard beside the project")
def test_the_tables_are_what_the_tool_writes(tmp_path):
    tool = runpy.run_path(str(ROOT / "tools/make_tables.py"))

    tool["main"](STANDARDS, tmp_path)

    written = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_text("utf-8") for path in TABLES.glob("*.tsv")}
