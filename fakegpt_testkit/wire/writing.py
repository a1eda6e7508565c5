"""A tape to the HTTP/1 bytes that a server would have sent, arrival by arrival.

Does no I/O and knows no clock: it says what arrives together and when it did, not how long to wait.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Protocol, TypeAlias

from fakegpt_testkit.exchange import SURPLUS, Breach, EndingKind, content_coding, header, is_chunked
from fakegpt_testkit.wire.codings import looks_packed
from fakegpt_testkit.wire.reading import CONTINUE, OK
from fakegpt_testkit.wire.unread import more_in, unread_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fakegpt_testkit.cuts import Received
    from fakegpt_testkit.exchange import Chunk, Ending, Head, Headers, Tape

BODILESS_STATUSES = frozenset({204, 304})

END_MARK = b"0\r\n\r\n"
NO_CHUNK_SIZE = b"this is no chunk size\r\n"
NO_DEFLATE_BLOCK = b"\x07\xff\xff\xff"
"""A block of the type that RFC 1951, 3.2.3 reserves: an error to every decoder."""
NO_RESPONSE = b"these bytes were not announced\r\n\r\n"


Frame: TypeAlias = tuple[float, bytes, bool]
"""When, the bytes that arrive together, and whether they wait for a reader in lockstep or follow by themselves.

No named tuple: making one takes as long as encoding what is in it.
"""


class Coder(Protocol):
    """A content coding: gives bytes from which a decoder gets all of ``data`` at once."""

    def code(self, data: bytes, *, last: bool) -> bytes: ...


class ZlibCoder:
    """gzip and deflate, flushed after each arrival so that a decoder's pieces are the recorded ones."""

    def __init__(self, window_bits: int) -> None:
        self._compressor = zlib.compressobj(wbits=window_bits)

    def code(self, data: bytes, *, last: bool) -> bytes:
        return self._compressor.compress(data) + self._compressor.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)


def frames_of(tape: Tape, method: str) -> Iterator[Frame]:
    """As ``encode``; all that play a tape again share the same bytes.

    Most are played once: for that nothing is kept, and nothing encoded before it is asked for.
    """
    kept = tape.encoded
    if method not in kept:
        kept[method] = ()
        return encode_tape(tape, method)
    if not kept[method]:
        kept[method] = tuple(encode_tape(tape, method))
    return iter(kept[method])


def encode_tape(tape: Tape, method: str) -> Iterator[Frame]:
    """The response's bytes, encoded as they are asked for; how it ends is the player's to do.

    Without a status they are what came in a head's place.
    """
    if not tape.status:
        return ((chunk.at, chunk.data, True) for chunk in tape.pieces)
    headers = settle_headers(tape, method)
    at, head = tape.head.at, encode_head(tape.head, headers)
    frames = encode_body(tape, headers) if has_body(tape, method) else iter(())
    first = next(frames, None)
    if first is not None and first[0] <= at:
        head += first[1]  # what has the head's own time came in its arrival; a second chunk was another arrival
    elif first is not None:
        frames = chain((first,), frames)
    frames = chain(((at, head, True),), frames)
    if with_last := encode_unread(tape, in_chunks=has_body(tape, method) and is_chunked(headers)):
        *before, (at, data, waits) = frames
        return iter((*before, (at, data + with_last, waits)))
    return frames


def encode_unread(tape: Tape, *, in_chunks: bool) -> bytes:
    """What came after the body's last bytes and is none of it, where the client got it together with those.

    The beginning of an HTTP chunk's head may have come later: no client tells when.
    """
    ending = tape.ending
    if ending.kind is EndingKind.COMPLETE and ending.note.startswith(SURPLUS):
        return unread_in(ending.note) or NO_RESPONSE
    came_along = ending.kind is EndingKind.EOF or _breach_came_along(tape)
    return unread_in(ending.note) if came_along and in_chunks else b""


def keep_received(tape: Tape, received: Received | None, method: str) -> Tape:
    """The tape with its body as it was received, where coding the chunks anew would give other bytes or other cuts."""
    if not received:
        return tape
    kept = received.tape(tape)
    pairs = zip_longest(encode_tape(kept, method), encode_tape(tape, method))
    return kept if any(one != other for one, other in pairs) else tape


