"""Recognizes the recordings of other tools by their keys, and gives vcrpy's keys to those that hold what we need.

Knows the keys of each tool, and not how vcrpy's are read.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from fakegpt_testkit.cassette.tree import BadShape, Mapping, line_of, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.cassette.tree import Node

_CONVERT: Final = "convert it: fakegpt-testkit convert FILE --to cassettes/NAME.yaml; it was not touched"
_RECORD: Final = "record it again with fakegpt-testkit; it was not touched"


@dataclass(frozen=True, slots=True)
class Tool:
    """A recorder of another kind: what its file is called, and whether it is read."""

    title: str
    entry: Callable[[Mapping, int], Mapping] | None = None
    """An entry of the file with vcrpy's keys; None for a file that does not hold what is needed."""

    @property
    def is_read(self) -> bool:
        """Whether ``convert`` reads it."""
        return self.entry is not None

    @property
    def advice(self) -> str:
        """What to do with such a file."""
        return _CONVERT if self.is_read else _RECORD


def tool_of(root: Node) -> Tool | None:
    """Which other tool's recording this is; None for one of vcrpy's, and for what is no recording."""
    if isinstance(root, list):
        return _tool_of_list(root)
    if not isinstance(root, Mapping):
        return None
    if "http_interactions" in root:
        return _BETAMAX if str(root.get("recorded_with")).startswith("betamax") else _RUBY
    if (log := _log_of(root)) is not None:
        creator = log.get("creator")
        return _POLLY if isinstance(creator, Mapping) and creator.get("name") == "Polly.JS" else _HAR
    if _is_wiremock(root) or _holds(root.get("mappings"), _is_wiremock):
        return _WIREMOCK
    if isinstance(data := root.get("data"), Mapping) and isinstance(data.get("pairs"), list):
        return _HOVERFLY
    return _GO if _holds(root.get("interactions"), _is_gos) else None


def in_vcrpys_keys(root: Node, tool: Tool) -> Mapping:
    """The recording of a tool that is read, as a cassette of vcrpy's."""
    assert isinstance(root, Mapping)
    assert tool.entry is not None
    log = _log_of(root)
    entries = log.get("entries") if log is not None else root.get("http_interactions", root.get("interactions"))
    if not isinstance(entries, list):
        raise BadShape(f"{tool.title} without a list of what was recorded", line_of(root))
    found: list[Node] = []
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, Mapping):
            raise BadShape(f"interaction {number} is no mapping", line_of(root))
        found.append(tool.entry(entry, number))
    return _mapping(root, interactions=found, version="1")


# --- recognizing ------------------------------------------------------------------------------------------------------


def _tool_of_list(root: list[Node]) -> Tool | None:
    first = root[0] if root else None
    if not isinstance(first, Mapping):
        return None
    if "scope" in first and "path" in first:
        return _NOCK
    request = first.get("request")
    return _PHP if isinstance(request, Mapping) and "url" in request else None


def _log_of(root: Mapping) -> Mapping | None:
    """The log of a HAR file; Polly keeps one below the recording's name where it stores in a browser."""
    if len(root) == 1 and "log" not in root:
        (only,) = root.values()
        root = only if isinstance(only, Mapping) else root
    log = root.get("log")
    return log if isinstance(log, Mapping) and isinstance(log.get("entries"), list) else None


def _is_wiremock(entry: Mapping) -> bool:
    request, response = entry.get("request"), entry.get("response")
    return (
        isinstance(request, Mapping)
        and isinstance(response, Mapping)
        and not request.keys().isdisjoint({"url", "urlPath", "urlPattern", "urlPathPattern", "urlPathTemplate"})
    )


def _is_gos(entry: Mapping) -> bool:
    request, response = entry.get("request"), entry.get("response")
    return (
        isinstance(request, Mapping)
        and isinstance(response, Mapping)
        and "url" in request
        and "uri" not in request
        and "code" in response
    )


def _holds(entries: Node, is_of: Callable[[Mapping], bool]) -> bool:
    return isinstance(entries, list) and bool(entries) and isinstance(entries[0], Mapping) and is_of(entries[0])


# --- reading ----------------------------------------------------------------------------------------------------------


def _of_go(entry: Mapping, number: int) -> Mapping:
    """go-vcr, v1 to v4; from v3 on with an ``id`` and the fields of Go's own request and response."""
    asked, answered = _part(entry, "request", number), _part(entry, "response", number)
    request = _mapping(
        asked, method=asked.get("method") or "GET", uri=asked.get("url"), body=asked.get("body"), headers=_fields(asked)
    )
    said = str(answered.get("status") or "").partition(" ")[2]
    status = _mapping(answered, code=answered.get("code"), message=said)
    body = _mapping(answered, string=answered.get("body"))
    response = _mapping(answered, status=status, headers=_fields(answered), body=body)
    return _mapping(entry, request=request, response=response)


def _fields(message: Mapping) -> Node:
    fields = message.get("headers")
    return fields if fields is not None else Mapping(message.line)


