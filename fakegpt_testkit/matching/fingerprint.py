"""What two requests must have in common to be equal, as a few bytes: those that differ in it need no comparison.

Knows no cassette. Requests with the same bytes may still differ: in an order, in a header, for a suite's own matcher.
What only is alike, since a placeholder stands in it, has other bytes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.bodies import unpacked
from fakegpt_testkit.matching.bodies import JsonValue, NotATree, tree
from fakegpt_testkit.matching.comparison import fields_of, uri_without
from fakegpt_testkit.matching.fields import Reach, onward, reach
from fakegpt_testkit.matching.uris import split_uri

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Request
    from fakegpt_testkit.matching.comparison import Rules

_PLAIN: Final = ("method", "scheme", "host", "port", "path")


def fingerprint(request: Request, rules: Rules, media: str) -> bytes:
    """The same for all requests that are equal by these rules; ``media`` is the type by which their bodies are read.

    Which fields are ignored depends on the endpoint. Where that decides nothing, neither does what it may leave out.
    """
    by_name = {each for each in rules.match_on if isinstance(each, str)}
    parts = split_uri(request.uri)
    known = "method" in by_name and bool(by_name & {"path", "uri", "url"})
    said = hashlib.blake2b(digest_size=16)

    def reached(root: str) -> Reach:
        return reach(rules.ignored, request.method, parts.path, root)

    for name in _PLAIN:
        if name not in by_name or (not known and rules.ignored) or () in reached(name):
            continue
        value = request.method if name == "method" else getattr(parts, name)
        said.update(f"{name} {value}\n".encode("utf-8", "surrogatepass"))
    if not known:
        return said.digest()
    if by_name & {"uri", "url"}:
        said.update(uri_without(parts, reached("query"), {}).encode("utf-8", "surrogatepass"))
    if "query" in by_name:
        _add(said, fields_of(request.uri), reached("query"))
    if "body" in by_name and () not in reached("body"):
        try:
            _add(said, tree(request.body, media)[0], reached("body"))
        except NotATree:
            said.update(b"bytes" + unpacked(request.body))
    if "raw_body" in by_name and () not in reached("body"):
        said.update(request.body)
    return said.digest()


def _add(said: hashlib.blake2b, value: JsonValue, reached: Reach) -> None:
    """A value without what is ignored, its keys in one order. With a list, not by recursion, as it is compared."""
    todo: list[tuple[bytes, JsonValue, Reach]] = [(b"", value, reached)]
    while todo:
        before, here, left = todo.pop()
        if () in left:
            continue
        said.update(before)
        if isinstance(here, dict):
            todo.append((b"}", None, ()))
            names = sorted(here, reverse=True)
            todo += [(_token(name) + b":", here[name], onward(left, name) if left else left) for name in names]
            said.update(b"{")
        elif isinstance(here, list):
            todo.append((b"]", None, ()))
            last = len(here) - 1
            todo += [(b",", each, onward(left, last - at) if left else left) for at, each in enumerate(reversed(here))]
            said.update(b"[")
        else:
            said.update(_token(here))


def _token(value: str | float | bool | None) -> bytes:
    """Equal for what is equal: 1 and 1.0, any NaN."""
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogatepass")
        return b"s%d " % len(text) + text
    if isinstance(value, float):
        value = int(value) if value.is_integer() else value
    return repr(value).encode() + b" "
