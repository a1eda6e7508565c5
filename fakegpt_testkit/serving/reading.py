"""Bytes from a client as requests, one after the other, each within bounds; by RFC 9112.

Does no I/O and knows no clock: who feeds it also decides how long it waits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fakegpt_testkit.bodies import TooLarge
from fakegpt_testkit.exchange import header
from fakegpt_testkit.serving.journal import MOST_BODY
from fakegpt_testkit.wire.body import BodyReader, Broken, values
from fakegpt_testkit.wire.codings import is_known, without
from fakegpt_testkit.wire.reading import split_head, text
from fakegpt_testkit.wording import shortened

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Headers, Request

_END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
_REQUEST_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/(\d\.\d)")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_TLS_HANDSHAKE: Final = b"\x16\x03"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may take. Sizes in bytes, times in seconds."""

    head: int = 65_536
    body: int = 32 * 2**20
    head_seconds: float = 10.0
    """From the first byte of a request, or the connection, to the end of the head."""
    body_seconds: float = 30.0
    """Between two arrivals of a request's body."""
    idle_seconds: float = 60.0
    """Between an answer and the next request."""
    connections: int = 4096
    noted: int = MOST_BODY
    """Bytes of a request's body that the journal keeps."""


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """One request as it was written; ``target`` begins with a slash, or is ``*``."""

    method: str
    target: str
    host: str
    version: str
    headers: Headers
    body: bytes = b""

    @property
    def keeps_open(self) -> bool:
        """Whether the client wants to go on over the same connection, by RFC 9112, 9.3."""
        said = ",".join(values(self.headers, "connection")).lower()
        return "keep-alive" in said if self.version == "1.0" else "close" not in said


class Refused(Exception):
    """A request that is not answered from a recording: the status that says so, and why, for people."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status


_MOST_CONTENT: Final = Limits().body


def content_of(request: Request, most: int = _MOST_CONTENT) -> bytes:
    """A request's body without its content codings. Raises ``Refused`` where it is not in them, or nobody reads one."""
    body = request.body
    for coding in reversed(",".join(values(request.headers, "content-encoding")).lower().replace(" ", "").split(",")):
        if coding in ("", "identity"):
            continue
        if not is_known(coding):
            raise Refused(415, f"the request's Content-Encoding {coding} is none that is read here")
        try:
            plain = without(body, coding, most)
        except TooLarge:
            raise Refused(413, f"the request's body is larger than {most} bytes when it is unpacked") from None
        if plain is None:
            raise Refused(400, f"the request's body is not in its Content-Encoding {coding}")
        body = plain
    return body


