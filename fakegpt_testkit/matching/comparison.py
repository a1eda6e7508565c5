"""Compares the request that is asked with one that was recorded, matcher by matcher, cheap ones first.

Knows no cassette: which recorded requests there are, and which were played, its callers say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlencode, urlsplit

from fakegpt_testkit import profiles
from fakegpt_testkit.bodies import unpacked
from fakegpt_testkit.errors import BadSetting
from fakegpt_testkit.exchange import PLACEHOLDER, media_type
from fakegpt_testkit.matching.bodies import InText, JsonValue, Lines, ListInText, NotATree, grouped, opened, tree
from fakegpt_testkit.matching.choosing import Vary, choosing, chosen
from fakegpt_testkit.matching.fields import Key, Path, Reach, check, onward, reach, worded
from fakegpt_testkit.matching.likeness import Likeness, alike
from fakegpt_testkit.matching.uris import UriParts, split_uri

if TYPE_CHECKING:
    from fakegpt_testkit.exchange import Request


class VcrRequest(Protocol):
    """What a suite's own matcher sees of a request: the properties of vcrpy's request object."""

    method: str
    uri: str
    headers: Mapping[str, str]
    body: bytes | None
    scheme: str
    host: str
    port: int
    path: str
    query: list[tuple[str, str]]


Matcher = Callable[[VcrRequest, VcrRequest], bool | None]
"""A suite's own matcher, exactly as in vcrpy: takes the asked and the recorded request; says no by a false value or by
an ``AssertionError``."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One field that differs; both values in words, strings in quotes, ``nothing`` for a field that is not there."""

    path: str
    recorded: str
    asked: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found: the fields that decide and differ, and the fields that were left out of it."""

    differences: tuple[Mismatch, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether the recorded response answers the asked request."""
        return not self.differences


DEFAULT_MATCH_ON: Final = ("method", "scheme", "host", "port", "path", "query", "choice", "body")
"""What decides which recording answers a request; unlike in vcrpy, the body too, and the fields that choose."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides a match: matchers by vcrpy's names or a suite's own, and the fields that are ignored.

    ``ignored`` are paths, optionally bound to an endpoint; ``docs/matching.md`` has the language. What is volatile in
    the requests of a service with a profile is ignored besides, where they are surely its own.

    Raises ``BadSetting`` for a name that no matcher has and for a path that is not one.
    """

    match_on: tuple[str | Matcher, ...] = DEFAULT_MATCH_ON
    ignored: tuple[str, ...] = ()
    in_order: tuple[str | Matcher, ...] = field(init=False, repr=False, compare=False)
    """The matchers, cheap ones first."""

    def __post_init__(self) -> None:
        for matcher in self.match_on:
            if isinstance(matcher, str) and matcher not in _MATCHERS:
                wanted = f"one of {', '.join(_MATCHERS)}, or a function of two requests"
                raise BadSetting("a matcher", matcher, wanted)
        check(self.ignored)
        object.__setattr__(self, "in_order", tuple(sorted(self.match_on, key=_cost)))


def compare(asked: Request, recorded: Request, rules: Rules, vary: Vary = ()) -> Comparison:
    """Everything that differs between two requests, and everything that was ignored.

    ``vary`` are the fields that the recorded answer's ``Vary`` names.
    """
    ignored: dict[str, None] = {}
    return Comparison(tuple(_differences(_Pair(asked, recorded, rules, vary, ignored), rules.in_order)), tuple(ignored))


def matches(
    asked: Request, recorded: Request, rules: Rules, vary: Vary = (), *, likeness: Likeness = Likeness.ANY
) -> bool:
    """Whether the recorded response answers the asked request; stops at the first difference."""
    same = {part for part in _PARTS if getattr(asked, part) == getattr(recorded, part)}
    left = [each for each in rules.in_order if not isinstance(each, str) or _READS[each] not in same]
    return not left or next(_differences(_Pair(asked, recorded, rules, vary, {}, likeness), left), None) is None


# --- matchers ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two requests under comparison; ``ignored`` collects the paths that were left out, in order."""

    asked: Request
    recorded: Request
    rules: Rules
    vary: Vary
    ignored: dict[str, None]
    likeness: Likeness = Likeness.ANY

    def reach(self, root: str) -> Reach:
        left_out = self.rules.ignored + profiles.volatile(self.asked, self.recorded)
        return reach(left_out, self.asked.method, split_uri(self.asked.uri).path, root)


def _differences(pair: _Pair, matchers: Sequence[str | Matcher]) -> Iterator[Mismatch]:
    for matcher in matchers:
        yield from _MATCHERS[matcher](pair) if isinstance(matcher, str) else _own(matcher, pair)


def _cost(matcher: str | Matcher) -> int:
    """Bodies after everything else, and a suite's own functions, which may do anything, last."""
    return _COSTS.get(matcher, 0) if isinstance(matcher, str) else 3


_COSTS: Final = {"raw_body": 1, "body": 2}

