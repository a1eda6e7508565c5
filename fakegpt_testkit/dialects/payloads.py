"""The JSON of a stream's events as typed values, for a program that reads a provider's stream itself.

Knows no provider: what the events hold is the caller's to say.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from fakegpt_testkit.errors import PayloadUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fakegpt_testkit.sse import Event

T = TypeVar("T")


def payloads(events: Iterable[Event], shape: type[T]) -> Iterator[T]:
    """The JSON of each event as a ``shape``, up to the end mark ``[DONE]``: for the streams of any provider.

    ``shape`` is what msgspec decodes to: ``dict``, a dataclass, a ``TypedDict``, a ``msgspec.Struct``; the fewer fields
    it declares, the faster. An event without text is passed over.

    Raises `PayloadUnreadable` for data that is no JSON or has another shape.
    """
    decode = msgspec.json.Decoder(shape).decode
    for event in events:
        data = event.data
        if data == "[DONE]":
            return
        if not data:
            continue
        try:
            yield decode(data)
        except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as problem:
            try:
                yield msgspec.convert(whole_json(data), shape)
            except (ValueError, msgspec.MsgspecError):  # older versions of msgspec raise no ValueError
                raise PayloadUnreadable(data, str(problem)) from problem


def whole_json(data: str) -> Any:
    """JSON with half of an escaped surrogate pair in it, which msgspec takes for no JSON: the half becomes a U+FFFD.

    Raises ValueError for what is no JSON, also for ``NaN`` and ``Infinity``, which Python's own reader takes.
    """
    try:
        value = json.loads(data, parse_constant=_refuse)
        whole = json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-16", "surrogatepass")
        return json.loads(whole.decode("utf-16", "replace"))
    except RecursionError as error:
        raise ValueError("nested too deeply to be an event's JSON") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
