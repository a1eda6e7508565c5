"""A recorded exchange as values: the request, and the response's head, chunks with their times, and ending.

Knows no file format and no HTTP library: a tape can come from a recording, a file or a script.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol, cast
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence


class EndingKind(StrEnum):
    """How a response ended, as the recording saw it."""

    COMPLETE = "complete"
    """Everything that the framing announced arrived."""
    EOF = "eof"
    """The server closed the connection in order, before the announced end."""
    RESET = "reset"
    """The connection was lost with an error."""
    MALFORMED = "malformed"
    """The bytes stopped being HTTP, a bad chunk header for instance."""
    TIMEOUT = "timeout"
    """The client's own timeout ended the wait; the note says which: ``sock_read``, ``sock_write`` or ``total``."""
    CANCELLED = "cancelled"
    """The client's task was cancelled while it waited."""
    ABANDONED = "abandoned"
    """The client let go of the response before its end."""
    KILLED = "killed"
    """The recording process died; the journal kept what had arrived."""
    STALLED = "stalled"
    """Nothing more came, and the connection stayed open: only the client's own timeouts end the wait."""
    UNCONNECTED = "unconnected"
    """There never was a connection; the note says why not: one of ``CONNECT_FAILURES``, or an error number's name."""


CONNECT_FAILURES = frozenset({"refused", "dns", "certificate", "handshake", "timeout"})
"""Why a connection can fail: nobody listens, no such name, a bad certificate, no TLS, no answer."""

SURPLUS = "surplus"
"""The note of a complete ending after which bytes came that the framing had not announced; they may follow."""


SOCK_WRITE = "sock_write"
"""The note of a timeout that ended the wait for the server to take more of the request."""


class Breach(StrEnum):
    """What of a malformed response broke the rules: the note of its ending."""

    HEAD = "head"
    """No status line, no header field, no length."""
    CHUNK = "chunk"
    """The head or the end of an HTTP chunk."""
    CODING = "coding"
    """The bytes stopped being what ``Content-Encoding`` says."""

    @classmethod
    def of(cls, note: str) -> Breach:
        """From a note; older cassettes hold an HTTP library's words instead."""
        word = note.partition(":")[0]
        if word in set(cls):
            return cls(word)
        return cls.CODING if "Can not decode content-encoding" in note else cls.CHUNK


@dataclass(frozen=True, slots=True)
class Ending:
    """How and when a response ended.

    ``at`` is in seconds since the request was sent; ``note`` says more where the kind alone does not, for people and
    for the player (which timeout, which error number, which of the notes above). ``left`` is when the client left,
    where the recording read on without it; None where it did not.
    """

    kind: EndingKind = EndingKind.COMPLETE
    at: float = 0.0
    note: str = ""
    left: float | None = None

    def __str__(self) -> str:
        """How it ended, for people: ``reset (ECONNRESET)``."""
        return f"{self.kind.value} ({self.note})" if self.note else self.kind.value


@dataclass(slots=True, unsafe_hash=True)
class Chunk:
    """Bytes that arrived together, after content decoding.

    A value: treat it as immutable. It is not a frozen dataclass only because building those takes four times as long,
    and a long stream has ten thousand of them.

    ``at`` is in seconds since the request was sent. ``ends`` are the offsets in ``data`` at which an HTTP chunk of a
    ``Transfer-Encoding: chunked`` body ended, ascending, each in ``0..len(data)``: 0 when all that came of an HTTP
    chunk now was its end (``data`` may then be empty). No ends with any other framing, and in the middle of a long HTTP
    chunk.
    """

    at: float
    data: bytes
    ends: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"<Chunk at {self.at}: {len(self.data)} bytes>"


Headers = tuple[tuple[str, str], ...]
"""Header fields as they were sent: order, case and repetitions kept."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and header fields of a response, as they arrived; ``at`` in seconds since the request was sent.

    A ``status`` of 0 says that the connection ended before any head came. ``early`` says that it came before the
    request was whole: the recorded request is what had been sent by then. ``dialect`` is the one that the answer is
    to be read in, where somebody named it; else its own words show it.
    """

    status: int
    reason: str = ""
    headers: Headers = ()
    version: str = "1.1"
    at: float = 0.0
    early: bool = False
    dialect: str = ""

    def __repr__(self) -> str:
        return f"<Head {self.status}: {len(self.headers)} fields>"


