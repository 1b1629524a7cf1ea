import dataclasses

import pytest
from ledger_entries import entry

from hilum.ledger.entry import HeldPayload, Verdict
from hilum.ledger.verdicts import HeldInstance, decide, judge

OURS = b"ours"
OTHER = b"other"


def held(*digests):
    return [
        HeldPayload(
            digest,
            f"{version}.dcm",
            version,
            is_current=version == len(digests),
            size=1,
            received_at_microseconds=version,
        )
        for version, digest in enumerate(digests, 1)
    ]


def wanting(verdict, **changes):
    return dataclasses.replace(entry(), digest=OURS, size=1, verdict=verdict, **changes)


@pytest.mark.parametrize("wanted", Verdict)
def test_the_same_bytes_are_already_held_whatever_was_wanted(wanted):
    assert judge(wanting(wanted), held(OURS, OTHER)) is Verdict.ALREADY_HELD


@pytest.mark.parametrize(
    ("wanted", "verdict"),
    [
        (Verdict.KEPT, Verdict.KEPT),
        (Verdict.KEPT_BESIDE, Verdict.KEPT),
        (Verdict.REPLACED, Verdict.KEPT),
        (Verdict.KEPT_FIRST, Verdict.KEPT),
    ],
)
def test_what_is_the_only_one_is_kept(wanted, verdict):
    assert judge(wanting(wanted), []) is verdict


@pytest.mark.parametrize(
    ("wanted", "verdict"),
    [
        (Verdict.KEPT, Verdict.KEPT_BESIDE),
        (Verdict.KEPT_BESIDE, Verdict.KEPT_BESIDE),
        (Verdict.KEPT_OLDER, Verdict.KEPT_OLDER),
        (Verdict.REPLACED, Verdict.REPLACED),
        (Verdict.KEPT_FIRST, Verdict.KEPT_FIRST),
    ],
)
def test_other_bytes_are_treated_as_wanted(wanted, verdict):
    assert judge(wanting(wanted), held(OTHER)) is verdict


def test_an_equal_digest_of_another_size_is_not_the_same():
    longer = dataclasses.replace(wanting(Verdict.KEPT_BESIDE), size=2)
    assert judge(longer, held(OURS)) is Verdict.KEPT_BESIDE


def test_what_was_seen_to_be_distinct_is_not_held_whatever_its_digest():
    seen = wanting(Verdict.KEPT_BESIDE, is_distinct=True)
    assert judge(seen, held(OURS)) is Verdict.KEPT_BESIDE


def test_the_newest_version_is_the_current_one():
    instance = HeldInstance(7, held(OURS, OTHER))

    step = decide(entry(verdict=Verdict.KEPT_BESIDE), instance)

    assert step.payload.version == 3
    assert [p.version for p in instance.payloads if p.is_current] == [3]


def test_an_older_version_does_not_become_the_current_one():
    instance = HeldInstance(7, held(OURS, OTHER))

    step = decide(entry(verdict=Verdict.KEPT_OLDER), instance)

    assert step.payload.version == 3
    assert [p.version for p in instance.payloads if p.is_current] == [2]


def test_replacing_lets_go_of_the_current_version_only():
    instance = HeldInstance(7, held(OURS, OTHER))

    step = decide(entry(verdict=Verdict.REPLACED), instance)

    assert step.superseded is not None
    assert step.superseded.version == 2
    assert [p.version for p in instance.payloads] == [1, 3]
