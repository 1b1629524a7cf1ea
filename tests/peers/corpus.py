"""Real files for peers to send: the big corpus, the samples, or those that pydicom brings along."""

import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError

# PS3.5 §9.1; some files of the corpus are there because theirs is none.
_UID = re.compile(r"[0-9.]{1,64}")
UIDS = ["SOPClassUID", "SOPInstanceUID"]
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """A Part 10 file that a sender could send as it is."""

    path: Path
    sop_class: str
    instance_uid: str
    transfer_syntax: str
    data_set: bytes
    is_well_named: bool  # the meta group has the UIDs of the data set

    @property
    def name(self):
        return f"{self.path.parent.name}/{self.path.name}"


def corpus_folder():
    """Give the folder of real files: HILUM_CORPUS, the corpus beside the checkout, or samples."""
    candidates = (
        os.environ.get("HILUM_CORPUS"),
        ROOT.parent / "shared" / "data",
        ROOT / "tests" / "samples",
        Path(pydicom.__file__).parent / "data" / "test_files",
    )
    return next(Path(folder) for folder in candidates if folder and Path(folder).is_dir())


def read_corpus():
    """Give every file that has a preamble, a file meta group and the UIDs a C-STORE needs."""
    files = (read(path) for path in sorted(corpus_folder().rglob("*")) if path.is_file())
    return [file for file in files if file is not None]


def read(path):
    """Read one file; None when it is not one that a sender could send."""
    content = path.read_bytes()
    if content[128:132] != b"DICM":
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # that they are odd is why they are there
            meta = pydicom.filereader.read_file_meta_info(path)
            own = pydicom.dcmread(path, specific_tags=UIDS, force=True)
            # What has no UIDs of its own is no instance: fragments, worklist items, directories.
            sop_class, instance_uid = (str(own.get(keyword, "")) for keyword in UIDS)
            named = [str(meta.get(f"MediaStorage{keyword}", "")) for keyword in UIDS]
            syntax = str(meta.get("TransferSyntaxUID", ""))
    except (InvalidDicomError, ValueError, OSError, NotImplementedError, AttributeError):
        return None
    if not (is_uid(sop_class) and is_uid(instance_uid) and syntax):
        return None
    offset = _data_set_offset(path)
    return CorpusFile(
        path, sop_class, instance_uid, syntax, content[offset:], named == [sop_class, instance_uid]
    )


def is_uid(text):
    """Tell whether a sender could name an instance by this."""
    return _UID.fullmatch(text) is not None


def _data_set_offset(path):
    """Give where the file meta group ends, counted element by element (its length may lie)."""
    with path.open("rb") as file:
        file.seek(132)
        while (head := file.read(8))[:2] == b"\x02\x00":
            if head[4:6] in (b"OB", b"UN", b"OW", b"SQ", b"UT"):
                length = int.from_bytes(file.read(4), "little")
            else:
                length = int.from_bytes(head[6:8], "little")
            file.seek(length, 1)
        return file.tell() - len(head)
