"""Archives that others made, with something in them: Orthanc in both languages, and dcmqrscp."""

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from trials.gateway import free_port

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
TITLE = "ARCHIVE"
ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
# (patient's name, character set, study date, file of pydicom's, series, instances in each)
STUDIES = (
    ("Müller^Jürgen", "ISO_IR 100", "20240131", "CT_small.dcm", 2, 3),
    ("Muller^Hans", "ISO_IR 100", "20250615", "MR_small.dcm", 1, 4),
    ("Щука", "ISO_IR 144", "20250701", "JPEG2000.dcm", 1, 1),
    ("Yamada^Tarou=山田^太郎=やまだ^たろう", "ISO_IR 192", "20260203", "JPEG-lossy.dcm", 1, 2),
)


@dataclass(frozen=True)
class PeerArchive:
    """One that runs. `files`: what it holds, by SOP Instance UID; `studies`: UIDs in order."""

    port: int
    web_port: int
    files: dict
    studies: list
    known_ports: dict  # of who it can move to, by AE title
    held: dict  # data sets as it gives them out itself: archives drop padding, for example

    @property
    def root(self):
        return f"http://127.0.0.1:{self.web_port}/dicom-web"

    def data_sets(self, *, study=None, series=None):
        """Give the bytes of what it holds, by SOP Instance UID."""
        return {
            uid: self.held[uid]
            for uid, (_, ids) in self.files.items()
            if study in (None, ids[0]) and series in (None, ids[1])
        }

    def places(self):
        """Give (study, series, instance) of everything."""
        return [(*ids, uid) for uid, (_, ids) in self.files.items()]


def data_set_of(content):
    """Give what is behind the file meta group."""
    length = int.from_bytes(content[140:144], "little")
    return content[144 + length :]


def make_files(folder, *, compressed=True):
    """Write files of all studies; give them by SOP Instance UID, and the studies.

    Not every archive takes what is compressed; for those nothing is.
    """
    from pydicom.uid import generate_uid

    files, studies = {}, []
    for number, (name, charset, date, source, series, count) in enumerate(STUDIES):
        study = generate_uid()
        studies.append(study)
        if not compressed and source.startswith("JPEG"):
            source = "CT_small.dcm"  # noqa: PLW2901 - another one
        for one_series in range(series):
            series_uid = generate_uid()
            for index in range(count):
                data_set = pydicom.dcmread(get_testdata_file(source))
                data_set.pop("DataSetTrailingPadding", None)  # which archives drop
                data_set.SpecificCharacterSet = charset
                data_set.PatientName, data_set.PatientID = name, f"P{number}"
                data_set.StudyDate, data_set.AccessionNumber = date, f"A{number}"
                data_set.StudyInstanceUID, data_set.SeriesInstanceUID = study, series_uid
                data_set.SeriesNumber, data_set.InstanceNumber = one_series + 1, index + 1
                uid = generate_uid()
                data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = uid
                path = folder / f"{uid}.dcm"
                data_set.save_as(path)
                files[str(uid)] = (path, (str(study), str(series_uid)))
    return files, [str(one) for one in studies]


@contextlib.contextmanager
def orthanc(folder, environment, files, studies, *, has_web=True, **options):
    """Run Orthanc with these files; one without HTTP knows nothing but DIMSE."""
    if has_web and not PLUGIN.exists():
        pytest.skip("Orthanc's DICOMweb plugin is not installed (make peers)")
    port, web_port = free_port(), free_port()
    known = {title: free_port() for title in ("HILUM", "DEST")}
    configuration = {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "HttpPort": web_port,
        "HttpServerEnabled": has_web,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomPort": port,
        "DicomAet": TITLE,
        "DefaultEncoding": "Utf8",
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowMove": True,
        "DicomModalities": {title: [title, "127.0.0.1", at] for title, at in known.items()},
        "Plugins": [str(PLUGIN)] if has_web else [],
        "LimitFindResults": 0,
        **options,
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration))
    command = ["Orthanc", folder / "orthanc.json"]
    with _running(command, folder, environment, [port, web_port] if has_web else [port]):
        _send(port, files)
        held = got(port, TITLE, files, studies)
        yield PeerArchive(port, web_port if has_web else 0, files, studies, known, held)


