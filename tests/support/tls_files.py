"""Authorities, and keys and certificates they vouch for, as PEM files for tests of TLS.

They are made when a test runs: real ones would expire. All keys are elliptic, as RSA ones take long
to make. Every certificate names localhost and 127.0.0.1, and was valid from 400 days ago.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

DAYS_SINCE_VALID = 400
AUTHORITY_DAYS = 1000  # an authority outlives what it signs
# Python 3.13 and newer refuse an authority that does not say so (RFC 5280 §4.2.1.3).
_SIGNS_CERTIFICATES = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate, its key, and the certificate of the authority that signed it."""

    ca: Path  # of an authority: its own
    certificate: Path
    key: Path

    def server(self, *, client_ca: Path | None = None) -> ssl.SSLContext:
        """Make a server's context; with `client_ca` it wants certificates from clients."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if client_ca is not None:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def make_authority(folder: Path, name: str) -> TlsFiles:
    """Write NAME.crt and NAME.key, which may sign others."""
    folder.mkdir(parents=True, exist_ok=True)
    key = make_key(folder / f"{name}.key")
    certificate = folder / f"{name}.crt"
    files = TlsFiles(ca=certificate, certificate=certificate, key=key)
    unsigned = _certificate(_name(name), _name(name), _read_key(key), AUTHORITY_DAYS)
    may_sign = unsigned.add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    ).add_extension(_SIGNS_CERTIFICATES, critical=True)
    _sign(may_sign, key, certificate)
    return files


def make_tls_files(
    folder: Path,
    name: str,
    *,
    authority: TlsFiles | None = None,
    key: Path | None = None,
    days: float = 1.0,
) -> TlsFiles:
    """Write NAME.crt, which expires in so many days, and NAME.key unless it is for another `key`.

    Without an authority it gets one of its own, NAME-ca.
    """
    authority = authority or make_authority(folder, f"{name}-ca")
    key = key or make_key(folder / f"{name}.key")
    files = TlsFiles(ca=authority.certificate, certificate=folder / f"{name}.crt", key=key)
    signer = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    unsigned = _certificate(signer.subject, _name(name), _read_key(key), days).add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(_read_key(authority.key).public_key()),
        critical=False,
    )
    _sign(unsigned, authority.key, files.certificate)
    return files


def make_key(path: Path) -> Path:
    """Write a key that belongs to no certificate yet."""
    return _write_key(path, ec.generate_private_key(ec.SECP256R1()), NoEncryption())


def encrypt_key(key: Path, to: Path, password: str) -> Path:
    """Write the same key so that reading it takes a password."""
    return _write_key(to, _read_key(key), BestAvailableEncryption(password.encode()))


def _write_key(
    path: Path, key: ec.EllipticCurvePrivateKey, encryption: KeySerializationEncryption
) -> Path:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return path


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # we made it
    return key


def _certificate(
    issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: float
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    here = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    builder = x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=DAYS_SINCE_VALID),
        not_valid_after=now + timedelta(days=days),
    )
    return builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    ).add_extension(x509.SubjectAlternativeName(here), critical=False)


def _sign(unsigned: x509.CertificateBuilder, key: Path, to: Path) -> None:
    to.write_bytes(unsigned.sign(_read_key(key), hashes.SHA256()).public_bytes(Encoding.PEM))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
