"""One authority for all servers of a run, and the contexts of both sides. Knows no server and no client."""

from __future__ import annotations

import ssl
from functools import cache

import trustme


@cache
def authority() -> trustme.CA:
    """Whom the clients of a test trust, if they are told to."""
    return trustme.CA()


def server_tls(name: str = "localhost") -> ssl.SSLContext:
    """A server's, with a certificate for this name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(name).configure_cert(context)
    return context


def client_tls() -> ssl.SSLContext:
    """A client's that trusts the authority."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context
