"""Certificates for TLS tests, made anew each session: authorities, a server, clients."""

import datetime as dt
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """A key and its certificate, as PEM files and as objects."""

    certificate: Path
    key: Path
    parsed: x509.Certificate
    private: ec.EllipticCurvePrivateKey


def make_authority(folder, name):
    """Make a certificate that may sign others."""
    return _make(folder, name, signer=None, valid_until=NOW + DAY)


def make_identity(folder, name, authority, *, valid_until=NOW + DAY):
    """Make a certificate that `authority` signed."""
    return _make(folder, name, signer=authority, valid_until=valid_until)


def _make(folder, name, *, signer, valid_until):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.parsed.subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 30 * DAY)
        .not_valid_after(valid_until)
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
    )
    certificate = builder.sign(signer.private if signer else key, hashes.SHA256())
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Identity(*paths, certificate, key)