_READS: Final = {
    "method": "method",
    **dict.fromkeys(("uri", "url", "scheme", "host", "port", "path", "query"), "uri"),
    **dict.fromkeys(("headers", "choice"), "headers"),
    **dict.fromkeys(("raw_body", "body"), "body"),
}
"""The part of a request that a matcher looks at: where it is the same on both sides, it finds nothing."""

_PARTS: Final = ("method", "uri", "headers", "body")


def _method(pair: _Pair) -> Iterator[Mismatch]:
    yield from _plain(pair, "method", pair.asked.method, pair.recorded.method)


def _scheme(pair: _Pair) -> Iterator[Mismatch]:
    yield from _plain(pair, "scheme", split_uri(pair.asked.uri).scheme, split_uri(pair.recorded.uri).scheme)


def _host(pair: _Pair) -> Iterator[Mismatch]:
    yield from _plain(pair, "host", split_uri(pair.asked.uri).host, split_uri(pair.recorded.uri).host)


def _port(pair: _Pair) -> Iterator[Mismatch]:
    yield from _plain(pair, "port", split_uri(pair.asked.uri).port, split_uri(pair.recorded.uri).port)


def _path(pair: _Pair) -> Iterator[Mismatch]:
    yield from _plain(pair, "path", split_uri(pair.asked.uri).path, split_uri(pair.recorded.uri).path)


def _query(pair: _Pair) -> Iterator[Mismatch]:
    asked, recorded = (fields_of(each.uri) for each in (pair.asked, pair.recorded))
    yield from _tree(pair, "query", asked, recorded)


def fields_of(uri: str) -> dict[str, JsonValue]:
    """The fields of a query by their names, in one order."""
    return grouped(tuple((name, opened(value)) for name, value in sorted(split_uri(uri).query)))


def _uri(pair: _Pair) -> Iterator[Mismatch]:
    reached = pair.reach("query")
    asked, recorded = (uri_without(split_uri(each.uri), reached, pair.ignored) for each in (pair.asked, pair.recorded))
    yield from _plain(pair, "uri", asked, recorded)


def uri_without(parts: UriParts, reached: Reach, ignored: dict[str, None]) -> str:
    """A URI without the fields of its query that are ignored; these are noted."""
    left_out = {name for name, _ in parts.query if () in onward(reached, name)}
    if not left_out:
        return parts.uri
    ignored.update((worded(("query", name)), None) for name in sorted(left_out))
    kept = urlencode([(name, value) for name, value in parts.query if name not in left_out], errors="surrogateescape")
    return urlsplit(parts.uri)._replace(query=kept).geturl()


def _headers(pair: _Pair) -> Iterator[Mismatch]:
    """Any redacted credential is as good as another: which key was sent is not what tells two requests apart."""
    asked, recorded = (
        grouped(tuple((name.lower(), PLACEHOLDER.sub("REDACTED", value)) for name, value in each.headers))
        for each in (pair.asked, pair.recorded)
    )
    yield from _tree(pair, "headers", asked, recorded)


def _choice(pair: _Pair) -> Iterator[Mismatch]:
    """The fields that choose one of several answers; nothing where a tool has kept no field of the request."""
    if not pair.recorded.headers or pair.recorded.headers == pair.asked.headers:
        return
    reached = pair.reach("headers")
    for name in choosing(pair.vary):
        asked, recorded = chosen(name, pair.asked.headers), chosen(name, pair.recorded.headers)
        if asked == recorded:
            continue
        if () in onward(reached, name):
            pair.ignored[worded(("headers", name))] = None
        else:
            was, now = (
                said or _anything(name, each) for said, each in ((recorded, pair.recorded), (asked, pair.asked))
            )
            yield Mismatch(worded(("headers", name)), _in_words(was), _in_words(now))


def _anything(name: str, request: Request) -> str | _Absent:
    """A field that chooses nothing as it stands there, such as ``*/*``."""
    return next((value for field, value in request.headers if field.lower() == name), _ABSENT)


def _raw_body(pair: _Pair) -> Iterator[Mismatch]:
    yield from _plain(pair, "body", pair.asked.body, pair.recorded.body)


def _body(pair: _Pair) -> Iterator[Mismatch]:
    media = media_type(pair.asked.headers) or media_type(pair.recorded.headers)
    try:
        asked, asked_order = tree(pair.asked.body, media)
        recorded, recorded_order = tree(pair.recorded.body, media)
    except NotATree:
        yield from _plain(pair, "body", unpacked(pair.asked.body), unpacked(pair.recorded.body))
        return
    differ = False
    for difference in _tree(pair, "body", asked, recorded):
        differ = True
        yield difference
    reached = pair.reach("body")
    if not differ and asked_order != recorded_order and () not in reached:
        mine, theirs = (
            ", ".join(".".join(path) for path in order if not _is_ignored(path, reached))
            for order in (asked_order, recorded_order)
        )
        if mine != theirs:
            yield Mismatch("body", f"in the order {theirs}", f"in the order {mine}")


