"""A certificate for one run: made when the server starts, trusted by whoever is told so, worth nothing afterwards.

Knows no connection. Needs the extra ``tls``: ``pip install "fakegpt-testkit[tls]"``.
"""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.errors import BadSetting

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = ("localhost", "127.0.0.1", "::1")
_ANY_ADDRESS: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared, not bound
TRUSTING: Final = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""The variables by which Python, Node, requests and curl are told what to trust."""


@contextmanager
def made(*names: str, authority: Path | None = None) -> Iterator[tuple[ssl.SSLContext, Path]]:
    """What a listening socket needs, and the file with the certificate to trust.

    The certificate is for this machine's own names and for ``names``. The file is ``authority``, or one that is gone
    at the block's end; no key is written. Raises ``BadSetting`` without the extra.
    """
    try:
        import trustme
    except ImportError:
        raise BadSetting(
            "--tls", True, 'the extra that makes certificates: pip install "fakegpt-testkit[tls]"'
        ) from None
    maker = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    maker.issue_cert(*dict.fromkeys((*HERE, *(each for each in names if each not in _ANY_ADDRESS)))).configure_cert(
        context
    )
    with TemporaryDirectory(prefix="fakegpt-testkit-") as folder:
        path = authority or Path(folder, "authority.pem")
        maker.cert_pem.write_to_path(path)
        yield context, path


def loaded(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """What a listening socket needs, from files of one's own. Raises ``BadSetting`` for what are none."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except ssl.SSLError as wrong:
        raise BadSetting("--cert", str(certificate), f"a certificate and its key, in PEM ({wrong.reason})") from None
    return context
