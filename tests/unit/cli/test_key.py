"""`hilum key`: what a person types, and what a gateway then finds."""

import json

import pytest

from hilum.cli.app import run
from hilum.ledger.ledger import Ledger
from hilum.sources.web.access.key_text import digest_of, id_of


@pytest.fixture
def gateway(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hilum.toml").write_text(f'[gateway]\ndata = "{tmp_path}"\n')
    Ledger.open(tmp_path / "ledger.sqlite", durability="process").close()
    return tmp_path


def listed(capsys):
    assert run(["key", "list", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_key_is_printed_once_and_kept_as_a_digest(gateway, capsys):
    options = ["--role", "write", "--role", "read", "--entity", "AI", "--from", "10.0.0.0/8"]
    assert run(["key", "create", "vendor", *options, "--expires", "90d"]) == 0
    text = capsys.readouterr().out.strip()

    ledger = Ledger.open(gateway / "ledger.sqlite", durability="process")
    [kept] = ledger.keys.all()
    ledger.close()
    assert (kept.key_id, kept.digest) == (id_of(text), digest_of(text))
    assert text.encode() not in (gateway / "ledger.sqlite").read_bytes()
    [shown] = listed(capsys)
    assert shown["roles"] == ["read", "write"]
    assert (shown["entities"], shown["from"], shown["state"]) == (["AI"], ["10.0.0.0/8"], "usable")


@pytest.mark.usefixtures("gateway")
def test_a_revoked_key_is_listed_as_such(capsys):
    run(["key", "create", "viewer", "--role", "read"])
    assert run(["key", "revoke", "viewer"]) == 0
    capsys.readouterr()

    assert listed(capsys)[0]["state"] == "revoked"
    assert run(["key", "list"]) == 0
    assert "viewer" in capsys.readouterr().out
    assert run(["key", "revoke", "viewer"]) == 1


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--role", "read", "--from", "ward7"], "ward7"),
        (["--role", "read", "--from", "10.0.0.1/8"], "10.0.0.0/8"),
        (["--role", "read", "--entity", "A_TITLE_TOO_LONG_TO_BE_ONE"], "16"),
        (["--role", "read", "--expires", "soon"], "30 min"),
        (["--role", "read", "--expires", "0"], "expired"),
    ],
)
def test_what_makes_no_key_is_said(options, says, capsys):
    assert run(["key", "create", "viewer", *options]) == 1

    assert says in capsys.readouterr().err


@pytest.mark.usefixtures("gateway")
def test_a_key_without_a_role_is_not_made():
    with pytest.raises(SystemExit):
        run(["key", "create", "viewer"])
