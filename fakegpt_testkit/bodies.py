"""What lies around a body's content, and between its parts: compression and multipart, by the bytes themselves.

Knows no header that says so, and nothing of what the content means.
"""

from __future__ import annotations

import re
import zlib
from codecs import getincrementaldecoder
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from mmap import mmap

GZIP: Final = zlib.MAX_WBITS | 16
ZLIB: Final = zlib.MAX_WBITS
BARE: Final = -zlib.MAX_WBITS
"""Without zlib's frame around it, as some servers send ``deflate``."""
GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32

_PIECE: Final = 64 * 1024
_MOST_UNPACKED: Final = 64 * 1024 * 1024
_MOST_MEMBERS: Final = 100
_BEGINNINGS: Final = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_BOUNDARY: Final = re.compile(rb"--([^\r\n]{1,200})\r?\n")
_BLANK: Final = re.compile(rb"\r?\n\r?\n")
_NO_HEAD: Final = re.compile(rb"\r?\n")
_PART_NAME: Final = re.compile(rb'content-disposition:[^\r\n]*?[;\s]name="?([^";\r\n]*)', re.IGNORECASE)


class TooLarge(ValueError):
    """A body that would unpack to more than the bound."""


def inflated_member(data: bytes, window: int, most: int) -> tuple[bytes, bytes, bool] | None:
    """What one member unpacks to, the bytes behind it, and whether it came to its end; None where it is none.

    ``window`` is one of the forms above. Raises ``TooLarge`` for more than ``most`` bytes.
    """
    unpacker = zlib.decompressobj(window)
    try:
        if len(data) > _PIECE:  # of what is none, zlib would keep the rest
            zlib.decompressobj(window).decompress(data[:_PIECE], _PIECE)
        plain = unpacker.decompress(data, most + 1)
    except zlib.error:
        return None
    if len(plain) > most:
        raise TooLarge
    return plain, unpacker.unused_data, unpacker.eof


def inflated(body: bytes, window: int, most: int) -> bytes | None:
    """The unpacked bytes, or None when these are not such bytes from the first to the last.

    See ``inflated_member``.
    """
    parts: list[bytes] = []
    rest = body
    for _ in range(_MOST_MEMBERS):
        found = inflated_member(rest, window, most)
        if found is None or not found[2]:
            return None
        part, rest, _ = found
        parts.append(part)
        most -= len(part)
        if not rest:
            return b"".join(parts)
    return None


def is_utf_8(data: bytes | mmap) -> bool:
    """Whether all of it is; read in pieces, since the text of a large body takes up to four times as much as it."""
    if isinstance(data, bytes) and data.isascii():
        return True
    decoder = getincrementaldecoder("utf-8")()
    try:
        for at in range(0, len(data), _PIECE):
            decoder.decode(data[at : at + _PIECE], at + _PIECE >= len(data))
    except UnicodeDecodeError:
        return False
    return True


def unpacked(body: bytes) -> bytes:
    """The body without gzip or zlib around it; as it is when it is neither, or would unpack to over 64 MiB."""
    if not body.startswith(_BEGINNINGS):
        return body
    try:
        plain = inflated(body, GZIP_OR_ZLIB, _MOST_UNPACKED)
    except TooLarge:
        return body
    return body if plain is None else plain


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a multipart body: its name, empty without one, its head, and where its content begins and ends."""

    name: str
    head: bytes
    start: int
    end: int


def parts_of(body: bytes) -> Iterator[Part]:
    """The parts of a multipart body, also of one that breaks off; none of a body that does not begin like one."""
    boundary = _BOUNDARY.match(body)
    if boundary is None:
        return
    line = b"\n--" + boundary[1].rstrip()
    at = boundary.end()
    while at < len(body):
        end = body.find(line, at)
        last = end < 0
        stop = len(body) if last else end
        blank = _NO_HEAD.match(body, at, stop) or _BLANK.search(body, at, stop)
        head = body[at : blank.start() if blank else stop]
        content = blank.end() if blank else stop
        name = _PART_NAME.search(head)
        until = stop - 1 if not last and body[stop - 1 : stop] == b"\r" and stop > content else stop
        yield Part(name[1].decode("utf-8", "surrogateescape") if name else "", head, content, until)
        if last:
            return
        after = end + len(line)
        if body.startswith(b"--", after):
            return
        at = body.find(b"\n", after) + 1 or len(body)