def _is_ignored(path: tuple[str, ...], reached: Reach) -> bool:
    for key in path:
        reached = onward(reached, key)
        if () in reached:
            return True
    return False


_MATCHERS: Final[dict[str, Callable[[_Pair], Iterator[Mismatch]]]] = {
    "method": _method,
    "uri": _uri,
    "url": _uri,
    "scheme": _scheme,
    "host": _host,
    "port": _port,
    "path": _path,
    "query": _query,
    "headers": _headers,
    "choice": _choice,
    "raw_body": _raw_body,
    "body": _body,
}


def _own(matcher: Matcher, pair: _Pair) -> Iterator[Mismatch]:
    name = getattr(matcher, "__name__", type(matcher).__name__)
    try:
        said = matcher(_as_vcr(pair.asked), _as_vcr(pair.recorded))
    except AssertionError as error:
        reason = str(error).partition("\n")[0]
        yield Mismatch(name, "another request", f"one that the matcher refuses: {reason}".removesuffix(": "))
    else:
        if said is not None and not said:
            yield Mismatch(name, "another request", "one that the matcher refuses")


def _as_vcr(request: Request) -> VcrRequest:
    """The request as vcrpy's matchers know it. Importing vcrpy takes a while, so only suites with such matchers do."""
    from vcr.request import Request as RequestOfVcr

    headers: dict[str, str] = {}
    for name, value in request.headers:
        headers.setdefault(name.lower(), value)
    made: VcrRequest = RequestOfVcr(request.method, request.uri, request.body or None, headers)
    return made


# --- values -----------------------------------------------------------------------------------------------------------


class _Absent:
    """The place of a value that only the other side has."""


_ABSENT: Final = _Absent()

_Value = JsonValue | bytes | _Absent


def _plain(
    pair: _Pair, name: str, asked: str | int | bytes | None, recorded: str | int | bytes | None
) -> Iterator[Mismatch]:
    if asked == recorded or _same(asked, recorded, pair.likeness):
        return
    if () in pair.reach(name):
        pair.ignored[name] = None
        return
    yield Mismatch(name, _in_words(recorded), _in_words(asked))


def _tree(pair: _Pair, root: str, asked: JsonValue, recorded: JsonValue) -> Iterator[Mismatch]:
    """Walks both values in step. With a list, not by recursion: JSON may nest deeper than Python calls."""
    todo: list[tuple[Path, Reach, _Value, _Value]] = [((root,), pair.reach(root), asked, recorded)]
    while todo:
        path, reached, mine, theirs = todo.pop()
        if () in reached:
            pair.ignored[worded(path)] = None
        elif isinstance(mine, (dict, list)) and isinstance(theirs, (dict, list)) and type(mine) is not type(theirs):
            yield Mismatch(worded(path), _in_words(theirs), _in_words(mine))
        elif isinstance(mine, dict) and isinstance(theirs, dict):
            names = [*theirs, *(name for name in mine if name not in theirs)]
            todo.extend(
                _onward(path, reached, name, mine.get(name, _ABSENT), theirs.get(name, _ABSENT))
                for name in reversed(names)
            )
        elif isinstance(mine, list) and isinstance(theirs, list):
            for index in reversed(range(max(len(mine), len(theirs)))):
                pieces = (each[index] if index < len(each) else _ABSENT for each in (mine, theirs))
                todo.append(_onward(path, reached, index, *pieces))
        elif not _same(mine, theirs, pair.likeness):
            yield Mismatch(worded(path), _in_words(theirs), _in_words(mine))


def _onward(path: Path, reached: Reach, step: Key, mine: _Value, theirs: _Value) -> tuple[Path, Reach, _Value, _Value]:
    return (*path, step), onward(reached, step) if reached else reached, mine, theirs


def _same(mine: _Value, theirs: _Value, likeness: Likeness) -> bool:
    """JSON's idea of equal: 1 is 1.0, but true is not 1; NaN, which some clients send, is itself."""
    if isinstance(mine, bool) is not isinstance(theirs, bool):
        return False
    if mine == theirs or (mine != mine and theirs != theirs):
        return True
    if isinstance(mine, bytes) and isinstance(theirs, bytes):
        mine, theirs = mine.decode("latin-1"), theirs.decode("latin-1")
    return isinstance(mine, str) and isinstance(theirs, str) and alike(mine, theirs, likeness)


def _in_words(value: _Value) -> str:
    if isinstance(value, _Absent):
        return "nothing"
    if isinstance(value, bytes):
        if not value:
            return "nothing"
        with suppress(UnicodeDecodeError):
            return repr(value.decode())
        return repr(value)
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, Lines):
        return f"lines of JSON: {', '.join(map(_in_words, value))}"
    if isinstance(value, (InText, ListInText)):
        return repr(json.dumps(value, ensure_ascii=False))
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
