"""Real senders store real files; what Hilum holds is byte for byte what went over the wire.

Every sender talks through a recording proxy on loopback: DCMTK keeps the bytes of most files,
Orthanc and dcmjs write data sets anew, so what was sent is read on the wire, not in the file.
"""

import itertools
import json
import re
import subprocess
import warnings
from collections import Counter
from pathlib import Path

import pytest
from pydicom import dcmread
from trials import objects
from trials.recorder import Recorder
from trials.wire import Connection, Proposal

SENDER_SECONDS_MAX = 100
# These end in the middle of an element or an item; refusing them is right (MANIFEST.tsv says so).
TRUNCATED = {
    "MR_truncated.dcm",
    "rtplan_truncated.dcm",
    "emri_small_jpeg_2k_lossless_too_short.dcm",
}
# Options of storescu that propose one transfer syntax (it does so for no other by itself).
STORESCU_OPTIONS = {
    "1.2.840.10008.1.2": "-xi",
    "1.2.840.10008.1.2.1": "-xe",
    "1.2.840.10008.1.2.1.99": "-xd",
    "1.2.840.10008.1.2.2": "-xb",
    "1.2.840.10008.1.2.4.50": "-xy",
    "1.2.840.10008.1.2.4.51": "-xx",
    "1.2.840.10008.1.2.4.70": "-xs",
    "1.2.840.10008.1.2.4.80": "-xt",
    "1.2.840.10008.1.2.4.81": "-xu",
    "1.2.840.10008.1.2.4.90": "-xv",
    "1.2.840.10008.1.2.4.91": "-xw",
    "1.2.840.10008.1.2.5": "-xr",
}
NODE_FILES_A_RUN = 100
CONTEXTS_MAX = 128  # of one association (PS3.8 §7.1.1.13)


@pytest.fixture
def gateway(start_gateway):
    return start_gateway(dimse={"accept_private_sop_classes": "true"})


@pytest.fixture
def recorder(gateway):
    with Recorder(gateway.port) as recorder:
        yield recorder


def is_whole(file):
    return file.path.name not in TRUNCATED


def assert_held_as_sent(gateway, recorder, corpus, *, share_min):
    """Everything acknowledged is held with the bytes of the wire; nothing whole is refused."""
    gateway.stop()
    holding = gateway.holding()
    stores = recorder.stores()
    whole = {file.instance_uid for file in corpus if is_whole(file)}
    broken = {file.instance_uid for file in corpus if not is_whole(file)}
    # DCMTK and Orthanc read a UID whose VR is UN as "31"; announcing that is refused (A900).
    refused = {store.instance_uid for store in stores if store.status != 0} & whole
    stored = [store for store in stores if store.status == 0]
    lost = [
        store.instance_uid
        for store in stored
        if objects.digest(store.data_set) not in holding.versions.get(store.instance_uid, ())
    ]

    assert lost == []
    assert holding.faults == []
    assert refused - broken == set()
    # A sender that refuses most files itself would prove little.
    assert len({store.instance_uid for store in stored} & whole) >= share_min * len(whole)


def run(command, environment):
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environment,
        timeout=SENDER_SECONDS_MAX,
        check=False,
    )


def by_syntax(corpus):
    ordered = sorted(corpus, key=lambda file: file.transfer_syntax)
    return itertools.groupby(ordered, key=lambda file: file.transfer_syntax)


@pytest.mark.corpus
def test_every_file_is_held_byte_for_byte_as_it_is(gateway, corpus):
    answers = Counter()
    sent = {}
    for file in corpus:
        with Connection(gateway.port) as connection:
            proposals = [Proposal(1, file.sop_class, [file.transfer_syntax])]
            connection.associate(gateway.called, proposals=proposals)
            answer = connection.store(
                file.instance_uid, file.data_set, context_id=1, sop_class=file.sop_class
            )
            connection.release()
        answers[answer] += 1
        if answer == "0000":
            sent.setdefault(file.instance_uid, set()).add(objects.digest(file.data_set))
        assert (answer == "0000") == is_whole(file), file.name
    gateway.stop()

    holding = gateway.holding()

    assert {uid: holding.versions.get(uid) for uid in sent} == sent
    assert holding.faults == []


def test_storescu_stores_every_transfer_syntax_it_knows(
    gateway, recorder, corpus, needs, peer_environment
):
    needs("storescu")
    for syntax, files in by_syntax(corpus):
        if option := STORESCU_OPTIONS.get(syntax):
            paths = [str(file.path) for file in files]
            port = str(recorder.own_port)
            command = ["storescu", "-nh", "-R", option, "-aec", gateway.called, "127.0.0.1", port]
            run([*command, *paths], peer_environment)

    assert_held_as_sent(gateway, recorder, corpus, share_min=0.7)


