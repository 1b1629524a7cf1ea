"""Real peers ask Hilum for storage commitment, and hear from it: on their association or by a call.

What a modality hears decides what it deletes: only what is whole on our disk may be in a report.
"""

import contextlib
import json
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import StorageCommitmentPushModel
from trials.gateway import free_port

from hilum.testing.datasets import CT, instance, write_part10

HILUM = [sys.executable, "-c", "from hilum.cli import main; main()"]
WELL_KNOWN = "1.2.840.10008.1.20.1.1"
SUCCESS, NO_SUCH_INSTANCE, CONFLICT, PROCESSING_FAILURE = 0, 0x0112, 0x0119, 0x0110
UNKNOWN = "1.2.3.4.5"
SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
MADE = [instance(seed=n, study=1) for n in range(3)]
# Longer than any wait of the gateway when all is well.
SECONDS_MAX = 30.0


class Reports:
    """What was reported to a peer of ours."""

    def __init__(self):
        self.came = []
        self._condition = threading.Condition()

    def take(self, event):
        with self._condition:
            self.came.append((event.event_type, event.event_information))
            self._condition.notify_all()
        return SUCCESS, None

    def wait(self, count=1):
        with self._condition:
            assert self._condition.wait_for(lambda: len(self.came) >= count, SECONDS_MAX)
        event_type, information = self.came[count - 1]
        committed = {
            one.ReferencedSOPInstanceUID for one in information.get("ReferencedSOPSequence", [])
        }
        failed = {
            one.ReferencedSOPInstanceUID: one.FailureReason
            for one in information.get("FailedSOPSequence", [])
        }
        return event_type, information.TransactionUID, committed, failed


def request(transaction, references):
    asked = Dataset()
    asked.TransactionUID = transaction
    asked.ReferencedSOPSequence = []
    for sop_class, uid in references:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
        asked.ReferencedSOPSequence.append(item)
    return asked


def references_of(made):
    return [(one.sop_class_uid, one.sop_instance_uid) for one in made]


