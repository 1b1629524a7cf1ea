"""Who may come in, and that every refusal says what to change."""

import ipaddress

import pytest

from hilum.dimse.upper.items import UserIdentity
from hilum.dimse.upper.reasons import AcseReason, PresentationReason, RejectResult, UserReason
from hilum.sources.dimse.admission import Admitted, Caller, Known, Rejection, Rules, admit
from hilum.sources.dimse.settings import PeerSettings


def known(name: str = "ct1", **settings: object) -> Known:
    made = PeerSettings.model_validate({"ae_title": "CT1", "host": ["10.1.2.3"], **settings})
    return Known(name, made, tuple(ipaddress.ip_network(host) for host in made.host))


def rules(*peers: Known, **changes: object) -> Rules:
    values = {
        "own_titles": frozenset({"HILUM"}),
        "check_called": True,
        "peers": peers,
        "unknown_callers": "loopback",
        "associations_max": 10,
        **changes,
    }
    return Rules(**values)


def ask(rules: Rules, *, open_in_all: int = 0, open_by_peer=None, **caller: object):
    values = {
        "calling_ae_title": "CT1",
        "called_ae_title": "HILUM",
        "host": "10.1.2.3",
        "identity": None,
        **caller,
    }
    return admit(Caller(**values), rules, open_in_all=open_in_all, open_by_peer=open_by_peer or {})


def test_a_known_peer_gets_what_it_may():
    assert ask(rules(known(may=["echo"]))) == Admitted("ct1", "HILUM", frozenset({"echo"}), False)


@pytest.mark.parametrize("host", ["10.1.2.77", "::ffff:10.1.2.77"])
def test_a_network_admits_its_addresses(host):
    answer = ask(rules(known(host=["10.1.2.0/24"])), host=host)

    assert isinstance(answer, Admitted)


def test_a_known_title_from_another_address_is_refused_even_on_loopback():
    answer = ask(rules(known()), host="127.0.0.1")

    assert isinstance(answer, Rejection)
    assert answer.reject.reason is UserReason.CALLING_AE_TITLE_NOT_RECOGNIZED
    assert "127.0.0.1" in answer.remedy
    assert "peers.ct1.host" in answer.remedy


def test_the_called_title_is_checked_first_and_near_misses_are_named():
    answer = ask(rules(known()), called_ae_title="hilum")

    assert isinstance(answer, Rejection)
    assert answer.reject.reason is UserReason.CALLED_AE_TITLE_NOT_RECOGNIZED
    assert "case or blanks" in answer.remedy


def test_the_called_title_is_not_checked_when_that_is_off():
    assert isinstance(ask(rules(known(), check_called=False), called_ae_title="X"), Admitted)


@pytest.mark.parametrize(
    ("policy", "host", "is_welcome"),
    [
        ("accept", "10.9.9.9", True),
        ("loopback", "127.0.0.1", True),
        ("loopback", "::1", True),
        ("loopback", "10.9.9.9", False),
        ("refuse", "127.0.0.1", False),
    ],
)
def test_unknown_callers(policy, host, is_welcome):
    answer = ask(rules(unknown_callers=policy), calling_ae_title="NEW", host=host)

    assert isinstance(answer, Admitted) is is_welcome
    if isinstance(answer, Rejection):
        assert answer.reject.result is RejectResult.PERMANENT
        assert "[peers.<name>]" in answer.remedy


def test_swapped_titles_are_recognised():
    answer = ask(rules(known(), unknown_callers="refuse"), calling_ae_title="HILUM")

    assert isinstance(answer, Rejection)
    assert "swapped" in answer.remedy


def test_a_title_that_differs_in_case_is_recognised():
    answer = ask(rules(known(), unknown_callers="refuse"), calling_ae_title="ct1")

    assert isinstance(answer, Rejection)
    assert "peers.ct1.ae_title is 'CT1'" in answer.remedy


@pytest.mark.parametrize("title", ["", "  ", "A\\B", "A\x00B", "ÄÖ"])
def test_a_calling_title_that_is_none_is_refused_whoever_may_call(title):
    answer = ask(rules(unknown_callers="accept"), calling_ae_title=title)

    assert isinstance(answer, Rejection)
    assert answer.reject.reason is UserReason.CALLING_AE_TITLE_NOT_RECOGNIZED


@pytest.mark.parametrize(
    ("user", "password", "is_welcome"),
    [(b"u", b"p", True), (b"u", b"x", False), (b"x", b"p", False), (b"u", b"", False)],
)
def test_user_and_password_are_needed_when_set(user, password, is_welcome):
    peer = known(user="u", password="p")
    answer = ask(rules(peer), identity=UserIdentity(2, False, user, password))

    assert isinstance(answer, Admitted) is is_welcome
    if isinstance(answer, Rejection):
        assert answer.reject.reason is AcseReason.NO_REASON_GIVEN


def test_no_identity_at_all_is_refused_when_one_is_needed():
    assert isinstance(ask(rules(known(user="u", password="p"))), Rejection)


def test_limits_are_transient():
    in_all = ask(rules(known()), open_in_all=10)
    of_peer = ask(rules(known(associations_max=2)), open_by_peer={"ct1": 2})

    for answer in (in_all, of_peer):
        assert isinstance(answer, Rejection)
        assert answer.reject.result is RejectResult.TRANSIENT
        assert answer.reject.reason is PresentationReason.LOCAL_LIMIT_EXCEEDED


def test_a_peer_may_be_kept_from_one_of_our_titles():
    answer = ask(rules(known(called_ae_titles=["OTHER"]), own_titles=frozenset({"HILUM", "OTHER"})))

    assert isinstance(answer, Rejection)
    assert "peers.ct1.called_ae_titles" in answer.remedy
