import json

import pytest

from hilum.cli.app import run
from hilum.dimse.upper.negotiation import Policy
from hilum.dimse.upper.pdu import AssociateReject
from hilum.dimse.upper.reasons import RejectResult, UserReason
from hilum.testing.datasets import CT
from hilum.testing.peer import ScriptedPeer


def echo(*arguments):
    return run(["echo", *[str(argument) for argument in arguments]])


@pytest.fixture
def peer():
    with ScriptedPeer().in_a_thread() as listening:
        yield listening


def test_a_peer_that_answers_is_named_with_its_implementation_and_time(peer, capsys):
    code = echo(f"PEER@{peer.host}:{peer.port}")

    said = capsys.readouterr().out
    assert code == 0
    assert said.startswith(f"PEER (127.0.0.1:{peer.port}), HILUM_0_1: Success (0x0000), ")
    assert said.rstrip().endswith(" ms")


def test_dcmtk_s_way_to_say_it_is_understood(peer, capsys):
    code = echo("-v", "-d", "-aet", "ME", "-aec", "YOU", "-to", 5, "-ta", 5, "-td", 5,
                "-pdu", 16384, peer.host, peer.port)  # fmt: skip

    assert code == 0
    assert (peer.requests[0].calling_ae_title, peer.requests[0].called_ae_title) == ("ME", "YOU")
    assert "longest PDU it takes  131,072 bytes" in capsys.readouterr().out


def test_repeated_echoes_share_an_association_and_give_their_times(peer, capsys):
    code = echo(f"{peer.host}:{peer.port}", "--repeat", 10)

    assert code == 0
    assert "10 echoes: " in capsys.readouterr().out
    assert len(peer.requests) == 1


def test_json_has_all_of_it(peer, capsys):
    code = echo(f"PEER@{peer.host}:{peer.port}", "--repeat", 3, "--json")

    said = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (said["success"], said["status"], said["error"]) == (True, "0x0000", None)
    assert said["implementation_version_name"] == "HILUM_0_1"
    assert len(said["echo_milliseconds"]) == 3


def test_a_rejection_is_explained_and_fails(capsys):
    no = AssociateReject(RejectResult.PERMANENT, UserReason.CALLED_AE_TITLE_NOT_RECOGNIZED)
    with ScriptedPeer(reject=lambda _: no).in_a_thread() as peer:
        code = echo(f"WRONG@{peer.host}:{peer.port}")
        code_of_json = echo(f"WRONG@{peer.host}:{peer.port}", "--json")

    said = capsys.readouterr()
    assert (code, code_of_json) == (1, 1)
    assert "Is 'WRONG' the AE title of the peer" in said.err
    assert "1/7" in json.loads(said.out)["error"]


def test_a_peer_that_knows_no_verification_is_there_all_the_same(capsys):
    with ScriptedPeer(policy=Policy(abstract_syntaxes={CT})).in_a_thread() as peer:
        code = echo(f"{peer.host}:{peer.port}")

    assert code == 1
    assert "accepted our association but does not answer echoes" in capsys.readouterr().err


def test_a_port_where_nobody_listens_fails(capsys):
    with ScriptedPeer().in_a_thread() as peer:
        pass

    assert echo(f"{peer.host}:{peer.port}") == 1
    assert "nothing listens there" in capsys.readouterr().err


def test_a_deadline_is_kept(capsys):
    with ScriptedPeer(is_mute=True).in_a_thread() as peer:
        code = echo(f"{peer.host}:{peer.port}", "-ta", "0.05")

    assert code == 1
    assert "did not answer our association request within 0.05 s" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["nonsense"], ["h:1", "--repeat", "0"], ["h", "port"]])
def test_what_makes_no_sense_is_a_usage_error(arguments):
    assert echo(*arguments) == 2
