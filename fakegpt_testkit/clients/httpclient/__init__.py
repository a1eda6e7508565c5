"""Where recording and replaying meet ``http.client``: urllib3, requests, botocore and ``urllib.request`` stand on it.

Knows no cassette. What is replaced: ``putrequest`` (an exchange begins), ``send`` (the ear comes on a live socket just
before its first byte), ``connect`` (a connection to nowhere while a deck plays) and urllib3's ``urlopen``. The parser
reads from the socket's ``makefile``, so it stays the client's own, with its timeouts, retries, pools and exceptions.
"""

from __future__ import annotations

from fakegpt_testkit.clients.httpclient.binding import bind_http_client, bind_urllib3, bind_urllib3_pool
from fakegpt_testkit.clients.httpclient.exchanges import restore_all

__all__ = ["bind_http_client", "bind_urllib3", "bind_urllib3_pool", "restore_all"]
