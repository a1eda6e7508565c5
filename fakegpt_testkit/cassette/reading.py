"""Makes interactions of a cassette's nodes, in our own shape and in the others that recorders have written.

Knows the keys and what they mean, and no YAML. Whatever it cannot take is a BadShape with a line.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import urlencode, urlsplit
from zlib import crc32

from fakegpt_testkit.bodies import TooLarge
from fakegpt_testkit.cassette.cassetter import is_cassetters, request_in_vcrpys_keys, response_in_vcrpys_keys
from fakegpt_testkit.cassette.coding import Budget
from fakegpt_testkit.cassette.heads import framed
from fakegpt_testkit.cassette.keys import OURS, order_word
from fakegpt_testkit.cassette.tools import in_vcrpys_keys, tool_of
from fakegpt_testkit.cassette.track import BadTrack, Track, read_moment, read_track
from fakegpt_testkit.cassette.tree import BadShape, Mapping, Plain, line_of, shown, text_of_bytes
from fakegpt_testkit.exchange import (
    Chunk,
    Coded,
    Ending,
    EndingKind,
    Head,
    Interaction,
    Provenance,
    Request,
    Tape,
    content_coding,
    fingerprint,
    header,
    is_chunked,
    media_type,
)

if TYPE_CHECKING:
    from fakegpt_testkit.cassette.tree import Node
    from fakegpt_testkit.exchange import Headers

_OUR_KEYS = frozenset(
    {
        "recorded",
        "origin",
        "server",
        "http",
        "early",
        "dialect",
        "reason",
        "hidden",
        "order",
        "request_order",
        "track",
        "ending",
        "note",
        "left",
        "coded",
    }
)
_CUT_OFF = (
    "take the whole file from version control (git checkout -- FILE), or remove it and record it again; "
    "it was not touched"
)
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.ASCII)
_FLOAT = re.compile(r"-?\d{1,400}(?:\.\d{0,400})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_STATUS = re.compile(r"[0-9]{1,3}")
_TRUTH = {"true": True, "false": False, "yes": True, "no": False, "on": True, "off": False}


def interactions_of(root: Node, *, others: bool = False) -> tuple[Interaction, ...]:
    """Every interaction in the order of the file; with ``others`` those of tools that write no cassette of vcrpy's."""
    if root is None:
        raise BadShape("the file is empty", 1, _CUT_OFF)
    if tool := tool_of(root):
        if not others or not tool.is_read:
            raise BadShape(f"{tool.title}, which is no cassette of vcrpy's", line_of(root), tool.advice)
        root = in_vcrpys_keys(root, tool)
    if isinstance(root, list) and root and isinstance(root[0], Mapping) and "request" in root[0]:
        raise BadShape("a cassette of vcrpy before 1.0", 1, "convert it once: python -m vcr.migration FILE")
    if not isinstance(root, Mapping):
        raise BadShape("not a cassette: the file is no mapping", 1)
    _check_version(root)
    entries = root.get("interactions")
    if not isinstance(entries, list):
        raise BadShape("there is no list 'interactions'", root.line or None)
    budget = Budget.whole()
    return tuple(_interaction(entry, number, budget) for number, entry in enumerate(entries, 1))


def _check_version(root: Mapping) -> None:
    if "version" not in root and "interactions" not in root:
        raise BadShape(
            "not a cassette: it has neither 'interactions' nor 'version', and is of no recorder that is known here",
            None,
            "give a cassette of vcrpy's; it was not touched",
        )
    if "version" not in root:
        raise BadShape("the last line, 'version: 1', is missing: the file was cut off", None, _CUT_OFF)
    version = root["version"]
    if version != "1":
        raise BadShape(
            f"the version is {shown(version)} and only 1 can be read",
            root.line or None,
            "a newer tool may have written it; a file cut off in its last line looks like this too: " + _CUT_OFF,
        )


def _interaction(entry: Node, number: int, budget: Budget) -> Interaction:
    if not isinstance(entry, Mapping):
        raise BadShape(f"interaction {number} is no mapping with 'request' and 'response'")
    request = _mapping(entry, "request", number)
    response = _mapping(entry, "response", number)
    if is_cassetters(response):
        request, response = request_in_vcrpys_keys(request), response_in_vcrpys_keys(response)
    ours = response.get(OURS)
    if ours is None:
        ours = Mapping(response.line)
    if not isinstance(ours, Mapping):
        raise BadShape(f"{OURS!r} is no mapping", response.line)
    if unknown := ours.keys() - _OUR_KEYS:
        words = ", ".join(sorted(unknown))
        raise BadShape(
            f"{OURS!r} has unknown keys: {shown(words)}", ours.line, "a newer version may have written them: upgrade"
        )
    asked = _request(request, _text(ours, "request_order"))
    if not ours:  # other tools spell methods to their own liking
        asked = replace(asked, method=asked.method.upper())
    return Interaction(
        asked,
        _tape(response, ours, asked.method, budget),
        Provenance(
            _text(ours, "recorded") or _text(entry, "recorded_at"), _text(ours, "origin"), _text(ours, "server")
        ),
    )