@dataclass(frozen=True, slots=True)
class Coded:
    """A body as it was received, before its content coding was taken off.

    ``chunks`` has one for each chunk of the tape, ``of`` the hash of what each of those decoded to, ``coding`` is its
    name.
    """

    coding: str
    chunks: tuple[Chunk, ...]
    of: tuple[int, ...]


class Cut(Protocol):
    """How a body that is whole is cut into the chunks in which it came."""

    def chunks(self, body: bytes) -> tuple[Chunk, ...]: ...

    def pieces(self, body: bytes) -> Sequence[Chunk]: ...


_LARGE: Final = 2**22
"""From so many bytes on a body is not held twice to be played."""


@dataclass(frozen=True)
class Tape:
    """A recorded response: head, chunks with times, and how it ended.

    ``coded`` is there where coding the chunks anew gives other bytes than the service sent.
    """

    head: Head
    chunks: tuple[Chunk, ...] = field(default_factory=tuple)
    ending: Ending = field(default_factory=Ending)
    coded: Coded | None = None

    def __repr__(self) -> str:
        return f"<Tape {self.head.status}: {len(self.headers)} fields, {len(self.body)} bytes, {self.ending}>"

    @staticmethod
    def of_body(head: Head, body: bytes, cut: Cut, ending: Ending, coded: Coded | None = None) -> Tape:
        """A tape whose body is cut into chunks when somebody first looks at them: a loaded one may never be played."""
        tape = object.__new__(Tape)
        vars(tape).update(head=head, body=body, _cut=cut, ending=ending, coded=coded)
        return tape

    def with_head(self, head: Head, ending: Ending | None = None) -> Tape:
        """The same body and chunks under another head, and with another ending; nothing is cut or joined anew."""
        ending = self.ending if ending is None else ending
        if "_cut" not in vars(self):
            other = replace(self, head=head, ending=ending)
            if "body" in vars(self):
                vars(other)["body"] = self.body  # the same bytes, which else were joined anew
            return other
        return self.of_body(head, self.body, vars(self)["_cut"], ending, self.coded)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> tuple[Chunk, ...]:
            """The chunks that are not cut yet. A field without a class attribute comes here once, and never again."""
            if name != "chunks" or "_cut" not in vars(self):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            chunks = vars(self)["chunks"] = vars(self)["_cut"].chunks(self.body)
            return chunks

    @property
    def pieces(self) -> Sequence[Chunk]:
        """The chunks, to go through once: those of a large body are cut one by one, so that it is not held twice."""
        if "chunks" in vars(self) or len(self.body) < _LARGE:
            return self.chunks
        return cast("Sequence[Chunk]", vars(self)["_cut"].pieces(self.body))

    @cached_property
    def body(self) -> bytes:
        """All chunks joined, after content decoding."""
        return b"".join(chunk.data for chunk in self.chunks)

    @cached_property
    def encoded(self) -> dict[str, tuple[tuple[float, bytes, bool], ...]]:
        """What the wire made of it, by the method of the request, for all that play it again."""
        return {}

    @property
    def received(self) -> tuple[Chunk, ...]:
        """The chunks as they came, still coded; none where that was not kept, or the body is another by now."""
        if self.coded is None or content_coding(self.headers) != self.coded.coding:
            return ()
        decoded = tuple(map(fingerprint, self.pieces))  # not in a loop, whose name would keep one beside the next
        whole = self.coded.of if self.ending.kind is EndingKind.COMPLETE else self.coded.of[: len(decoded)]
        if decoded != whole:
            return ()
        pairs = zip(map(_moment, self.pieces), self.coded.chunks, strict=False)
        return tuple(Chunk(at, coded.data, coded.ends) for at, coded in pairs)

    @property
    def status(self) -> int:
        """The status code."""
        return self.head.status

    @property
    def reason(self) -> str:
        """The reason phrase."""
        return self.head.reason

    @property
    def headers(self) -> Headers:
        """The header fields in the order they arrived."""
        return self.head.headers

    @property
    def is_event_stream(self) -> bool:
        """Whether the response is labelled as a stream of server-sent events."""
        return media_type(self.headers) == EVENT_STREAM


def fingerprint(chunk: Chunk) -> int:
    """What tells that a chunk still decodes to the same."""
    return hash(chunk.data)