def encode_breach(tape: Tape, method: str) -> bytes:
    """Bytes that break the rules at the end of a malformed response: of its coding, its chunks or its head."""
    if not tape.status and tape.chunks:
        return b""  # they came
    if tape.received and Breach.of(tape.ending.note) is Breach.CODING:
        return b""  # they came
    if has_body(tape, method) and is_chunked(tape.headers) and (unread := unread_in(tape.ending.note)):
        return b"" if _breach_came_along(tape) else unread
    if not has_body(tape, method) or Breach.of(tape.ending.note) is not Breach.CODING:
        return NO_CHUNK_SIZE
    return b"%x\r\n%s\r\n" % (len(NO_DEFLATE_BLOCK), NO_DEFLATE_BLOCK) if is_chunked(tape.headers) else NO_DEFLATE_BLOCK


def _breach_came_along(tape: Tape) -> bool:
    """Whether what broke the rules came together with what was the last to keep them."""
    last = tape.pieces[-1].at if tape.pieces else tape.head.at
    return tape.ending.kind is EndingKind.MALFORMED and tape.ending.at <= last


def has_body(tape: Tape, method: str) -> bool:
    """Whether bytes follow the head, by RFC 9112, 6.3."""
    return method != "HEAD" and tape.status not in BODILESS_STATUSES and not CONTINUE <= tape.status < OK


def is_delimited(tape: Tape, method: str) -> bool:
    """Whether the end of the body can be told without closing the connection."""
    headers = tape.headers
    return not has_body(tape, method) or is_chunked(headers) or header(headers, "Content-Length") is not None


def keeps_open(head: Head) -> bool:
    """Whether the server keeps the connection for another request, by RFC 9112, 9.3."""
    said = (header(head.headers, "Connection") or "").lower()
    return "keep-alive" in said if head.version == "1.0" else "close" not in said