def test_dcmsend_stores_the_corpus(gateway, recorder, corpus, needs, peer_environment):
    needs("dcmsend")
    # One call a syntax: dcmsend ends at once when a file of its list cannot be read.
    for _, files in by_syntax(corpus):
        paths = [str(file.path) for file in files]
        port = str(recorder.own_port)
        command = ["dcmsend", "-nh", "-nuc", "-dn", "-aec", gateway.called, "127.0.0.1", port]
        run([*command, *paths], peer_environment)

    assert_held_as_sent(gateway, recorder, corpus, share_min=0.7)


def test_echoscu_is_answered(gateway, needs, peer_environment):
    needs("echoscu")
    command = ["echoscu", "-aec", gateway.called, "127.0.0.1", str(gateway.port)]

    done = run(command, peer_environment)

    assert done.returncode == 0, done.stderr


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom tells what is odd in the corpus
def test_pynetdicom_stores_the_corpus(gateway, recorder, corpus):
    pynetdicom = pytest.importorskip("pynetdicom")
    # The bytes of the file, unparsed, announced by the UIDs of its meta group: those must be right.
    pynetdicom._config.STORE_SEND_CHUNKED_DATASET = True
    corpus = [file for file in corpus if file.is_well_named]
    for start in range(0, len(corpus), CONTEXTS_MAX):
        files = corpus[start : start + CONTEXTS_MAX]
        entity = pynetdicom.AE("PYNETDICOM")
        entity.dimse_timeout = 10
        for sop_class, syntax in {(file.sop_class, file.transfer_syntax) for file in files}:
            entity.add_requested_context(sop_class, syntax)
        association = None
        for file in files:
            # On a busy machine it takes an answer for a request now and then, and gives up.
            if association is None or not association.is_established:
                association = entity.associate(
                    "127.0.0.1", recorder.own_port, ae_title=gateway.called
                )
                assert association.is_established
            association.send_c_store(file.path)
        association.release()

    assert_held_as_sent(gateway, recorder, corpus, share_min=0.9)


def test_dcmjs_dimse_stores_the_corpus(gateway, recorder, corpus, needs, peer_environment):
    needs("node")
    script = Path(__file__).with_name("dcmjs_store.js")
    if not script.with_name("node_modules").is_dir():
        pytest.skip("dcmjs-dimse is not installed (make peers)")
    paths = [str(file.path) for file in corpus]
    command = ["node", str(script), str(recorder.own_port), gateway.called]
    for start in range(0, len(paths), NODE_FILES_A_RUN):
        run([*command, *paths[start : start + NODE_FILES_A_RUN]], peer_environment)

    assert_held_as_sent(gateway, recorder, corpus, share_min=0.5)


def test_orthanc_stores_the_corpus(gateway, recorder, corpus, orthanc):
    modality = {"AET": gateway.called, "Host": "127.0.0.1", "Port": recorder.own_port}
    orthanc("PUT", "/modalities/hilum", json.dumps(modality).encode())
    taken = set()
    for file in corpus:
        answer = orthanc("POST", "/instances", file.path.read_bytes())
        if answer:
            taken.add(answer["ID"])

    orthanc(
        "POST",
        "/modalities/hilum/store",
        json.dumps({"Resources": sorted(taken), "Permissive": True, "Timeout": 60}).encode(),
    )

    assert_held_as_sent(gateway, recorder, corpus, share_min=0.5)


def patient_words(file):
    names = ["PatientName", "PatientID"]
    with warnings.catch_warnings(action="ignore"):
        patient = dcmread(file.path, specific_tags=names, force=True)
        return {str(patient.get(name, "")).strip() for name in names}


def test_no_log_of_these_tests_has_a_patients_name_or_id(gateway_logs, corpus):
    """Runs last (see conftest.py): the logs of all gateways of these tests, at debug level."""
    words = {word for file in corpus for word in patient_words(file)}
    # Shorter ones (a name "CT", an ID "1") stand in any log for other reasons.
    words = {word for word in words if len(word) >= 5}
    pattern = re.compile(
        r"(?<![\w.^-])(" + "|".join(re.escape(word) for word in sorted(words)) + r")(?![\w.^-])"
    )

    hits = {
        (path.parent.name, found[0])
        for path in gateway_logs
        for found in pattern.finditer(path.read_text(errors="replace"))
    }

    assert hits == set()
