"""Reads any YAML text into plain nodes, with a bound on everything that a hostile or broken file could blow up.

Knows YAML and nothing of what a cassette means. libYAML does the parsing; this takes its events one by one, so no bound
is found out too late and nothing recurses. Loaded for a text that is not of our own writer's form.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

import yaml

from fakegpt_testkit.cassette.tree import MAX_DEPTH, MAX_NODES, BadShape, Mapping, Plain, shown, text_of_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakegpt_testkit.cassette.tree import Node

MAX_DIRECTIVES = 100
MAX_ALIASED = 4 * 1024 * 1024
"""The bound of what aliases may repeat, in characters, each node counted as 16."""

_NODE_WEIGHT = 16
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_YAML = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({"!", f"{_YAML}str", f"{_YAML}python/str", f"{_YAML}python/unicode"})
_PLAIN_TAGS = frozenset({f"{_YAML}int", f"{_YAML}float", f"{_YAML}bool", f"{_YAML}timestamp"})
_BINARY_TAGS = frozenset({f"{_YAML}binary", "!binary"})  # Ruby writes the second
_LIST_TAGS = frozenset({"!", f"{_YAML}seq", f"{_YAML}python/tuple", f"{_YAML}python/list"})
_MAPPING_TAGS = frozenset({"!", f"{_YAML}map", f"{_YAML}python/dict"})
_ISTR = re.compile(re.escape(_YAML) + r"python/object/(new|apply):multidict\.[\w.]*istr")
_BYTES_IO = f"{_YAML}python/object/new:_io.BytesIO"
_ITERATOR = f"{_YAML}python/object/apply:builtins.iter"


class _Events(Protocol):
    def get_event(self) -> yaml.Event | None: ...
    def dispose(self) -> None: ...


# stubs call the loader's class for a str only; libYAML takes bytes as well and then copies nothing
_open_events = cast("Callable[[bytes], _Events]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@dataclass(slots=True)
class _Open:
    """A collection that is being read."""

    value: list[Node] | Mapping
    line: int
    tag: str | None
    anchor: str | None
    weight_before: int
    key: str | None = None
    merging: bool = False
    merged: list[Node] = field(default_factory=list)


_MERGE = "<<"
_LIBYAML_TOO_DEEP = "exceeded maximum nesting depth"  # libYAML 0.2.6 has a bound of 1,000, and reads ahead of ours


class _TreeBuilder:
    """Builds nodes from events; ``root`` is the document once ``read`` returned."""

    def __init__(self) -> None:
        self.root: Node = None
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._nodes = 0
        self._weight = 0
        self._aliased = 0
        self._documents = 0

    def build(self, data: bytes) -> Node:
        events = _open_events(data)
        try:
            while (event := events.get_event()) is not None:
                self._take(event)
        finally:
            events.dispose()
        return self.root

    def _take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.ScalarEvent):
            self._count(line, len(event.value))
            self._put_scalar(event, line)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            before = self._weight
            self._count(line, 0)
            if len(self._stack) >= MAX_DEPTH:
                raise _too_deep(line)
            value: list[Node] | Mapping = [] if isinstance(event, yaml.SequenceStartEvent) else Mapping(line)
            self._stack.append(_Open(value, line, event.tag, event.anchor, before))
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._put_alias(event.anchor or "", line)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise BadShape("a second YAML document begins here; a cassette is one document", line)

    def _count(self, line: int, length: int) -> None:
        self._nodes += 1
        self._weight += _NODE_WEIGHT + length
        if self._nodes > MAX_NODES:
            raise BadShape(f"there are more than {MAX_NODES} values", line)

    def _put_alias(self, anchor: str, line: int) -> None:
        self._count(line, 0)
        if anchor not in self._anchors:
            raise BadShape(f"the alias {shown(anchor)} names nothing that was complete before it", line)
        node, weight = self._anchors[anchor]
        self._weight += weight
        self._aliased += weight
        if self._aliased > MAX_ALIASED:
            raise BadShape("the aliases repeat more than a cassette may hold", line)
        self._put(node, line)

    def _put_scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        before = self._weight - _NODE_WEIGHT - len(event.value)
        node = _scalar(event, line)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._weight - before)
        top = self._stack[-1] if self._stack else None
        if top is not None and isinstance(top.value, Mapping) and top.key is None:
            key = text_of_bytes(node) if isinstance(node, bytes) else event.value
            self._put_key(top, key, line, merge=event.value == _MERGE and isinstance(node, Plain))
        else:
            self._put(node, line)

    def _put_key(self, top: _Open, key: str, line: int, *, merge: bool) -> None:
        if not merge and key in top.value:
            raise BadShape(f"the key {shown(key)} stands twice in one mapping", line)
        top.key, top.merging = key, merge

    def _put(self, node: Node, line: int) -> None:
        if not self._stack:
            self.root = node
            return
        top = self._stack[-1]
        if isinstance(top.value, list):
            top.value.append(node)
        elif top.key is None:
            if not isinstance(node, str):
                raise BadShape("a key is not a text", line)
            self._put_key(top, node, line, merge=False)
        elif top.merging:
            top.merged.extend(node if isinstance(node, list) else [node])
            top.key = None
        else:
            top.value[top.key] = node
            top.key = None

    def _close(self) -> None:
        done = self._stack.pop()
        if isinstance(done.value, Mapping):
            _merge(done.value, done.merged)
        node = _tagged(done)
        if done.anchor is not None:
            self._anchors[done.anchor] = (node, self._weight - done.weight_before)
        self._put(node, done.line)


def parse(data: bytes) -> Node:
    """The one document in ``data``, which is UTF-8; BadShape for anything else than a tree within the bounds."""
    if data.count(b"\n%") > MAX_DIRECTIVES:  # libYAML compares each with all before it
        raise BadShape(f"there are more than {MAX_DIRECTIVES} lines that begin with %")
    try:
        return _TreeBuilder().build(data)
    except yaml.reader.ReaderError as error:
        line = data.count(b"\n", 0, error.position) + 1
        raise BadShape(f"a character that YAML does not allow: {error.reason}", line) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = None if mark is None else mark.line + 1
        if error.problem == _LIBYAML_TOO_DEEP:
            raise _too_deep(at) from None
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise BadShape(f"not YAML: {problem}", at) from None
    except yaml.YAMLError as error:
        raise BadShape(f"not YAML: {error}") from None


def _scalar(event: yaml.ScalarEvent, line: int) -> Node:
    value: str = event.value
    tag = event.tag
    if tag is None:
        if event.style:
            return value
        return None if value in _NULLS else Plain(value)
    if tag in _TEXT_TAGS:
        return value
    if tag in _PLAIN_TAGS:
        return Plain(value)
    if tag == f"{_YAML}null":
        return None
    if tag in _BINARY_TAGS:
        try:
            return base64.b64decode("".join(value.split()), validate=True)
        except (binascii.Error, ValueError):
            raise BadShape("a !!binary value is not base64", line) from None
    raise _unknown_tag(tag, line)


def _tagged(done: _Open) -> Node:
    """The value of a collection, or what its tag says that it stands for."""
    value, tag = done.value, done.tag
    if tag is None or tag in (_LIST_TAGS if isinstance(value, list) else _MAPPING_TAGS):
        return value
    if _ISTR.fullmatch(tag):
        words = value if isinstance(value, list) else value.get("args")
        if isinstance(words, list) and len(words) == 1 and isinstance(words[0], str):
            return str(words[0])
    elif tag == _BYTES_IO and isinstance(value, Mapping):
        state = value.get("state")
        if isinstance(state, list) and state and isinstance(state[0], (str, bytes)):
            return state[0]
    elif tag == _ITERATOR and isinstance(value, Mapping):
        arguments = value.get("args")
        if isinstance(arguments, list) and len(arguments) == 1 and isinstance(arguments[0], list):
            return b"".join(_piece(part, done.line) for part in arguments[0])
    raise _unknown_tag(tag, done.line)


def _piece(part: Node, line: int) -> bytes:
    if isinstance(part, str):
        return part.encode()
    if isinstance(part, bytes):
        return part
    raise BadShape("a body given in pieces has a piece that is neither text nor bytes", line)


def _too_deep(line: int | None) -> BadShape:
    return BadShape(f"collections are nested more than {MAX_DEPTH} deep", line)


def _unknown_tag(tag: str, line: int) -> BadShape:
    return BadShape(
        f"the tag {shown(tag.removeprefix(_YAML))} is not one that a cassette may hold, or not of this shape",
        line,
        "write the value without the tag, or record the cassette again",
    )


def _merge(value: Mapping, merged: list[Node]) -> None:
    """YAML 1.1's merge: what the mapping says itself wins, then the earlier of the merged ones."""
    for other in merged:
        if not isinstance(other, Mapping):
            raise BadShape("a merge key (<<) wants a mapping or a list of mappings", value.line)
        for key, node in other.items():
            value.setdefault(key, node)