def encode_head(head: Head, headers: Headers) -> bytes:
    """Status line and header fields as they go over the wire."""
    status_line = f"HTTP/{head.version} {head.status} {head.reason}"
    lines = [status_line, *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def encode_body(tape: Tape, headers: Headers) -> Iterator[Frame]:
    """One frame for each chunk of the tape that has bytes, and the end mark where the framing has one."""
    coder = find_coder(headers)
    if received := tape.received:
        tape, coder = replace(tape, chunks=received, coded=None), None
    return frame_chunks(tape, coder) if is_chunked(headers) else code_chunks(tape, coder)


def code_chunks(tape: Tape, coder: Coder | None) -> Iterator[Frame]:
    """Each arrival of a body that has no HTTP chunks."""
    complete = tape.ending.kind is EndingKind.COMPLETE
    chunks = tape.pieces
    left = len(chunks)
    for chunk in chunks:
        left -= 1
        data = coder.code(chunk.data, last=complete and not left) if coder else chunk.data
        at = chunk.at
        del chunk  # one that was packed may have some MB, which are not held beside the next one's
        if data:
            yield at, data, True


def frame_chunks(tape: Tape, coder: Coder | None) -> Iterator[Frame]:
    """Each arrival with the HTTP chunk heads and ends that it had; the end mark with the last if it came with it.

    An HTTP chunk that went over several arrivals is announced whole in the first. Where nothing says how chunks were
    cut, each arrival is one; so it is when the body is compressed, for its coded length is not known ahead.
    """
    chunks = tape.pieces
    complete = tape.ending.kind is EndingKind.COMPLETE
    uncut = coder is not None or (complete and not any(chunk.ends for chunk in chunks))
    missing = missing_of(tape.ending)
    last = len(chunks) - 1
    is_open = False
    for number, chunk in enumerate(chunks):
        ends_body = complete and number == last
        if coder is None and not is_open and chunk.data and chunk.ends == (len(chunk.data),):
            # By far the most, and four times as fast; a whole answer in one piece is copied once.
            with_end = ends_body and tape.ending.at <= chunk.at
            pieces = b"%x\r\n" % len(chunk.data), chunk.data, b"\r\n", END_MARK if with_end else b""
            yield chunk.at, b"".join(pieces), True
            if with_end:
                return
            continue
        data, is_open = frame_chunk(
            chunks, number, coder, is_open=is_open, uncut=uncut or ends_body, last=ends_body, missing=missing
        )
        if ends_body and tape.ending.at <= chunk.at:
            yield chunk.at, data + END_MARK, True
            return
        if data:
            yield chunk.at, data, True
    if complete:
        yield tape.ending.at, END_MARK, False


def frame_chunk(
    chunks: Sequence[Chunk], number: int, coder: Coder | None, *, is_open: bool, uncut: bool, last: bool, missing: int
) -> tuple[bytes, bool]:
    """One arrival in HTTP chunks, and whether its last one is left open; ``uncut`` when its end is an HTTP chunk's."""
    chunk = chunks[number]
    ends = chunk.ends
    if uncut and len(chunk.data) > max(ends, default=0):
        ends += (len(chunk.data),)
    out = bytearray()
    start = 0
    for end in ends:
        segment = chunk.data[start:end]
        if coder:  # also for no data: the coding's own end can be an HTTP chunk by itself
            segment = coder.code(segment, last=last and end == len(chunk.data))
        if segment and not is_open:
            out += b"%x\r\n" % len(segment)
        if segment or is_open:
            out += segment + b"\r\n"
        is_open = False
        start = end
    if rest := chunk.data[start:]:
        if not is_open:
            out += b"%x\r\n" % measure_chunk(chunks, number, start, missing)
            is_open = True
        out += rest
    return bytes(out), is_open


def missing_of(ending: Ending) -> int:
    """How many bytes more than came an HTTP chunk announces whose end never did; where nobody knows it, one."""
    if ending.kind is EndingKind.MALFORMED:
        return 0  # what came is what stands in the place of its end
    more = more_in(ending.note) if ending.kind is EndingKind.EOF else None
    return 1 if more is None else more


def measure_chunk(chunks: Sequence[Chunk], number: int, start: int, missing: int) -> int:
    """The size of the HTTP chunk that begins at ``start`` of an arrival; some are ``missing`` of the last one."""
    size = len(chunks[number].data) - start
    for after in range(number + 1, len(chunks)):
        later = chunks[after]
        if later.ends:
            return size + later.ends[0]
        size += len(later.data)
    return size + missing


def settle_headers(tape: Tape, method: str) -> Headers:
    """The recorded fields, with what no longer fits the body made to fit.

    ``Content-Length`` follows a body that was redacted, edited or coded anew; a coding that we cannot produce is not
    announced, since the recorded body is decoded, or is left where nobody could decode it.
    """
    headers = tape.headers
    if not has_body(tape, method):
        return headers
    coding = content_coding(headers)
    received = tape.received
    if coding in UNAVAILABLE_CODINGS and not received and not looks_packed(tape.body, coding):
        headers = tuple(field for field in headers if field[0].lower() != "content-encoding")
    announced = header(headers, "Content-Length")
    if announced is None or is_chunked(headers):
        return headers
    coded = received or find_coder(headers)
    size = sum(len(data) for _, data, _ in encode_body(tape, headers)) if coded else len(tape.body)
    if tape.ending.kind is not EndingKind.COMPLETE:
        size = max(size + 1, int(announced) if announced.isdigit() else 0)
    if announced.isdecimal() and int(announced) == size:  # as it was written: 002
        return headers
    return tuple((name, str(size) if name.lower() == "content-length" else value) for name, value in headers)


UNAVAILABLE_CODINGS = frozenset({"br", "zstd"})


def find_coder(headers: Headers) -> Coder | None:
    """A fresh coder for the response's content coding; None when the body goes as it is."""
    match content_coding(headers):
        case "gzip" | "x-gzip":
            return ZlibCoder(16 + zlib.MAX_WBITS)
        case "deflate":
            return ZlibCoder(zlib.MAX_WBITS)
    return None