@contextlib.contextmanager
def asking(port, reports=None, called="HILUM"):
    """Open an association of a modality that asks for commitment."""
    ae = AE("CT1")
    ae.add_requested_context(StorageCommitmentPushModel, SYNTAXES)
    handlers = [(evt.EVT_N_EVENT_REPORT, reports.take)] if reports else []
    role = build_role(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    association = ae.associate(
        "127.0.0.1", port, ae_title=called, evt_handlers=handlers, ext_neg=[role]
    )
    assert association.is_established
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def ask(association, transaction, references):
    status, _ = association.send_n_action(
        request(transaction, references), 1, StorageCommitmentPushModel, WELL_KNOWN
    )
    return status.Status


@contextlib.contextmanager
def listening(port, reports):
    """Listen as a modality does for reports."""
    ae = AE("CT1")
    ae.add_supported_context(StorageCommitmentPushModel, SYNTAXES, scu_role=False, scp_role=True)
    server = ae.start_server(
        ("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, reports.take)]
    )
    try:
        yield
    finally:
        server.shutdown()


@pytest.fixture
def reports():
    return Reports()


@pytest.fixture
def site(start_gateway, tmp_path):
    """A gateway that holds something, and a peer that may ask and says where it listens."""

    def start(**settings):
        port = free_port()
        peer = (
            f'[peers.ct1]\nae_title = "CT1"\nhost = "127.0.0.1"\nport = {port}\n'
            'may = ["echo", "store", "commit"]\n'
        )
        gateway = start_gateway(
            durability="power", more=peer + settings.pop("more", ""), **settings
        )
        send(gateway.port, tmp_path, MADE)
        return gateway, port

    return start


def send(port, folder, made):
    files = folder / f"files-{port}"
    files.mkdir()
    for one in made:
        write_part10(files / f"{one.sop_instance_uid}.dcm", one)
    done = subprocess.run(
        [*HILUM, "send", f"HILUM@127.0.0.1:{port}", str(files), "-aet", "CT1"],
        capture_output=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_modality_that_keeps_its_association_hears_on_it(site, reports):
    gateway, _ = site()
    with asking(gateway.port, reports) as association:
        assert ask(association, "2.25.1", references_of(MADE)) == SUCCESS

        event_type, transaction, committed, failed = reports.wait()

    assert (event_type, transaction, failed) == (1, "2.25.1", {})
    assert committed == {one.sop_instance_uid for one in MADE}


def test_a_modality_that_hangs_up_is_called(site, reports):
    gateway, port = site()
    with listening(port, reports):
        with asking(gateway.port) as association:
            assert ask(association, "2.25.2", references_of(MADE)) == SUCCESS

        event_type, transaction, committed, failed = reports.wait()

    assert (event_type, transaction, failed) == (1, "2.25.2", {})
    assert committed == {one.sop_instance_uid for one in MADE}


def test_what_is_not_whole_on_our_disk_is_never_committed(site, reports):
    gateway, _ = site()
    lost, cut, good = MADE
    for one, act in ((lost, lambda path: path.unlink()), (cut, cut_short)):
        [path] = [
            path
            for path in (gateway.data / "vault" / "instances").rglob("*.dcm")
            if path.read_bytes().endswith(one.data_set)
        ]
        act(path)
    asked = [*references_of(MADE), (CT, UNKNOWN)]
    with asking(gateway.port, reports) as association:
        assert ask(association, "2.25.3", asked) == SUCCESS
        event_type, _, committed, failed = reports.wait()
        wrong = [("1.2.840.10008.5.1.4.1.1.7", good.sop_instance_uid)]
        assert ask(association, "2.25.4", wrong) == SUCCESS
        _, _, none, conflicting = reports.wait(2)

    assert event_type == 2
    assert committed == {good.sop_instance_uid}
    assert failed == {
        lost.sop_instance_uid: PROCESSING_FAILURE,
        cut.sop_instance_uid: PROCESSING_FAILURE,
        UNKNOWN: NO_SUCH_INSTANCE,
    }
    assert (none, conflicting) == (set(), {good.sop_instance_uid: CONFLICT})


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-2])


def test_a_report_comes_after_a_kill_and_a_restart(site, reports):
    """The peer hangs up; nobody listens until the gateway was killed and is back."""
    gateway, port = site()
    with asking(gateway.port) as association:
        assert ask(association, "2.25.5", references_of(MADE)) == SUCCESS
        gateway.kill()

    with listening(port, reports):
        gateway.start()
        event_type, transaction, committed, _ = reports.wait()

    assert (event_type, transaction) == (1, "2.25.5")
    assert committed == {one.sop_instance_uid for one in MADE}


def test_a_peer_that_is_away_is_called_again(site, reports, logged):
    gateway, port = site(more="[sources.dimse.commitment]\nretry_seconds = 0.2\n")
    with asking(gateway.port) as association:
        assert ask(association, "2.25.6", references_of(MADE)) == SUCCESS
    logged(gateway, "Cannot report storage commitment to ct1")

    with listening(port, reports):
        assert reports.wait()[0] == 1


def test_many_requests_on_one_association_are_all_reported(site, reports):
    gateway, _ = site()
    with asking(gateway.port, reports) as association:
        for number, one in enumerate(MADE):
            assert ask(association, f"2.25.7{number}", references_of([one])) == SUCCESS
        reports.wait(3)

    assert sorted(reports.wait(n)[1] for n in (1, 2, 3)) == ["2.25.70", "2.25.71", "2.25.72"]


def test_who_may_not_ask_is_not_answered(start_gateway):
    gateway = start_gateway()
    ae = AE("STRANGER")
    ae.add_requested_context(StorageCommitmentPushModel, SYNTAXES)
    association = ae.associate("127.0.0.1", gateway.port, ae_title="HILUM")

    assert not association.accepted_contexts
    association.abort()


def test_orthanc_asks_and_hears(start_gateway, start_orthanc, tmp_path):
    port = free_port()
    gateway = start_gateway(
        more=f'[peers.orthanc]\nae_title = "ORTHANC"\nhost = "127.0.0.1"\nport = {port}\n'
        'may = ["echo", "store", "commit"]\n'
    )
    orthanc = start_orthanc(
        DicomServerEnabled=True,
        DicomPort=port,
        DicomAet="ORTHANC",
        DicomModalities={"hilum": ["HILUM", "127.0.0.1", gateway.port]},
    )
    send(gateway.port, tmp_path, MADE)

    whole = outcome_at(orthanc, references_of(MADE))
    partly = outcome_at(orthanc, [*references_of(MADE), (CT, UNKNOWN)])

    assert whole["Status"] == "Success"
    assert len(whole["Success"]) == len(MADE)
    assert partly["Status"] == "Failure"
    assert [one["SOPInstanceUID"] for one in partly["Failures"]] == [UNKNOWN]


def test_a_request_for_a_whole_study_lets_it_go_whichever_worker_took_it(
    site, reports, logged, tmp_path
):
    """Nothing else could make it complete for sure: without the request it waits for an hour."""
    gateway, _ = site(
        workers=2,
        more=f'[destinations.shelf]\ntype = "folder"\npath = "{tmp_path / "shelf"}"\n\n'
        '[[routes]]\nname = "studies"\non = "study"\nto = ["shelf"]\n'
        'gather = { level = "complete", quiet_seconds = 1, forced_after = "1h" }\n',
    )
    (tmp_path / "shelf").mkdir(exist_ok=True)
    with asking(gateway.port, reports) as association:
        assert ask(association, "2.25.9", references_of(MADE)) == SUCCESS
        reports.wait()

    line = logged(gateway, "studies delivers study", "(3 deliveries)")
    assert "complete: 3 instances are listed by who made them; all of them are here" in line


def test_dcmjs_dimse_hears_while_it_lingers(site, needs):
    needs("node")
    script = Path(__file__).with_name("dcmjs_commit.js")
    if not (script.parent / "node_modules").is_dir():
        pytest.skip("dcmjs-dimse is not installed (make peers)")
    gateway, _ = site()
    named = [f"{sop_class}:{uid}" for sop_class, uid in references_of(MADE)]

    done = subprocess.run(
        ["node", str(script), str(gateway.port), "HILUM", "2.25.8", *named],
        capture_output=True,
        check=False,
        timeout=60,
    )

    found = json.loads(done.stdout)
    assert (found["status"], found["eventType"]) == (SUCCESS, 1)
    assert set(found["committed"]) == {one.sop_instance_uid for one in MADE}


def outcome_at(orthanc, references):
    body = json.dumps({"DicomInstances": [list(one) for one in references]}).encode()
    asked = orthanc("POST", "/modalities/hilum/storage-commitment", body)
    assert asked is not None
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        outcome = orthanc("GET", asked["Path"])
        if outcome["Status"] != "Pending":
            return outcome
        assert time.monotonic() < deadline, outcome
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [1, 2])
def test_one_hilum_delivers_to_another_and_hears_its_commitment(
    start_gateway, tmp_path, logged, workers
):
    near_port = free_port()
    far = start_gateway(
        workers=workers,
        more=f'[peers.near]\nae_title = "NEAR"\nhost = "127.0.0.1"\nport = {near_port}\n'
        'may = ["echo", "store", "commit"]\n',
    )
    near = start_gateway(
        ae_title="NEAR",
        more=f'[destinations.far]\ntype = "dimse"\nae_title = "HILUM"\nhost = "127.0.0.1"\n'
        f"port = {far.port}\ncommitment = {{}}\n\n"
        '[[routes]]\nname = "all"\nto = ["far"]\n',
    )
    files = tmp_path / "files"
    files.mkdir()
    for one in MADE:
        write_part10(files / f"{one.sop_instance_uid}.dcm", one)
    subprocess.run(
        [*HILUM, "send", f"NEAR@127.0.0.1:{near.port}", str(files)], check=True, timeout=100
    )

    logged(far, "Reported to near on its own association")
    deadline = time.monotonic() + SECONDS_MAX
    while (states := set(states_at(near))) != {("delivered", 3)}:
        assert time.monotonic() < deadline, states
        time.sleep(0.1)


def states_at(gateway):
    question = "SELECT state, count(*) FROM delivery GROUP BY state"
    with contextlib.closing(sqlite3.connect(gateway.data / "ledger.sqlite")) as connection:
        return connection.execute(question).fetchall()
