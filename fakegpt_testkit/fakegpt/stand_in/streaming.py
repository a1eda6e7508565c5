"""An answer's chunks as what a server plays: each at its moment, in HTTP's framing, to the ending that was asked for.

Knows nothing of chats and of sockets: chunks are bytes, and so is what comes of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fakegpt_testkit.exchange import Chunk, Ending, EndingKind, Tape
from fakegpt_testkit.fakegpt.stand_in import answer
from fakegpt_testkit.serving.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakegpt_testkit.exchange import Head
    from fakegpt_testkit.fakegpt.stand_in.options import Options
    from fakegpt_testkit.wire.writing import Frame

_LEAST_PAUSE: Final = 0.01
_LAST_CHUNK: Final = b"0\r\n\r\n"
_WHOLE: Final = frozenset({"done", "unmarked"})
_ENDS: Final = {"reset": EndingKind.RESET, "stall": EndingKind.STALLED, "endless": EndingKind.STALLED}
_TAILS: Final = {"cut": b"1000\r\ndata: {", "malformed": b"zz\r\ndata: {\r\n"}


def tape(head: Head, chunks: list[bytes], options: Options) -> Tape:
    """A stream as it would be recorded, except for what its ending sends after the last chunk, and for pings."""
    begin = _begin(options)
    made = tuple(Chunk(begin + options.delay * nth, each, (len(each),)) for nth, each in enumerate(chunks))
    kind = EndingKind.COMPLETE if options.end in _WHOLE else _ENDS.get(options.end, EndingKind.EOF)
    return Tape(head, made, Ending(kind, made[-1].at if made else begin))


def _begin(options: Options) -> float:
    return answer.PAUSE if "other-timing" in options.drift else 0.0


def plan(head: bytes, chunks: list[bytes], options: Options, *, framed: bool) -> Plan:
    """How a stream is sent: each chunk an HTTP chunk of its own, or as it is where the client knows none."""
    begin = _begin(options)
    whole = options.end in _WHOLE
    last = begin + options.delay * max(0, len(chunks) - whole)
    kind = EndingKind.COMPLETE if whole and framed else _ENDS.get(options.end, EndingKind.EOF)
    frames = _frames(head, chunks, options, begin, framed=framed)
    return Plan("POST", frames, Ending(kind, last), whole=whole and framed, open=whole, spaced=True)


def _frames(head: bytes, chunks: list[bytes], options: Options, begin: float, *, framed: bool) -> Iterator[Frame]:
    yield 0.0, head, False
    whole = options.end in _WHOLE
    # The last chunk goes out with the body's end: whoever leaves at the end mark has seen a complete response then.
    first, last = (chunks[:-1], b"".join(chunks[-1:])) if whole else (chunks, b"")
    for number, chunk in enumerate(first):
        yield begin + options.delay * number, _chunk(chunk, framed=framed), False
    at = begin + options.delay * len(first)
    if whole:
        yield at, (_chunk(last, framed=framed) if last else b"") + (_LAST_CHUNK if framed else b""), False
    elif options.end in _TAILS:
        yield at, _TAILS[options.end], False
    elif options.end == "endless":
        number = 0
        while True:
            at += max(options.delay, _LEAST_PAUSE)
            number += 1
            yield at, _chunk(answer.ping(options, number), framed=framed), False


def _chunk(data: bytes, *, framed: bool) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if framed else data