class Requests:
    """What one client writes. Feed it bytes in any cuts, and take ``next`` until there is none."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._raw = bytearray()
        self._scanned = 0
        self._head: ReadRequest | None = None
        self._framing: BodyReader | None = None
        self._body = bytearray()
        self._told_to_go_on = False

    @property
    def waits_for(self) -> str:
        """``body`` or ``head`` of a request that has begun; empty between two requests."""
        if self._head is not None:
            return "body"
        return "head" if self._raw else ""

    @property
    def held(self) -> int:
        """How many bytes were fed and belong to later requests, or to a head that is not whole."""
        return len(self._raw)

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._raw += data

    def asks_to_go_on(self) -> bool:
        """Whether the client waits to be told to send its body; true once for a request."""
        waits = self._head is not None and not self._told_to_go_on and not self._body
        if waits and self._head is not None and (header(self._head.headers, "Expect") or "").lower() == "100-continue":
            self._told_to_go_on = True
            return True
        return False

    def next(self) -> ReadRequest | None:
        """The next whole request; None until there is one. Raises ``Refused``, after which nothing can be read."""
        if self._head is None and not self._read_head():
            return None
        head, framing = self._head, self._framing
        assert head is not None
        assert framing is not None
        if not framing.done:
            fed, self._raw = bytes(self._raw), bytearray()
            self._read_body(framing, fed)
        if not framing.done:
            return None
        asked = ReadRequest(head.method, head.target, head.host, head.version, head.headers, bytes(self._body))
        self._head = self._framing = None
        self._body = bytearray()
        return asked

    def _read_body(self, framing: BodyReader, fed: bytes) -> None:
        try:
            for part, _ in framing.feed(fed):
                self._body += part
                if len(self._body) > self._limits.body:
                    raise Refused(413, f"the request's body is larger than {self._limits.body} bytes")
        except Broken as broken:
            raise Refused(400, f"the request's body is not HTTP: {broken}") from None
        self._raw += framing.rest

    def _read_head(self) -> bool:
        if not self._raw:
            return False
        if self._raw.startswith(_TLS_HANDSHAKE):
            raise Refused(400, "the client speaks TLS, and this port does not: use http://, or serve with --tls")
        blank = len(self._raw) - len(self._raw.lstrip(b"\r\n"))
        if blank:  # RFC 9112, 2.2
            del self._raw[:blank]
            self._scanned = 0
        found = _END_OF_HEAD.search(self._raw, max(0, self._scanned - 2))
        self._scanned = len(self._raw)
        if (found.end() if found else len(self._raw)) > self._limits.head:
            raise Refused(431, f"the request's head is larger than {self._limits.head} bytes")
        if found is None:
            return False
        try:
            split = split_head(self._raw)
        except Broken as broken:
            raise Refused(400, str(broken)) from None
        assert split is not None
        line, headers, rest = split
        self._raw, self._scanned = bytearray(rest), 0
        self._begin(line, headers)
        return True

    def _begin(self, line: bytes, headers: Headers) -> None:
        words = _REQUEST_LINE.fullmatch(line)
        if words is None:
            raise Refused(400, f"no request line: {text(line[:60])!r}")
        version = words[3].decode()
        if version not in {"1.0", "1.1"}:
            raise Refused(505, f"HTTP/{version} is not spoken here: ask with HTTP/1.1")
        for name, value in headers:
            if not _TOKEN.fullmatch(name) or _CONTROL.search(value):
                raise Refused(400, f"no header field: {name[:40]!r}")
        target, host = _target(words[1].decode(), text(words[2]), headers)
        if version == "1.1" and not host:
            raise Refused(400, "the request names no host")
        self._framing = self._frame(headers)
        self._head = ReadRequest(words[1].decode(), target, host, version, headers)
        self._told_to_go_on = False

    def _frame(self, headers: Headers) -> BodyReader:
        lengths, codings = set(values(headers, "content-length")), values(headers, "transfer-encoding")
        if codings and [each.strip().lower() for each in codings] != ["chunked"]:
            raise Refused(501, f"Transfer-Encoding: {', '.join(codings)} is not read here")
        if len(lengths) + len(codings) > 1:
            raise Refused(400, "the request's body has two lengths")
        try:
            framing = BodyReader(headers, to_eof=False)
        except Broken as broken:
            raise Refused(400, str(broken)) from None
        if any(int(each) > self._limits.body for each in lengths):
            raise Refused(413, f"the request's body is larger than {self._limits.body} bytes")
        return framing


def _target(method: str, target: str, headers: Headers) -> tuple[str, str]:
    """The path and query that are asked for, and at which host; by RFC 9112, 3.2."""
    hosts = values(headers, "host")
    if len(hosts) > 1:
        raise Refused(400, "the request names two hosts")
    host = hosts[0] if hosts else ""
    if target.startswith("/"):
        return target.partition("#")[0], host
    if target == "*" and method == "OPTIONS":
        return target, host
    try:
        parts = urlsplit(target)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme in {"http", "https"} and parts.netloc:
        query = f"?{parts.query}" if parts.query else ""
        return f"{parts.path or '/'}{query}", parts.netloc
    raise Refused(400, f"{method} {shortened(target, 60)!r} is not answered here: ask for a path")
