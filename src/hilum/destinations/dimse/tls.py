"""TLS towards a peer as PS3.15 §B.12 asks for it (BCP 195): 1.2 or newer, always verified."""

import ssl
from pathlib import Path

from hilum.destinations.trust import bare_context, present, trust
from hilum.kernel.errors import Misconfigured


def client_context(
    *, ca: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Make the context for associations over TLS.

    With `ca` the peer is whoever this authority vouches for: a hospital's own authority issues
    certificates for AE titles, rarely for host names, so names are not compared. Without `ca` the
    system's authorities decide, who vouch for half the world: then the host name must match.

    Raises:
        Misconfigured: a file cannot be read, is not what it should be, or a key stands alone.
    """
    context = bare_context()
    if ca is None:
        context.load_default_certs()
    else:
        context.check_hostname = False
        trust(context, ca)
    if certificate is not None:
        present(context, certificate, key)
    elif key is not None:
        raise Misconfigured(f"the TLS key {key} needs the certificate it belongs to")
    return context
