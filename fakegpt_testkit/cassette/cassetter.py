"""Gives what cassetter has recorded the keys of vcrpy.

Knows cassetter's keys, and not how vcrpy's are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakegpt_testkit.cassette.tree import BadShape, Mapping, shown

if TYPE_CHECKING:
    from fakegpt_testkit.cassette.tree import Node


def is_cassetters(response: Mapping) -> bool:
    """Whether a response has its status as a number: vcrpy's is a mapping of a code and a message."""
    return isinstance(response.get("status"), str)


def request_in_vcrpys_keys(request: Mapping) -> Mapping:
    """The request with its body as vcrpy has it."""
    return _with_body(request, "body")


def response_in_vcrpys_keys(response: Mapping) -> Mapping:
    """The response with its status and its body as vcrpy has them."""
    found = _with_body(response, "content")
    status = found["status"] = Mapping(response.line)
    status["code"] = response["status"]
    return found


def _with_body(message: Mapping, key: str) -> Mapping:
    """A body under ``key``, or as ``parsed_body`` where it is JSON, which is stored as a tree."""
    found = Mapping(message.line)
    found.update((name, value) for name, value in message.items() if name != "body")
    body = message.get("body")
    if not isinstance(body, Mapping):
        raise BadShape("a body is no mapping with 'type'", message.line)
    kind, content = body.get("type"), body.get("content")
    if kind == "json":
        found["parsed_body"] = content
    elif kind == "text":
        found[key] = content
    elif kind == "binary":
        found[key] = _of_hexadecimal(content, body)
    elif kind != "none":
        raise BadShape(f"the type of a body is {shown(kind)}: none of json, text, binary and none", body.line)
    return found


def _of_hexadecimal(content: Node, body: Mapping) -> bytes:
    try:
        return bytes.fromhex(str(content))
    except ValueError:
        raise BadShape("a binary body is not hexadecimal", body.line) from None
