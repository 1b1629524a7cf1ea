"""Whoever is refused is told the right code, and the log tells the operator what to change."""

import subprocess

import pytest
from trials import objects
from trials.wire import EXPLICIT_VR, Connection, Proposal, associated, item, user_information

PEER = '[peers.ct1]\nae_title = "CT1"\n'
PRIVATE_SOP_CLASS = "1.3.12.2.1107.5.9.1"


def answer_to(gateway, **request):
    with Connection(gateway.port) as connection:
        called = request.pop("called", gateway.called)
        return connection.associate(called, **request)


def test_a_wrong_called_ae_title(start_gateway, logged):
    gateway = start_gateway()

    assert answer_to(gateway, called="PACS") == "reject 1/1/7"
    logged(gateway, "Rejected", "'PACS'", "Remedy", "sources.dimse.called_ae_titles")


def test_an_unknown_caller(start_gateway, logged):
    gateway = start_gateway(unknown_callers="refuse", more=PEER)

    assert answer_to(gateway, calling="MR7") == "reject 1/1/3"
    logged(gateway, "Rejected", "'MR7'", "Remedy", "[peers.", "unknown_callers")


def test_a_known_caller_from_another_address(start_gateway, logged):
    gateway = start_gateway(unknown_callers="refuse", more=PEER + 'host = "10.9.8.7"\n')

    assert answer_to(gateway, calling="CT1") == "reject 1/1/3"
    logged(gateway, "Rejected", "'CT1'", "127.0.0.1", "Remedy", "peers.ct1.host")


def test_a_wrong_password(start_gateway, logged):
    gateway = start_gateway(more=PEER + 'user = "ct1"\npassword = "right-secret"\n')
    identity = b"\x02\x00\x00\x03ct1\x00\x0cwrong-secret"

    answer = answer_to(gateway, calling="CT1", user=user_information(more=item(0x58, identity)))

    assert answer == "reject 1/2/1"
    line = logged(gateway, "Rejected", "'CT1'", "Remedy", "peers.ct1.user")
    assert "secret" not in line


def test_too_many_associations_of_a_peer(start_gateway, logged):
    gateway = start_gateway(more=PEER + "associations_max = 1\n")

    with associated(gateway.port, gateway.called, calling="CT1"):
        assert answer_to(gateway, calling="CT1") == "reject 2/3/2"
    logged(gateway, "Rejected", "'CT1'", "Remedy", "peers.ct1.associations_max")


def test_too_many_associations_in_all(start_gateway, logged):
    gateway = start_gateway(dimse={"limits": "{ associations_max = 1 }"})

    with associated(gateway.port, gateway.called):
        assert answer_to(gateway) == "reject 2/3/2"
    logged(gateway, "Rejected", "Remedy", "sources.dimse.limits.associations_max")


@pytest.mark.parametrize(
    ("more", "sop_class", "remedy"),
    [
        ("", PRIVATE_SOP_CLASS, "sources.dimse.accept_private_sop_classes"),
        (PEER + 'may = ["echo"]\n', "1.2.840.10008.5.1.4.1.1.2", "peers.ct1.may"),
        (PEER, "1.2.840.10008.5.1.4.1.2.2.1", 'add "find" to peers.ct1.may'),  # Study Root C-FIND
        ("", "1.2.840.10008.5.1.4.31", "not offered"),  # Modality Worklist
    ],
)
def test_a_presentation_context_that_is_not_open(start_gateway, logged, more, sop_class, remedy):
    gateway = start_gateway(more=more)

    with Connection(gateway.port) as connection:
        proposals = [Proposal(1, sop_class, [EXPLICIT_VR])]
        answer = connection.associate(gateway.called, calling="CT1", proposals=proposals)

    assert answer == "accept"
    assert connection.results[1] != 0
    logged(gateway, "refused presentation contexts", "Remedy", remedy)


def test_dcmtk_is_told_why(start_gateway, needs, peer_environment):
    needs("echoscu")
    gateway = start_gateway()

    done = subprocess.run(
        ["echoscu", "-aec", "PACS", "127.0.0.1", str(gateway.port)],
        capture_output=True,
        text=True,
        env=peer_environment,
        timeout=30,
        check=False,
    )

    assert done.returncode != 0
    assert "Called AE Title Not Recognized" in done.stderr + done.stdout


def test_a_broken_data_set_is_refused_and_named(start_gateway, logged):
    gateway = start_gateway()
    uid = objects.instance_uid(6, 1)

    with associated(gateway.port, gateway.called) as connection:
        answer = connection.store(uid, objects.instance(uid, size=4000)[:2000])

    assert answer == "c000"
    logged(gateway, "Refused", uid, "ends after")
    logged(gateway, "quarantine")