def _moment(chunk: Chunk) -> float:
    return chunk.at


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it was sent: absolute URI without a fragment, headers in order, the whole body.

    ``body`` is what came after the head with the transfer coding taken off; ``b""`` when there was none.
    """

    method: str
    uri: str
    headers: Headers = ()
    body: bytes = b""

    def __repr__(self) -> str:
        """For a debugger and a report, which must show no credential: none of its values but where it went."""
        origin = re.match(r"[a-z]+://(?:[^/?#@]*@)?([^/?#]*)", self.uri)
        host = origin[1] if origin else "an odd URI"
        return f"<Request {self.method} {host}: {len(self.headers)} fields, {len(self.body)} bytes>"

    @property
    def path(self) -> str:
        """The path of the URI, ``/`` where it has none; a URI that cannot be split is all path."""
        try:
            return urlsplit(self.uri).path or "/"
        except ValueError:
            return self.uri

    @property
    def title(self) -> str:
        """How people call the request: ``POST /v1/chat/completions``."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where and when an interaction was recorded.

    ``origin`` is the scheme, host and port really asked, when the URI was stored under another one; ``server`` is what
    a stand-in says of itself; ``at`` is an ISO 8601 time in UTC. Empty strings mean unknown.
    """

    at: str = ""
    origin: str = ""
    server: str = ""

    @property
    def moment(self) -> datetime | None:
        """When it was recorded; None when it does not say, or says it in a way that is no time."""
        try:
            moment = datetime.fromisoformat(self.at)
        except ValueError:
            return None
        if moment.year < 1970:
            return None
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Interaction:
    """One request and what came back."""

    request: Request
    response: Tape
    provenance: Provenance = field(default_factory=Provenance)

    def in_dialect(self, name: str) -> Interaction:
        """The same, to be read in the dialect of this name; unchanged for an empty one."""
        head = self.response.head
        if name in ("", head.dialect):
            return self
        return replace(self, response=self.response.with_head(replace(head, dialect=name)))


EVENT_STREAM: Final = "text/event-stream"
"""The media type of server-sent events."""

_WORD: Final = r"REDACTED-[A-Za-z0-9-]{1,40}-\d{1,6}(?:@example\.invalid)?(?![A-Za-z0-9])"
PLACEHOLDER: Final = re.compile(
    rf"eyJ[A-Za-z0-9_-]{{4,4096}}\.[A-Za-z0-9_-]{{2,8192}}\.{_WORD}|{_WORD}"
    r"|UkVEQUNURUQt[A-Za-z0-9+/_-]{4,72}={0,2}(?![A-Za-z0-9])",
    re.ASCII,
)  # each of the three begins with a letter of its own: so the search passes over other letters quickly
"""What a redactor puts where a secret was: ``REDACTED-accessToken-1``, the name of its first place and a number."""

_PLAIN_BASE64: Final = str.maketrans("-_", "+/")


def placeholder_label(word: str) -> tuple[str, int]:
    """The name in a word that `PLACEHOLDER` finds, base64 included, and its number: ``("accessToken", 1)``.

    What only begins as a placeholder does, base64 of something else, has no name and the number 0.
    """
    if "REDACTED-" not in word:
        characters = word.rstrip("=").translate(_PLAIN_BASE64)
        whole = characters[: len(characters) - (len(characters) % 4 == 1)]  # one character alone is no byte
        word = base64.b64decode(whole + "=" * (-len(whole) % 4)).decode("latin-1")
    label, _, number = word.rpartition("REDACTED-")[2].partition("@")[0].rpartition("-")
    return (label, int(number)) if number.isascii() and number.isdigit() else ("", 0)


def media_type(headers: Headers) -> str:
    """The content type without its parameters, in lower case; empty when there is none."""
    return (header(headers, "content-type") or "").partition(";")[0].strip().lower()


def is_chunked(headers: Headers) -> bool:
    """Whether the body comes in HTTP chunks."""
    return any("chunked" in value.lower() for name, value in headers if name.lower() == "transfer-encoding")


def content_coding(headers: Headers) -> str:
    """What ``Content-Encoding`` says, in lower case; empty when it is absent."""
    return (header(headers, "Content-Encoding") or "").strip().lower()


def header(headers: Headers, name: str) -> str | None:
    """The first value of a header field, by its name in any case; None when it is absent."""
    wanted = name.lower()
    for key, value in headers:  # twice as fast as a generator, and asked ten times for each answer
        if key.lower() == wanted:
            return value
    return None