@contextlib.contextmanager
def dcmqrscp(folder, environment, files, studies):
    """Run DCMTK's archive with these files."""
    port = free_port()
    known = {title: free_port() for title in ("HILUM", "DEST")}
    hosts = "".join(f"{title} = ({title}, 127.0.0.1, {at})\n" for title, at in known.items())
    (folder / "db").mkdir()
    (folder / "qr.cfg").write_text(
        "MaxPDUSize = 131072\nMaxAssociations = 32\n"
        f"HostTable BEGIN\n{hosts}HostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\n{TITLE} {folder}/db RW (200, 1024mb) ANY\nAETable END\n"
    )
    command = ["dcmqrscp", "-c", folder / "qr.cfg", str(port)]
    with _running(command, folder, environment, [port]):
        _send(port, files)
        held = got(port, TITLE, files, studies)
        yield PeerArchive(port, 0, files, studies, known, held)


@contextlib.contextmanager
def _running(command, folder, environment, ports):
    # Not pynetdicom's programs of the same names, which lie beside our Python.
    program = shutil.which(command[0], path="/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin")
    if program is None:
        pytest.skip(f"{command[0]} is not installed (make peers)")
    process = subprocess.Popen(
        [program, *command[1:]],
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for port in ports:
            wait_for(port, process)
        yield
    finally:
        process.terminate()
        process.wait(20)


def wait_for(port, process=None):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process is None or process.poll() is None, "it ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    pytest.fail(f"nothing listens on {port}")


def contexts_of(files):
    """Give pynetdicom's contexts for files: one for each class and syntax, to lose none of them."""
    from pynetdicom import build_context

    read = [pydicom.dcmread(path, stop_before_pixels=True) for path, _ in files.values()]
    kinds = sorted({(one.SOPClassUID, one.file_meta.TransferSyntaxUID) for one in read})
    return [build_context(*kind) for kind in kinds]


def _send(port, files):
    """Store everything as it is, with pynetdicom."""
    from pynetdicom import AE

    ae = AE("SENDER")
    ae.requested_contexts = contexts_of(files)
    association = ae.associate("127.0.0.1", port, ae_title=TITLE)
    assert association.is_established
    statuses = [
        association.send_c_store(pydicom.dcmread(path)).Status for path, _ in files.values()
    ]
    association.release()
    assert set(statuses) == {0x0000}


def got(port, called, files, studies):
    """Get studies with pynetdicom; give their data sets, by SOP Instance UID."""
    from pynetdicom import AE, build_context, build_role, evt

    came = {}

    def keep(event):
        came[str(event.request.AffectedSOPInstanceUID)] = event.request.DataSet.getvalue()
        return 0x0000

    ae = AE("HILUM")
    contexts = contexts_of(files)
    ae.requested_contexts = [build_context(ROOT_GET), *contexts]
    association = ae.associate(
        "127.0.0.1",
        port,
        ae_title=called,
        ext_neg=[
            build_role(one, scp_role=True) for one in {one.abstract_syntax for one in contexts}
        ],
        evt_handlers=[(evt.EVT_C_STORE, keep)],
    )
    assert association.is_established
    for study in studies:
        wanted = pydicom.Dataset()
        wanted.QueryRetrieveLevel, wanted.StudyInstanceUID = "STUDY", study
        answers = list(association.send_c_get(wanted, ROOT_GET))
        assert answers[-1][0].Status == 0x0000, answers[-1][0]
    association.release()
    return came


@contextlib.contextmanager
def storescp(folder, port):
    """Run DCMTK's receiver, which keeps the bytes as they come."""
    folder.mkdir()
    with _running(["storescp", "+B", "+xa", "-od", folder, str(port)], folder, None, [port]):
        yield


def data_sets_in(folder):
    """Give the data sets of files, by SOP Instance UID."""
    return {
        str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID): data_set_of(
            path.read_bytes()
        )
        for path in Path(folder).iterdir()
    }


def asked(url, accept="application/dicom+json"):
    """Ask over HTTP; give what JSON says. A refusal tells its reason and the time it took."""
    request = urllib.request.Request(url, headers={"Accept": accept})
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        error.msg = f"{error.msg} after {time.monotonic() - began:.1f} s: {error.read().decode()}"
        raise