def _mapping(parent: Mapping, key: str, number: int) -> Mapping:
    value = parent.get(key)
    if not isinstance(value, Mapping):
        raise BadShape(f"interaction {number} has no mapping {key!r}", parent.line)
    return value


def _request(request: Mapping, order: str) -> Request:
    method, uri = _text(request, "method"), _text(request, "uri")
    if not method or not uri:
        raise BadShape("a request has no method or no uri", request.line)
    if not _PLAIN_PLACE.match(uri):
        _check_uri(uri, request.line)
    headers = _in_order(_headers(request), order)
    body = _json_bytes(request["parsed_body"], request) if "parsed_body" in request else _request_body(request, headers)
    return Request(method, uri.partition("#")[0], headers, body)


_PLAIN_PLACE: Final = re.compile(r"[a-z]+://[\w.-]+(?::\d{1,4})?(?=[/?#]|\Z)", re.ASCII)
"""How nearly all addresses begin: these need no closer look."""


def _check_uri(uri: str, line: int | None) -> None:
    """Refuse what nobody can split. It is not shown: there may be a password in it."""
    try:
        _ = urlsplit(uri).port
    except ValueError:
        raise BadShape("the uri of a request is none: it has no host and port that can be read", line) from None


def _request_body(request: Mapping, headers: Headers) -> bytes:
    body = request.get("body")
    if isinstance(body, (list, Mapping)):
        # vcrpy's aiohttp stub stores what the caller passed as data= or json=, before it was encoded
        value = _json_value(body, request)
        if (header(headers, "content-type") or "").startswith("application/x-www-form-urlencoded"):
            return urlencode(_pairs(value, request), doseq=True).encode()
        return json.dumps(value).encode()
    return _bytes(body, request)


def _pairs(value: object, request: Mapping) -> list[tuple[str, object]]:
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        return [(str(pair[0]), pair[1]) for pair in value]
    raise BadShape("the body is neither text nor the fields of a form", request.line)


def _tape(response: Mapping, ours: Mapping, method: str, budget: Budget) -> Tape:
    if "status_code" in response:  # vcrpy's httpx stub before 6.0
        status, reason = _status(response, "status_code"), ""
    else:
        words = response.get("status")
        if not isinstance(words, Mapping):
            raise BadShape("a response has no status", response.line)
        status, reason = _status(words, "code"), _text(ours, "reason") or _text(words, "message")
    headers = _in_order((*_headers(response), *_headers(ours, "hidden")), _text(ours, "order"))
    body = _response_body(response)
    if "track" not in ours:
        if method != "HEAD":
            body = _decoded(body, headers, response, budget)
        headers = framed(headers, method, status)
    version = _text(ours, "http") or "1.1"
    track = _track(ours)
    ending = Ending(_ending_kind(ours), track.ended if track else 0.0, _text(ours, "note"), _left(ours))
    at, early = track.at if track else 0.0, _text(ours, "early") == "true"
    head = Head(status, reason, headers, version, at, early, _text(ours, "dialect"))
    cut = track if track and track.size == len(body) else _OnePerEvent(head)
    tape = Tape.of_body(head, body, cut, ending)
    return Tape.of_body(head, body, cut, ending, _coded(ours, tape)) if "coded" in ours else tape


def _coded(ours: Mapping, tape: Tape) -> Coded | None:
    """The body before decoding; None where the decoded one was edited since."""
    coded = ours["coded"]
    if not isinstance(coded, Mapping):
        raise BadShape("'coded' is no mapping", ours.line, "remove it: then the body is coded anew")
    data, track = _bytes(coded.get("string"), coded), _track(coded)
    if track is None or track.size != len(data) or _text(coded, "crc32") != f"{crc32(tape.body):08x}":
        return None
    return Coded(content_coding(tape.headers), track.chunks(data), tuple(map(fingerprint, tape.pieces)))


def _track(ours: Mapping) -> Track | None:
    if "track" not in ours:
        return None
    try:
        return read_track(_text(ours, "track"))
    except BadTrack:
        advice = "remove the line: then one piece per event is played"
        raise BadShape(f"the track of {OURS!r} cannot be read", ours.line, advice) from None


def _left(ours: Mapping) -> float | None:
    if "left" not in ours:
        return None
    try:
        return read_moment(_text(ours, "left"))
    except BadTrack:
        word = shown(ours["left"])
        raise BadShape(f"{word} is no moment at which a client left", ours.line, "milliseconds, as 812.4") from None


