"""Every row of tests/golden/bridge_statuses: what others answer, and what we make of it.

With HILUM_UPDATE_GOLDEN=1 the right side is written anew; then read whether it is right.
"""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from hilum.dimse.status import Category, Service, category
from hilum.kernel.outcome import Deferred, Delivered, Failing, Refused
from hilum.pipeline.answerers.ailments import AnswererFailed, DimseAnswer, HttpAnswer, Lost
from hilum.pipeline.answerers.statuses import (
    find_ending,
    http_ending,
    retrieve_ending,
    store_status_of_ailment,
)
from hilum.pipeline.answerers.store_statuses import (
    failure_reason,
    store_comment,
    store_status,
    stow_ending,
    warning_reason,
)

GOLDEN = Path(__file__).parents[3] / "golden/bridge_statuses"
SERVICES = {"C-FIND": Service.FIND, "C-MOVE": Service.MOVE, "C-GET": Service.GET}
FAILED = {Category.FAILURE}


def rows_of(name):
    lines = (GOLDEN / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def ailment_of(words):
    kind, *values = words.split()
    if kind == "HTTP":
        return HttpAnswer(int(values[0]), float(values[1]) if len(values) > 1 else None)
    if kind in SERVICES:
        return DimseAnswer(int(values[0], 16), SERVICES[kind])
    return Lost(words.removeprefix("lost: "))


def outcome_of(words):
    kind, *values = words.split()
    if kind == "delivered":
        return Delivered(int(values[0], 16) if values else None)
    if kind == "refused":
        return Refused("…", *numbers(values[0] if values else "-"))
    failing, *more = values
    wait = timedelta(seconds=float(more[1])) if len(more) > 1 else None
    return Deferred("…", wait, Failing(failing), *numbers(more[0] if more else "-"))


def numbers(text):
    """Give the status and the code of HTTP: four hexadecimal digits or three decimal ones."""
    if text == "-":
        return None, None
    return (int(text, 16), None) if len(text) == 4 else (None, int(text))


def of_ailment(words, profile):
    failure = AnswererFailed("…", answerer="pacs", ailment=ailment_of(words))
    parts = [
        f"find {find_ending(failure, profile).status:04X}",
        f"retrieve {retrieve_ending(failure, profile).status:04X}",
        f"store {store_status_of_ailment(failure.ailment, profile):04X}",
    ]
    if profile == "standard":
        ending = http_ending(failure)
        parts.append(f"QIDO {ending.code} {ending.retry_after or '-'}")
        parts.append(f"WADO {ending.code} {ending.retry_after or '-'}")
        parts.append(retrieve_ending(failure).comment)
    return " | ".join(parts)


def of_outcome(words):
    outcome = outcome_of(words)
    reasons = (failure_reason(outcome), warning_reason(outcome))
    told = ["-" if reason is None else f"{reason:04X}" for reason in reasons]
    ending = stow_ending([outcome])
    return " | ".join(
        [
            f"store {store_status(outcome):04X}",
            f"harmony {store_status(outcome, 'harmony'):04X}",
            f"reason {told[0]}",
            f"warning {told[1]}",
            f"STOW {ending.code} {ending.retry_after or '-'}",
            store_comment(outcome, "pacs") or "-",
        ]
    )


def of_outcomes(words):
    ending = stow_ending([outcome_of(one) for one in words.split(", ")])
    return f"STOW {ending.code} {ending.retry_after or '-'}"


TABLES = {
    "ailments.txt": lambda words: of_ailment(words, "standard"),
    "ailments_harmony.txt": lambda words: of_ailment(words, "harmony"),
    "outcomes.txt": of_outcome,
    "requests.txt": of_outcomes,
}
CASES = [(name, row) for name in TABLES for row in rows_of(name)]


@pytest.fixture(scope="module", autouse=True)
def _update():
    if os.environ.get("HILUM_UPDATE_GOLDEN"):
        for name, make in TABLES.items():
            lines = (GOLDEN / name).read_text(encoding="utf-8").splitlines()
            told = [
                f"{line.split(' -> ')[0]} -> {make(line.split(' -> ')[0])}"
                if line and not line.startswith("#")
                else line
                for line in lines
            ]
            (GOLDEN / name).write_text("\n".join(told) + "\n", encoding="utf-8")


@pytest.mark.parametrize(("name", "row"), CASES)
def test_row_is_answered_so(name, row):
    left, _, expected = row.partition(" -> ")

    assert TABLES[name](left) == expected


@pytest.mark.parametrize("profile", ["standard", "harmony"])
@pytest.mark.parametrize("code", [*range(300, 600)])
def test_no_code_of_http_is_told_as_success_or_warning_for_a_store(code, profile):
    status = store_status_of_ailment(HttpAnswer(code), profile)

    assert category(status, Service.STORE) in FAILED
    assert store_status(Refused("…", http_status=code), profile) == status


@pytest.mark.parametrize("profile", ["standard", "harmony"])
def test_no_status_of_dimse_is_told_as_success_or_warning_for_what_is_not_stored(profile):
    statuses = {
        make(status, profile)
        for status in range(0x10000)
        for make in (
            lambda status, profile: store_status(Refused("…", status), profile),
            lambda status, profile: store_status(Deferred("…", status=status), profile),
        )
    }

    assert {category(status, Service.STORE) for status in statuses} == FAILED


@pytest.mark.parametrize(
    ("ending", "service"), [(find_ending, Service.FIND), (retrieve_ending, Service.MOVE)]
)
def test_every_status_ends_a_search_and_a_retrieval_in_a_failure_of_theirs(ending, service):
    for status in range(0x10000):
        failure = AnswererFailed("…", answerer="a", ailment=DimseAnswer(status, service))

        assert category(ending(failure).status, service) in FAILED


def test_comments_have_room_for_what_is_wrong_however_long_the_name():
    for ailment in [*Lost, *map(HttpAnswer, range(300, 600)), DimseAnswer(0xA700, Service.FIND)]:
        failure = AnswererFailed("…", answerer="n" * 80, ailment=ailment)

        assert len(retrieve_ending(failure).comment) <= 64