def _of_ruby(entry: Mapping, number: int) -> Mapping:
    """Ruby's VCR from 2.0 on, and betamax, which has its keys."""
    asked, answered = _part(entry, "request", number), _part(entry, "response", number)
    request = _mapping(asked, method=asked.get("method"), uri=asked.get("uri"), headers=asked.get("headers"))
    request["body"] = _ruby_body(asked)
    response = _mapping(answered, status=answered.get("status"), headers=answered.get("headers"))
    response["body"] = _mapping(answered, string=_ruby_body(answered))
    return _mapping(entry, request=request, response=response, recorded_at=_iso(entry.get("recorded_at")))


def _ruby_body(message: Mapping) -> Node:
    body = message.get("body")
    if not isinstance(body, Mapping):
        return body
    if "base64_string" in body:
        return _of_base64(body["base64_string"], body)
    return body.get("string")


def _iso(said: Node) -> Node:
    """A time as HTTP writes it, as ISO writes it; any other text as it is."""
    if not isinstance(said, str):
        return None
    try:
        return parsedate_to_datetime(said).isoformat()
    except ValueError:
        return said


def _of_har(entry: Mapping, number: int) -> Mapping:
    """An entry of HAR 1.2, also as Polly writes it. A status of 0 says that there was no answer."""
    asked, answered = _part(entry, "request", number), _part(entry, "response", number)
    request = _mapping(asked, method=asked.get("method"), uri=asked.get("url"), headers=_pairs(asked, number))
    request["body"] = _posted(asked, number)
    code = answered.get("status")
    status = _mapping(answered, code=code, message=answered.get("statusText") or "")
    response = _mapping(answered, status=status, headers=_pairs(answered, number))
    response["body"] = _mapping(answered, string=_content(answered, number))
    if code in {"0", None}:
        status["code"] = "0"
        response["fakegpt"] = _mapping(answered, ending="eof")
    return _mapping(entry, request=request, response=response, recorded_at=entry.get("startedDateTime"))


def _pairs(message: Mapping, number: int) -> Mapping:
    """Fields of HAR, a list of names and values; those that HTTP/2 has for its own first line are none."""
    found = Mapping(message.line)
    fields = message.get("headers")
    for field in fields if isinstance(fields, list) else ():
        if not isinstance(field, Mapping) or not isinstance(name := field.get("name"), str):
            raise BadShape(f"a header of entry {number} has no name", line_of(message))
        if not name.startswith(":"):
            values = found.setdefault(name, [])
            assert isinstance(values, list)
            values.append(field.get("value"))
    return found


def _posted(asked: Mapping, number: int) -> Node:
    posted = asked.get("postData")
    if not isinstance(posted, Mapping):
        return None
    if (text := posted.get("text")) is not None:
        return _of_base64(text, posted) if posted.get("encoding") == "base64" else text
    fields = posted.get("params")
    if not isinstance(fields, list) or not fields:
        return None
    if str(posted.get("mimeType")).partition(";")[0] != "application/x-www-form-urlencoded":
        raise BadShape(f"the body of request {number} is not in the file, only its fields", line_of(posted), _RECORD)
    return urlencode(
        [(str(each.get("name")), str(each.get("value") or "")) for each in fields if isinstance(each, Mapping)]
    ).encode()


def _content(answered: Mapping, number: int) -> Node:
    content = answered.get("content")
    if not isinstance(content, Mapping):
        return None
    text = content.get("text")
    if text is None:
        if str(content.get("size") or "0") in {"0", "-1"} and "_file" not in content:
            return None
        raise BadShape(f"the body of answer {number} is not in the file", line_of(content), _WITH_CONTENT)
    return _of_base64(text, content) if content.get("encoding") == "base64" else text


_WITH_CONTENT: Final = "save it 'with content', in one file; it was not touched"


def _of_base64(text: Node, parent: Mapping) -> bytes:
    """Bytes from their base64; Polly writes them as a JSON list of pieces."""
    try:
        words = bytes(text) if isinstance(text, bytes) else str(text).encode()
        if words.startswith(b"["):
            return b"".join(base64.b64decode(piece, validate=True) for piece in json.loads(words))
        return base64.b64decode(b"".join(words.split()), validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise BadShape(f"a body that is said to be base64 is not: {shown(text)}", line_of(parent)) from None


def _part(entry: Mapping, key: str, number: int) -> Mapping:
    part = entry.get(key)
    if not isinstance(part, Mapping):
        raise BadShape(f"interaction {number} has no mapping {key!r}", line_of(entry))
    return part


def _mapping(place: Mapping, **values: Node) -> Mapping:
    """A mapping with these values, at the line of another."""
    found = Mapping(place.line)
    found.update(values)
    return found


_RUBY: Final = Tool("a cassette of Ruby's VCR", _of_ruby)
_BETAMAX: Final = Tool("a cassette of betamax", _of_ruby)
_HAR: Final = Tool("a HAR file", _of_har)
_POLLY: Final = Tool("a recording of Polly.JS", _of_har)
_GO: Final = Tool("a cassette of go-vcr", _of_go)
_WIREMOCK: Final = Tool("a stub mapping of WireMock")
_HOVERFLY: Final = Tool("a simulation of Hoverfly")
_NOCK: Final = Tool("a recording of nock")
_PHP: Final = Tool("a cassette of PHP-VCR")