@dataclass(frozen=True, slots=True)
class _OnePerEvent:
    """The chunks of a body without a track that fits it."""

    head: Head

    def chunks(self, body: bytes) -> tuple[Chunk, ...]:
        from fakegpt_testkit.framing import Framing, framing_of, split

        chunked = is_chunked(self.head.headers)
        framing = framing_of(body, media_type(self.head.headers))
        pieces = [body] if framing is None or framing is Framing.JSON_ARRAY else split(body, framing)
        return tuple(Chunk(self.head.at, piece, (len(piece),) if chunked else ()) for piece in pieces if piece)

    pieces = chunks


def _ending_kind(ours: Mapping) -> EndingKind:
    word = _text(ours, "ending")
    if not word:
        return EndingKind.COMPLETE
    try:
        return EndingKind(word)
    except ValueError:
        kinds = ", ".join(kind.value for kind in EndingKind)
        raise BadShape(f"the ending {shown(word)} is none of {kinds}", ours.line) from None


def _response_body(response: Mapping) -> bytes:
    if "parsed_body" in response:
        return _json_bytes(response["parsed_body"], response)
    if "content" in response and "body" not in response:
        return _bytes(response["content"], response)
    body = response.get("body")
    if not isinstance(body, Mapping):
        return _bytes(body, response)
    if "base64_string" in body:
        text = body["base64_string"]
        try:
            return base64.b64decode(b"".join(_bytes(text, body).split()), validate=True)
        except (binascii.Error, ValueError):
            raise BadShape("the base64_string of a body is not base64", body.line) from None
    return _bytes(body.get("string"), body)


def _decoded(body: bytes, headers: Headers, response: Mapping, budget: Budget) -> bytes:
    try:
        return budget.decoded(body, _codings(headers), header(headers, "content-type") or "")
    except TooLarge:
        raise BadShape("the compressed bodies unpack to more than a cassette may hold", response.line) from None


def _codings(headers: Headers) -> str:
    """What all ``Content-Encoding`` fields say, in their order."""
    return ", ".join(value for name, value in headers if name.lower() == "content-encoding")


def _status(parent: Mapping, key: str) -> int:
    word = parent.get(key)
    if not isinstance(word, str) or _STATUS.fullmatch(word) is None:
        raise BadShape(f"the status {shown(word)} is no number of three digits", parent.line)
    return int(word)


def _headers(parent: Mapping, key: str = "headers") -> Headers:
    fields = parent.get(key)
    if fields is None:
        return ()
    if not isinstance(fields, Mapping):
        raise BadShape(f"{key!r} is no mapping from a name to values", parent.line)
    found: list[tuple[str, str]] = []
    for name, values in fields.items():
        if not isinstance(values, list):
            found.append((name, _word(values, name, fields)))
        else:
            for value in values:
                found.append((name, value if type(value) is str else _word(value, name, fields)))  # noqa: PERF401
    return tuple(found)


def _in_order(headers: Headers, order: str) -> Headers:
    """The fields in the order they arrived; as stored when the names do not fit, after an edit by hand."""
    if not order:
        return headers
    values: dict[str, list[str]] = {}
    for name, value in reversed(headers):
        values.setdefault(order_word(name), []).append(value)
    names = {order_word(name): name for name, _ in headers}
    words = order.split()
    if Counter(words) != Counter({word: len(some) for word, some in values.items()}):
        return headers
    return tuple((names[word], values[word].pop()) for word in words)


def _text(parent: Mapping, key: str) -> str:
    value = parent.get(key)
    return value if type(value) is str else _word(value, key, parent)


def _word(value: Node, key: str, parent: Mapping) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return text_of_bytes(value)
    if not isinstance(value, str):
        _not_text(key, parent)
    return str(value)


def _bytes(value: Node, parent: Mapping) -> bytes:
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        _not_text("body", parent)
    return value.encode()


def _not_text(key: str, parent: Mapping) -> NoReturn:
    raise BadShape(f"{shown(key)} holds a collection where a text was wanted", parent.line)


def _json_bytes(value: Node, parent: Mapping) -> bytes:
    return json.dumps(_json_value(value, parent)).encode()


def _json_value(value: Node, parent: Mapping) -> object:
    """The value that a YAML reader sees; an unquoted word may be a number or a truth value."""
    if isinstance(value, Mapping):
        return {key: _json_value(item, value) for key, item in value.items()}
    if isinstance(value, list):
        return [_json_value(item, parent) for item in value]
    if isinstance(value, bytes):
        return _word(value, "body", parent)
    if not isinstance(value, Plain):
        return value
    if _INTEGER.fullmatch(value):
        return int(value)
    if _FLOAT.fullmatch(value):
        return float(value)
    return _TRUTH.get(value.lower(), str(value))
