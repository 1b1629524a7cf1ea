"""Below and beside the association: TCP, TLS, time limits, configuration, media, text, security."""

from collections.abc import Iterator
from typing import Final

from hilum.cli.statement.markdown import bullets, code, heading, table
from hilum.dicom.charsets import DEFAULT_CODEC, charset_of
from hilum.service.config_settings import Config
from hilum.sources.dimse.settings import DimseSourceSettings, TlsSettings

# Defined terms of Specific Character Set (PS3.3 §C.12.1.1.2); those that cannot be decoded are left
# out below.
_TERMS: Final = (
    *(f"ISO_IR {number}" for number in (100, 101, 109, 110, 144, 127, 126, 138, 148)),
    *(f"ISO_IR {number}" for number in (203, 13, 166, 192)),
    "GB18030",
    "GBK",
    *(f"ISO 2022 IR {number}" for number in (6, 100, 101, 109, 110, 144, 127, 126, 138, 148)),
    *(f"ISO 2022 IR {number}" for number in (203, 13, 166, 87, 159, 149, 58)),
)


def network(config: Config) -> Iterator[str]:
    """Give the sections about what carries associations."""
    source = config.sources.dimse
    yield heading(2, "4. Communication profiles")
    yield heading(3, "4.1 TCP/IP")
    rows = [("Gateway", "DICOM", _socket(source.host, source.port))] if source.plain else []
    if source.tls is not None:
        rows.append(("Gateway", "DICOM over TLS", _socket(source.host, source.tls.port)))
    rows.append(("Sender", "DICOM, DICOM over TLS", "calls the address it is given"))
    yield table(("Application entity", "Service", "Address and port"), rows)
    yield bullets(
        "IPv4 or IPv6: the gateway listens on the address above, the sender calls either.",
        "Nagle's algorithm is off (TCP_NODELAY) on both sides; received data is acknowledged "
        "without delay where the system allows it.",
        "TCP keepalive is on at the gateway: a peer that vanished is noticed after some 90 "
        "seconds.",
    )
    yield heading(3, "4.2 TLS")
    yield from _tls(source)
    yield heading(3, "4.3 Time limits of the gateway")
    yield table(("Limit", "Value", "Setting in `[sources.dimse.limits]`"), _times(source))


def _socket(host: str, port: int) -> str:
    return code(f"{f'[{host}]' if ':' in host else host}:{port or 'any free port'}")


def _tls(source: DimseSourceSettings) -> Iterator[str]:
    yield (
        "TLS follows the BCP 195 profile of PS3.15 §B.12: TLS 1.2 and 1.3; with 1.2 the cipher "
        "suites with ECDHE and AES-GCM or ChaCha20-Poly1305; no compression, no renegotiation "
        "at the gateway."
    )
    if source.tls is None:
        default = TlsSettings.model_fields["port"].default
        yield (
            "The gateway: not configured. With a certificate in `[sources.dimse.tls]` it listens "
            f"for TLS on a port of its own, {default} unless set, beside the plain one or instead "
            "of it; mutual authentication by `client_ca`."
        )
    else:
        yield f"The gateway: {_versions(source.tls)}; {_mutual(source.tls)}."
    yield (
        "The sender: `--tls`. With `--ca` the peer's certificate must be issued by that authority; "
        "without, by one the system trusts, and name the host. `--certificate` and `--key` "
        "authenticate the sender."
    )


def _versions(tls: TlsSettings) -> str:
    return f"TLS {tls.minimum_version}{' or newer' if tls.minimum_version == '1.2' else ''}"


def _mutual(tls: TlsSettings) -> str:
    if tls.client_ca is None:
        return "peers are not asked for a certificate"
    must = "must" if tls.require_client_certificate else "may"
    return f"peers {must} show a certificate that `client_ca` signed"


def _times(source: DimseSourceSettings) -> Iterator[tuple[str, str, str]]:
    limits = source.limits
    yield (
        "ARTIM: A-ASSOCIATE-RQ, with the TLS handshake, and the close after a rejection or release",
        f"{limits.artim_seconds:g} s",
        "`artim_seconds`",
    )
    yield "Silence on an association", f"{limits.idle_seconds:g} s", "`idle_seconds`"
    if limits.bytes_per_second_min:
        yield (
            (
                "Slowest transfer of a message, after "
                f"{limits.transfer_grace_seconds:g} s (`transfer_grace_seconds`)"
            ),
            f"{limits.bytes_per_second_min:,} bytes a second",
            "`bytes_per_second_min`",
        )
    yield (
        "What was begun when the gateway is stopped",
        f"{limits.stop_seconds:g} s",
        "`stop_seconds`",
    )


def surroundings(config: Config) -> Iterator[str]:
    """Give the sections about configuration, media, character sets and security."""
    yield heading(2, "5. Configuration")
    yield (
        "One TOML file; `hilum check` says what it means, and docs/reference/settings.md lists "
        "every setting. Configurable for DICOM are: AE titles, ports, TLS, peers with their AE "
        "titles, addresses, identities and permissions, unknown callers, private SOP classes, "
        "durability, duplicates, and the limits above. Peers, certificates and limits of "
        "associations change without a restart (SIGHUP)."
    )
    yield heading(2, "6. Media interchange")
    yield "None. The files in the gateway's data folder are DICOM files (PS3.10), not a file-set."
    yield heading(2, "7. Character sets")
    yield from _character_sets()
    yield heading(2, "8. Security")
    yield from _security(config)


def _character_sets() -> Iterator[str]:
    known = [term for term in _TERMS if charset_of(term.encode()).known]
    yield (
        "Data sets are kept and sent as bytes, whatever their character set. For its catalogue the "
        "gateway decodes these defined terms of Specific Character Set (0008,0005), with code "
        "extensions (ISO/IEC 2022):"
    )
    yield ", ".join(map(code, known)) + "."
    yield (
        "Without one, and for a term it does not know, it reads "
        f"{DEFAULT_CODEC.replace('_', '-')}; no instance is refused for its character set."
    )


def _security(config: Config) -> Iterator[str]:
    has_users = any(peer.user is not None for peer in config.peers.values())
    yield bullets(
        "Secure transport: section 4.2.",
        "Access: by called and calling AE title, address, user identity and permission, section "
        f"3.1.3.1. {'Some peers have' if has_users else 'No peer has'} a user name and password.",
        "Audit: each instance that is recorded leaves an audit record in the ledger, in the same "
        "transaction. Audit messages (PS3.15 §A.5) are not sent in this version.",
        "Logs and metrics never have patient data; UIDs and AE titles they have.",
    )
