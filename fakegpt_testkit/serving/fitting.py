"""A recorded answer made to fit the connection that it is played on, and no further.

What was true of the recorded connection and is not of this one: its name, its TLS, the HTTP version and the codings of
its client. Knows no socket: a tape in, a tape out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.errors import CassetteError
from fakegpt_testkit.exchange import content_coding, header, is_chunked
from fakegpt_testkit.serving.cross_origin import EXPOSED
from fakegpt_testkit.wire.writing import has_body

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fakegpt_testkit.cassette import Cassette
    from fakegpt_testkit.exchange import Head, Headers, Tape

_OTHER_CONNECTIONS: Final = frozenset({"alt-svc", "keep-alive", "nel", "report-to", "strict-transport-security"})
"""Of the recorded connection only; HSTS would send a browser's every request to localhost to https."""
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAKS: Final = re.compile("[\r\n\x00]")
_REFUSED: Final = re.compile(r"q=0(\.0*)?")
_NEEDS_TLS: Final = ("__secure-", "__host-")


@dataclass(frozen=True, slots=True)
class Here:
    """The connection and the client.

    ``base`` is what a path is put behind to ask here: ``http://localhost:8088/@name``. ``accepts`` is the client's
    ``Accept-Encoding``; ``fields`` are what a page of another origin needs, in the place of what another was told.
    """

    base: str
    version: str = "1.1"
    accepts: str = ""
    fields: Headers = ()
    keeps_open: bool = True
    """Whether the client wants to go on over the same connection."""

    @property
    def origin(self) -> str:
        """Scheme, host and port of the base."""
        return "/".join(self.base.split("/")[:3])

    @property
    def prefix(self) -> str:
        """The path of the base, without a slash at its end."""
        return "/".join(["", *self.base.split("/")[3:]]).rstrip("/")

    @property
    def is_secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.base.startswith("https:")


def fit(tape: Tape, method: str, here: Here, origins: Iterable[str]) -> Tape:
    """The tape as it goes out here; ``origins`` are those that it was recorded from."""
    head = tape.head
    if not head.status:
        return tape
    headers = tuple(_fields(head.headers, here, tuple(origins)))
    if head.version not in {"1.0", "1.1"}:  # HTTP/2 has no form here, and no need to say how its bodies end
        delimited = header(headers, "Content-Length") is not None or is_chunked(headers)
        if has_body(tape, method) and not delimited:
            headers = (*headers, ("Transfer-Encoding", "chunked"))
        head = replace(head, version="1.1")
    if here.version == "1.0":
        headers = _for_http_1_0(headers)
    coding = content_coding(headers)
    if coding and has_body(tape, method) and not _accepts(here.accepts, coding):
        headers = _without(headers, "content-encoding")
    if headers == head.headers and head is tape.head:
        return tape
    return tape.with_head(replace(head, headers=headers))


def rewritten(head: Head, here: Here, origins: tuple[str, ...]) -> Head:
    """A live answer's head as it is passed on: all as it is, except for what would lead a client past this server."""
    return replace(head, headers=tuple(_fields(head.headers, here, origins)))


def check_heads(cassette: Cassette) -> None:
    """Refuse a cassette from which a client would be sent fields that are not in it: CR or LF in a value makes some."""
    for number, each in enumerate(cassette.interactions, 1):
        head = each.response.head
        wrong = next((name for name, value in head.headers if not _NAME.fullmatch(name) or _BREAKS.search(value)), None)
        if wrong is None and not _BREAKS.search(head.reason):
            continue
        what = "the reason phrase" if wrong is None else f"the header field {wrong!r}"
        problem = f"{what} of interaction {number} holds what no line of a head can: a line end, or no name"
        raise CassetteError(cassette.path, None, problem, "take it out of the file, or record it again")


def rewrite_field(name: str, value: str, here: Here, origins: tuple[str, ...]) -> str:
    """A field's value with this server in the place of the recorded one, so that a browser comes back here."""
    match name.lower():
        case "location" | "content-location":
            return next(
                (here.base + value[len(each) :] for each in origins if _is_under(value, each)), _below(value, here)
            )
        case "set-cookie":
            return _cookie(value, here)
    return value


def _is_under(url: str, origin: str) -> bool:
    return url.startswith(origin) and url[len(origin) : len(origin) + 1] in {"", "/", "?", "#"}


def _below(value: str, here: Here) -> str:
    return here.prefix + value if value.startswith("/") and not value.startswith("//") else value


def _cookie(value: str, here: Here) -> str:
    """Without the recorded host, and without TLS where there is none; below this scenario's path."""
    pair, *attributes = value.split(";")
    kept = [pair]
    plain = not here.is_secure and not pair.strip().lower().startswith(_NEEDS_TLS)
    for each in attributes:
        name, _, said = (word.strip() for word in each.partition("="))
        if name.lower() == "domain" or (plain and (name.lower(), said.lower()) in _TLS_ONLY):
            continue
        kept.append(f" Path={here.prefix}{said}" if name.lower() == "path" and said.startswith("/") else each)
    return ";".join(kept)


_TLS_ONLY: Final = frozenset({("secure", ""), ("samesite", "none")})


def _fields(headers: Headers, here: Here, origins: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name, value in headers:
        if name.lower() in _OTHER_CONNECTIONS or (here.fields and name.lower().startswith("access-control-")):
            continue
        yield name, rewrite_field(name, value, here, origins)
    for name, value in here.fields:
        yield name, _exposed(headers) if name == EXPOSED else value


def _exposed(headers: Headers) -> str:
    """By their names: where a login goes with the request, ``*`` stands for none."""
    return (
        ", ".join(dict.fromkeys(name for name, _ in headers if not name.lower().startswith("access-control-"))) or "*"
    )


def _for_http_1_0(headers: Headers) -> Headers:
    """No HTTP chunks, so the end of the connection is the body's end where no length says it."""
    if not is_chunked(headers):
        return headers
    return (*_without(headers, "transfer-encoding", "connection"), ("Connection", "close"))


def _accepts(said: str, coding: str) -> bool:
    """Whether a client takes this coding, by RFC 9110, 12.5.3."""
    for each in said.lower().split(","):
        offered, _, weight = (word.strip() for word in each.partition(";"))
        refused = _REFUSED.fullmatch(weight.replace(" ", ""))
        if offered in {coding, coding.removeprefix("x-"), "*"} and not refused:
            return True
    return False


def _without(headers: Headers, *names: str) -> Headers:
    return tuple(each for each in headers if each[0].lower() not in names)
