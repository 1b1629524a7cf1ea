"""An authority and the certificates it issues, made once a run: real ones expire."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: an authority and a certificate with its key."""

    ca: Path
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


def make_tls_files(folder: Path, name: str, *, days: float = 1.0) -> TlsFiles:
    """Make an authority and a certificate that is valid for so many days from now."""
    folder.mkdir(parents=True, exist_ok=True)
    # DCMTK is most at ease with RSA.
    ca_key, key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    ca_name, own_name = _name(f"{name} authority"), _name(name)
    files = TlsFiles(folder / f"{name}-ca.crt", folder / f"{name}.crt", folder / f"{name}.key")
    ca = _builder(ca_name, ca_name, ca_key, 1.0).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    leaf = _builder(ca_name, own_name, key, days).add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
    )
    files.ca.write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(_PEM))
    files.certificate.write_bytes(leaf.sign(ca_key, hashes.SHA256()).public_bytes(_PEM))
    files.key.write_bytes(
        key.private_bytes(
            _PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return files


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    issuer: x509.Name, subject: x509.Name, key: rsa.RSAPrivateKey, days: float
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=400),
        not_valid_after=now + timedelta(days=days),
    ).add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
