"""Certificates for the golden cases of the configuration, made once a run: real ones expire."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8


def write_certificates(folder: Path) -> None:
    """Write gateway.crt and gateway.key, and others that have something wrong with them."""
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    plain = serialization.NoEncryption()
    sealed = serialization.BestAvailableEncryption(b"s3cret-word")
    for name, private, encryption in (
        ("gateway.key", key, plain),
        ("other.key", other, plain),
        ("encrypted.key", key, sealed),
    ):
        (folder / name).write_bytes(private.private_bytes(PEM, PKCS8, encryption))
    for name, days in (
        ("gateway.crt", 365.5),
        ("hospital-ca.crt", 365.5),
        ("soon.crt", 12.5),
        ("expired.crt", -1),
    ):
        (folder / name).write_bytes(_certificate(key, timedelta(days=days)))


def _certificate(key: ec.EllipticCurvePrivateKey, left: timedelta) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway.example")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=400),
        not_valid_after=now + left,
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(PEM)
