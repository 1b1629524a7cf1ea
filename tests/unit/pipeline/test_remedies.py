"""A remedy fits the reason that our own destinations write, in the words they have today."""

import errno
import os
import ssl

import pytest
from deliveries import queued

from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.refusals import rejection
from hilum.destinations.folder.failures import outcome_of
from hilum.destinations.http.failures import failure_of
from hilum.destinations.tls_words import alert_words, distrust_words
from hilum.dicomweb.http_status import describe_status
from hilum.dimse.status import describe
from hilum.dimse.upper.pdu import AssociateReject
from hilum.dimse.upper.reasons import AcseReason, PresentationReason, RejectResult, UserReason
from hilum.kernel.names import AETitle
from hilum.ledger.delivery import State
from hilum.pipeline.remedies import parted, remedy_of

ADDRESS = Address("10.1.2.9", 104, AETitle("ARCHIVE"), AETitle("HILUM"))


def remedy(reason, kind="dimse", **changes):
    return remedy_of(queued(7, reason=str(reason), **changes), kind, calling="HILUM")


def alert(reason):
    error = ssl.SSLError()
    error.reason = reason
    return alert_words(error)


def rejected(reason):
    return rejection(ADDRESS, AssociateReject(RejectResult.PERMANENT, reason))


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (UserReason.CALLED_AE_TITLE_NOT_RECOGNIZED, ["'ARCHIVE'", "ae_title in [dest"]),
        (UserReason.CALLING_AE_TITLE_NOT_RECOGNIZED, ["'HILUM'", "calling_ae_title"]),
        (AcseReason.NO_REASON_GIVEN, ["ae_title", "user identity"]),
        (PresentationReason.TEMPORARY_CONGESTION, ["too much to do"]),
        (PresentationReason.LOCAL_LIMIT_EXCEEDED, ["associations_max"]),
    ],
)
def test_a_rejected_association_names_the_setting(reason, words):
    said = remedy(rejected(reason))

    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (distrust_words("certificate has expired", "Is it?"), "Whoever runs it must install a new"),
        (distrust_words("certificate is not yet valid", "Is it?"), "clocks of both machines"),
        (distrust_words("unable to get local issuer certificate", "Is it?"), "into ca of"),
        (alert("SSLV3_ALERT_CERTIFICATE_EXPIRED"), "certificate in [destinations.pacs.tls]"),
        (alert("TLSV1_ALERT_UNKNOWN_CA"), "must know the authority that issued them"),
        (alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "Ours are certificate and key"),
    ],
)
def test_certificates_are_changed_by_whom_they_belong_to(reason, words):
    assert words in remedy(f"{ADDRESS}: {reason}")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0xA700, ["make room"]),
        (0xA900, ["its log", "drop REASON --id 7"]),
        (0xC000, ["its log"]),
        (0x0110, ["its log"]),
        (0x0111, ["already_there"]),
        (0x0124, ["HILUM", "permission"]),
    ],
)
def test_a_status_of_c_store_says_who_must_act(status, words):
    said = remedy(f"{ADDRESS} answered: {describe(status)}", state=State.REFUSED)

    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, ["auth"]),
        (403, ["permission"]),
        (404, ["path of url"]),
        (413, ["limit"]),
        (429, ["rate"]),
        (503, ["not available"]),
        (500, ["its log"]),
    ],
)
def test_a_status_of_http_says_who_must_act(status, words):
    said = remedy(f"the server answered {describe_status(status)}", "dicomweb")

    assert all(word in said for word in words), said


def test_a_reset_keeps_its_hint():
    said = remedy(failure_of("https://a.example.com", ConnectionResetError(104, "x")), "dicomweb")

    assert "limit the size of requests?" in said


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, ["Make room"]),
        (errno.EROFS, ["user write there", "path in [dest"]),
        (errno.ENOENT, ["mount"]),
    ],
)
def test_a_failure_of_a_folder_names_its_path(number, words):
    outcome = outcome_of(OSError(number, os.strerror(number)), "/exports")

    said = remedy(outcome.reason, "folder")

    assert all(word in said for word in words), said


def test_a_reason_that_nobody_knows_keeps_its_own_hint():
    assert remedy("the moon is full; is it?", failing="busy").startswith("Is it?")


def test_a_refusal_that_nobody_knows_still_says_what_to_type():
    said = remedy("no", state=State.REFUSED)

    assert "hilum queue retry --destination pacs" in said
    assert "hilum queue drop REASON --id 7" in said


@pytest.mark.parametrize(
    ("reason", "fact", "hint"),
    [
        ("PACS answered: no", "PACS answered: no", ""),
        ("no way: is it on? Is it there?", "no way", "Is it on? Is it there?"),
        ("is it on?", "is it on?", ""),
        ("refused. Register 'US' there.", "refused", "Register 'US' there."),
        ("a.b (10.0.0.1:104): cannot connect", "a.b (10.0.0.1:104): cannot connect", ""),
    ],
)
def test_a_reason_is_parted_before_its_questions(reason, fact, hint):
    assert parted(reason) == (fact, hint)


def test_braces_in_a_reason_do_no_harm():
    assert remedy("it said {name} {0}; is that so?", failing="busy").startswith("Is that so?")
