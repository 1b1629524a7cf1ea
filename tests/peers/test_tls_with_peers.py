"""The TLS port takes who it should, refuses everybody else, and the log says which fault it was."""

import contextlib
import socket
import ssl
import subprocess
import warnings

import pytest
from tls_files import make_authority, make_tls_files
from trials import objects
from trials.gateway import free_port
from trials.wire import associate_request


@pytest.fixture(scope="session")
def identities(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    ours, theirs = make_authority(folder, "hospital"), make_authority(folder, "stranger")
    return {
        "authority": ours,
        "server": make_tls_files(folder, "gateway", authority=ours),
        "client": make_tls_files(folder, "modality", authority=ours),
        "of another authority": make_tls_files(folder, "intruder", authority=theirs),
        "expired": make_tls_files(folder, "forgotten", authority=ours, days=-1),
    }


@pytest.fixture
def tls_gateway(start_gateway, identities):
    """A gateway that asks for client certificates, and the port of its TLS listener."""
    port = free_port()
    server, authority = identities["server"], identities["authority"]
    tls = (
        f'{{ port = {port}, certificate = "{server.certificate}", key = "{server.key}", '
        f'client_ca = "{authority.certificate}" }}'
    )
    return start_gateway(dimse={"tls": tls}), port


def client_context(identities, name=None):
    context = ssl.create_default_context(cafile=identities["authority"].certificate)
    if name:
        context.load_cert_chain(identities[name].certificate, identities[name].key)
    return context


def is_answered(port, context, called):
    """Ask for an association over TLS; tell whether anything comes back."""
    with (
        contextlib.suppress(ssl.SSLError, ConnectionError),
        socket.create_connection(("127.0.0.1", port), 5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        secured.sendall(associate_request(called))
        return secured.recv(6) != b""
    return False


def test_a_client_of_our_authority_is_answered(tls_gateway, identities):
    gateway, port = tls_gateway

    assert is_answered(port, client_context(identities, "client"), gateway.called)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (None, ("showed no certificate", "client_ca")),
        ("of another authority", ("not signed by sources.dimse.tls.client_ca",)),
        ("expired", ("has expired", "renew")),
    ],
)
def test_a_client_with_a_wrong_certificate_is_refused(tls_gateway, identities, logged, name, words):
    gateway, port = tls_gateway

    assert not is_answered(port, client_context(identities, name), gateway.called)
    logged(gateway, "TLS with 127.0.0.1 failed", "Remedy", *words)


def test_a_client_that_speaks_tls_1_1_is_refused(tls_gateway, identities, logged):
    gateway, port = tls_gateway
    context = client_context(identities, "client")
    with warnings.catch_warnings(action="ignore"):  # that 1.1 is out of use is the point
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")

    assert not is_answered(port, context, gateway.called)
    logged(gateway, "TLS with 127.0.0.1 failed", "Remedy", "1.2")


def test_a_client_without_tls_is_refused(tls_gateway, logged):
    gateway, port = tls_gateway

    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(associate_request(gateway.called))
        with contextlib.suppress(ConnectionError):
            answer = client.recv(4096)
            # A TLS alert (21) may come; an association may not.
            assert answer[:1] in (b"", b"\x15")

    logged(gateway, "TLS with 127.0.0.1 failed", "Remedy", "plain")


def test_storescu_stores_with_mutual_tls(
    tls_gateway, identities, needs, peer_environment, tmp_path
):
    needs("storescu")
    gateway, port = tls_gateway
    client = identities["client"]
    # Some are larger than what TLS and the gateway hold at a time: nothing may stay behind unread.
    sizes = {objects.instance_uid(5, number): 1000 * 3**number for number in range(8)}
    files = [tmp_path / f"{uid}.dcm" for uid in sizes]
    for file, (uid, size) in zip(files, sizes.items(), strict=True):
        file.write_bytes(objects.part10(uid, size=size))
    tls = ["+tls", client.key, client.certificate, "+cf", identities["authority"].certificate]
    peer = ["-aec", gateway.called, "127.0.0.1", str(port)]

    done = subprocess.run(
        [str(word) for word in ["storescu", *tls, *peer, *files]],
        capture_output=True,
        text=True,
        env=peer_environment,
        timeout=30,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    gateway.stop()
    assert gateway.holding().digests == {
        uid: objects.digest(objects.instance(uid, size=size)) for uid, size in sizes.items()
    }
