"""schemathesis asks /api/v1 whatever its own description allows, and does not: what comes fits."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

DESTINATION = """
[destinations.pacs]
type = "dimse"
host = "127.0.0.1"
port = 1
ae_title = "PACS"
"""
# A selection may be well written and mean nothing, which no schema can say; and numbers may be
# written as texts, as everywhere.
NOT_HELD = "positive_data_acceptance,negative_data_rejection"
SECONDS_MAX = 60
OPERATIONS_MIN = 10


@pytest.fixture
def schemathesis():
    """Its command, run beside us: warnings of its libraries are not ours."""
    program = Path(sys.executable).with_name("schemathesis")
    if not program.exists():
        pytest.skip("schemathesis is not installed")
    return program


@pytest.fixture
def gateway(start_gateway):
    """A gateway that owes nothing; one destination is known and does not answer."""
    return start_gateway(more=DESTINATION)


def test_every_answer_of_the_api_is_as_described(gateway, schemathesis, tmp_path):
    described = f"http://127.0.0.1:{gateway.web_port}/api/v1/openapi.json"

    done = subprocess.run(
        [
            *(schemathesis, "run", described, "--seed", "4", "--max-examples", "25"),
            *("--phases", "coverage,fuzzing", "--checks", "all", "--exclude-checks", NOT_HELD),
            *("--no-shrink", "--warnings", "off", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-1000:]
    status, text = gateway.page("/api/v1/openapi.json")
    assert status == 200
    assert len(json.loads(text)["paths"]) >= OPERATIONS_MIN
    assert "unexpectedly (" not in gateway.log_text()
    assert "Traceback" not in gateway.log_text()
