"""The privacy trial has never failed on Hilum; this shows that it would."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # trials are not installed

from trials import privacy
from trials.wire import SUCCESS

LINE = b'{"level": "info", "event": "AssociationAccepted", "calling_ae_title": "MODALITY"}\n'
CLEAN = {
    "log": LINE * 100,
    "pages": b'hilum_instances_received_total{source="dimse"} 3\n',
    "file names": b"/data/vault/12/34",
    "notes": b"{}",
    "command line": b"3 instances\n",
}
CANARIES = (privacy.NAME, privacy.ID, privacy.OTHER_NAME, privacy.BIRTH_DATE, privacy.PASSWORD)


def test_nothing_to_be_seen_passes():
    result = privacy.judge(CLEAN, [SUCCESS])

    assert result.passed
    assert result.figures["hits"] == 0


@pytest.mark.parametrize("place", CLEAN)
@pytest.mark.parametrize("canary", CANARIES)
def test_a_canary_in_any_place_fails(place, canary):
    leak = b'hilum_instances_received_total{patient="' + canary + b'"} 1'
    places = {**CLEAN, place: CLEAN[place] + leak + b"\n" + LINE}

    result = privacy.judge(places, [SUCCESS])

    assert not result.passed
    (found,) = result.figures["hits"][place]
    assert canary.decode() in found
    assert list(result.figures["hits"]) == [place]


def test_a_log_that_quotes_the_data_set_fails():
    places = {**CLEAN, "log": CLEAN["log"] + f"element {privacy._canary(1)!r}\n".encode()}

    assert not privacy.judge(places, [SUCCESS]).passed


@pytest.mark.parametrize("canary", [privacy.NAME, privacy.ID, privacy.BIRTH_DATE])
def test_what_goes_in_has_canaries(canary):
    assert canary in privacy._canary(1)


def test_a_run_that_logged_next_to_nothing_has_proved_nothing():
    assert not privacy.judge({**CLEAN, "log": LINE}, [SUCCESS]).passed


def test_a_run_that_took_nothing_in_has_proved_nothing():
    refused = ["C000", "Closed"]

    assert not privacy.judge(CLEAN, refused).passed
