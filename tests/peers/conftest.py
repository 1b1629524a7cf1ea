"""Gateways as real processes for real peers, and the logs of all of them in one place.

Nothing is installed here: `sh tests/peers/install.sh` does that, and what is missing skips itself.
"""

import html
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # trials has the processes and the wire

from corpus import read_corpus
from patient_pynetdicom import mend
from trials.gateway import HILUM, Settings, free_port
from trials.targets import GatewayTarget

# Peers start slowly on a busy machine; nothing waits this long when all is well.
PEER_SECONDS_MAX = 120
LOG_SECONDS_MAX = 5.0
CHROMIUM_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
# Of the page's own clock, which stands still while it waits for us.
PAGE_MILLISECONDS = 20_000
BROWSER_SECONDS_MAX = 90
LAST_TEST = "test_no_log_of_these_tests_has_a_patients_name_or_id"

mend()


def pytest_collection_modifyitems(items):
    """Mark what needs a peer; move the test that reads all logs behind those that write them."""
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.peer)
        item.add_marker(pytest.mark.timeout(PEER_SECONDS_MAX))
    last = [item for item in ours if item.name == LAST_TEST]
    items[:] = [item for item in items if item not in last] + last


# Runs after pytest-randomly, which shuffles in this hook as well.
pytest_collection_modifyitems = pytest.hookimpl(trylast=True)(pytest_collection_modifyitems)


@pytest.fixture(scope="session")
def gateway_logs():
    """The log files of all gateways of this session."""
    return []


@pytest.fixture
def start_gateway(tmp_path_factory, gateway_logs):
    """Start gateways with settings of their own; all are stopped at the end of the test."""
    started = []

    def start(port=0, **settings):
        folder = tmp_path_factory.mktemp("gateway")
        gateway = GatewayTarget(folder, Settings(**{"level": "debug", **settings}))
        gateway.port = port or gateway.port
        gateway_logs.append(gateway.log)
        started.append(gateway)
        gateway.start()
        return gateway

    yield start
    for gateway in started:
        gateway.stop()


@pytest.fixture(scope="session")
def archive_gateway(tmp_path_factory, gateway_logs, corpus):
    """A gateway that holds the corpus, for tests that only ask it."""
    gateway = GatewayTarget(tmp_path_factory.mktemp("archive"), Settings(level="debug"))
    gateway_logs.append(gateway.log)
    gateway.start()
    paths = [str(file.path) for file in corpus]
    command = [str(HILUM), "send", f"{gateway.called}@127.0.0.1:{gateway.port}", *paths]
    # Some of the corpus is made to be refused.
    subprocess.run(command, check=False, capture_output=True, timeout=PEER_SECONDS_MAX)
    yield gateway
    gateway.stop()


@pytest.fixture(scope="session")
def corpus():
    """Real Part 10 files."""
    return read_corpus()


@pytest.fixture(scope="session")
def peer_environment():
    """Where Debian keeps servers is on the path; DCMTK sends without waiting (Nagle off)."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return {**os.environ, "PATH": path, "TCP_NODELAY": "1"}


@pytest.fixture
def needs(peer_environment):
    """Skip the test when a program is not installed."""

    def check(program):
        if shutil.which(program, path=peer_environment["PATH"]) is None:
            pytest.skip(f"{program} is not installed (make peers)")

    return check


@pytest.fixture
def logged():
    """Wait for a line of a gateway's log that has all the words; fail with the log without one."""

    def wait(gateway, *words):
        deadline = time.monotonic() + LOG_SECONDS_MAX
        while True:
            lines = gateway.log_text().splitlines()
            found = [line for line in lines if all(word in line for word in words)]
            if found:
                return found[-1]
            if time.monotonic() > deadline:
                pytest.fail(f"no line with {words} in the log:\n" + "\n".join(lines[-20:]))
            time.sleep(0.02)

    return wait


@pytest.fixture
def start_orthanc(needs, tmp_path, peer_environment):
    """Start an Orthanc; give a function that talks to it. None is an answer that was no success."""
    needs("Orthanc")
    processes = []

    def start(**options):
        port = free_port()
        configuration = {
            "StorageDirectory": str(tmp_path / "orthanc"),
            "IndexDirectory": str(tmp_path / "orthanc"),
            "HttpPort": port,
            "DicomServerEnabled": False,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "Plugins": [],
            **options,
        }
        (tmp_path / "orthanc.json").write_text(json.dumps(configuration))
        process = subprocess.Popen(
            ["Orthanc", str(tmp_path / "orthanc.json")],
            env=peer_environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=tmp_path,
        )
        processes.append(process)

        def ask(method, path, body=None):
            url = f"http://127.0.0.1:{port}{path}"
            request = urllib.request.Request(url, body, method=method)
            try:
                with urllib.request.urlopen(request, timeout=PEER_SECONDS_MAX) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                error.close()
                return None

        wait_until_it_answers(ask, process)
        return ask

    yield start
    for process in processes:
        process.terminate()
        process.wait(20)


@pytest.fixture
def orthanc(start_orthanc):
    """Talk to an Orthanc that takes nothing over DICOM."""
    return start_orthanc()


def wait_until_it_answers(ask, process):
    for _ in range(400):
        assert process.poll() is None, "Orthanc ended"
        try:
            ask("GET", "/system")
        except OSError:
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        else:
            return
    pytest.fail("Orthanc does not answer")


@pytest.fixture
def shown(needs, tmp_path):
    """Give the page as it stands after its scripts have run."""
    needs("chromium")

    def show(url):
        done = subprocess.run(
            [
                "chromium",
                *CHROMIUM_QUIET,
                f"--user-data-dir={tmp_path / 'browser'}",
                f"--virtual-time-budget={PAGE_MILLISECONDS}",
                "--dump-dom",
                url,
            ],
            capture_output=True,
            text=True,
            timeout=BROWSER_SECONDS_MAX,
            check=False,
        )
        return html.unescape(done.stdout)

    return show
