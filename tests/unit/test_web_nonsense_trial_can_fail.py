"""The trial of hostile requests passes on Hilum; this shows what it would not pass."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # trials are not installed

from trials import objects, web_nonsense, web_requests
from trials.web_requests import Attempt, Held

WHOLE = Attempt("search", b"GET / HTTP/1.1\r\n\r\n")
BROKEN = Attempt("search", b"GET / HTTP", is_whole=False)
FILE = objects.part10(objects.instance_uid(1), size=2000)
HELD = Held("1.2", "1.2.3", ["1.2.3.4"], [FILE])


@pytest.mark.parametrize(
    ("attempt", "outcome", "answer", "statuses"),
    [
        (WHOLE, "answered", b"", [500]),
        (WHOLE, "answered", b"", [200, 503]),
        (WHOLE, "closed", b"", []),
        (WHOLE, "endless", b"", []),
        (BROKEN, "endless", b"", []),
        (WHOLE, "answered", web_nonsense.SECRET, [200]),
    ],
)
def test_what_must_not_be_is_found(attempt, outcome, answer, statuses):
    assert web_nonsense.fault_of(attempt, outcome, answer, statuses)


@pytest.mark.parametrize(
    ("attempt", "outcome", "statuses"),
    [
        (WHOLE, "answered", [200]),
        (WHOLE, "answered", [501]),
        (BROKEN, "closed", []),
        (BROKEN, "cut off", []),
    ],
)
def test_a_definite_end_is_right(attempt, outcome, statuses):
    assert not web_nonsense.fault_of(attempt, outcome, b"", statuses)


def test_a_seed_is_one_request():
    first = [web_requests.attempt(seed, HELD) for seed in range(50)]
    again = [web_requests.attempt(seed, HELD) for seed in range(50)]

    assert first == again
    assert len({attempt.content for attempt in first}) == 50
