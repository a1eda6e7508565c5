"""Asks a server whether it answers, for a container that has no curl. Knows no server but by its URL."""

from __future__ import annotations

import json
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from fakegpt_testkit.recorder.written import read_url

PATH = "/__fakegpt/health"


def ask(url: str, *, timeout: float = 5.0) -> tuple[bool, str]:
    """Whether the server at this URL answers as it should, and what it said, or why it could not be asked.

    ``timeout`` in seconds. A certificate is not looked at: it is the machine's own server. Raises ``BadSetting``.
    """
    parts = urlsplit(read_url("--health", url))
    host, port = parts.hostname or "", parts.port
    connection = (
        HTTPSConnection(host, port, timeout=timeout, context=ssl._create_unverified_context())  # noqa: S323
        if parts.scheme == "https"
        else HTTPConnection(host, port, timeout=timeout)
    )
    try:
        connection.request("GET", PATH)
        answer = connection.getresponse()
        said = json.loads(answer.read(65_536))
    except (OSError, HTTPException, ValueError) as failure:
        return False, f"{url} does not answer: {failure!r}"
    finally:
        connection.close()
    return answer.status == 200 and said.get("status") == "ok", json.dumps(said)
