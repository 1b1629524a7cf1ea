"""Write docs/reference/conformance.md: the DICOM Conformance Statement of the defaults.

python tools/make_conformance.py [FILE]
"""
# ruff: noqa: INP001 -- a script that developers run, not part of a package

import sys
from pathlib import Path
from typing import Final

from hilum.cli.conformance import statement
from hilum.service.config import Config

REFERENCE: Final = Path(__file__).parents[1] / "docs/reference/conformance.md"

HEAD: Final = (
    "<!-- Made by tools/make_conformance.py from the default settings; do not edit. -->\n\n"
)


def reference() -> str:
    """Make the whole page."""
    return HEAD + statement(Config())


if __name__ == "__main__":
    target = Path(sys.argv[1]) if sys.argv[1:] else REFERENCE
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(reference(), encoding="utf-8")
