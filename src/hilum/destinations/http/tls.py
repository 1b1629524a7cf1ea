"""TLS towards an HTTP server: 1.2 or newer, its certificate and its name always verified."""

import ssl

from hilum.destinations.http.settings import HttpSettings
from hilum.destinations.trust import bare_context, present, trust


def server_trust(settings: HttpSettings) -> ssl.SSLContext:
    """Make the context for the destination itself: its authorities, and our certificate.

    Raises:
        Misconfigured: a file cannot be read or is not what it should be.
    """
    context = bare_context()
    if settings.ca is None:
        context.load_default_certs()
    else:
        trust(context, settings.ca)
    if settings.certificate is not None:
        present(context, settings.certificate, settings.key)
    return context


def token_trust(settings: HttpSettings) -> ssl.SSLContext:
    """Make the context for whoever gives out tokens: perhaps of this house, perhaps not.

    Raises:
        Misconfigured: the file of authorities cannot be used.
    """
    context = bare_context()
    context.load_default_certs()
    if settings.ca is not None:
        trust(context, settings.ca)
    return context
