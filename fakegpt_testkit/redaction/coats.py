"""What lies around a body's text, taken off and put on again: gzip, zlib, deflate, zip, charsets with wide letters.

Knows no header and no secret: it goes by trying, since labels lie.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import gzip
import re
import zlib
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.bodies import BARE, GZIP, ZLIB, TooLarge, inflated_member
from fakegpt_testkit.redaction.containers import opened

if TYPE_CHECKING:
    from collections.abc import Callable

_GZIP_START: Final = b"\x1f\x8b"
_GZIP_IN_BASE64: Final = b"H4sI"
_ZLIB_STARTS: Final = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_MOST: Final = 64 * 1024 * 1024
_CHECKSUM: Final = 8
_BETWEEN: Final = b"\n\x1e\n"
_NARROW: Final = re.compile(rb"[\x21-\x7e]{16}")
"""What no text in wide letters has: a text in bytes stands beside it."""
_LEAST: Final = 16
_SAMPLE: Final = 512
_BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def uncovered(body: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    """The body's text in UTF-8 or as it is, and what puts the same around a changed one."""
    if found := opened(body):
        return found
    inner, pack = _unpacked(body)
    text, encode = _narrow(inner)
    return text, lambda changed: pack(encode(changed))


def same(body: bytes) -> bytes:
    """Nothing lies around it."""
    return body


def _unpacked(body: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    if body.startswith(_GZIP_IN_BASE64) and (coded := _in_base64(body)):
        return coded
    if body.startswith(_GZIP_START):
        inner, pack = _members(body)
        if not inner.startswith(_GZIP_START):
            return inner, pack
        core, pack_core = _members(inner)
        return core, lambda changed: pack(pack_core(changed))
    for window in (ZLIB,) if body.startswith(_ZLIB_STARTS) else (BARE,):
        found = _inflate(body, window)
        if found and (found[2] or window == ZLIB) and (window == ZLIB or (_readable(found[0]) and not found[1])):
            plain, rest, whole = found
            return _with_rest(plain, rest, lambda changed: _deflate(changed, window, whole=whole))  # noqa: B023 - returned at once
    return body, same


def _in_base64(body: bytes) -> tuple[bytes, Callable[[bytes], bytes]] | None:
    try:
        packed = base64.b64decode(body, validate=True)
    except binascii.Error:
        return None
    inner, pack = _members(packed)
    return (inner, lambda changed: base64.b64encode(pack(changed))) if inner != packed else None


def _members(body: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    parts: list[bytes] = []
    rest, whole = body, True
    while rest.startswith(_GZIP_START) and whole:
        found = _inflate(rest, GZIP)
        if not found:
            break
        part, rest, whole = found
        parts.append(part)
    if not parts:
        return body, same

    def pack(changed: bytes) -> bytes:
        packed = gzip.compress(changed, mtime=0)
        return packed if whole else packed[:-_CHECKSUM]

    return _with_rest(b"".join(parts), rest, pack)


def _with_rest(plain: bytes, rest: bytes, pack: Callable[[bytes], bytes]) -> tuple[bytes, Callable[[bytes], bytes]]:
    """The text and what follows it unpacked, which may tell a secret too."""
    if not rest:
        return plain, pack

    def packed(changed: bytes) -> bytes:
        before, _, behind = changed.rpartition(_BETWEEN)
        return pack(before) + behind

    return plain + _BETWEEN + rest, packed


def _inflate(data: bytes, window: int) -> tuple[bytes, bytes, bool] | None:
    """What it unpacks to, the bytes behind it, and whether it came to its end; None when it is none or too large."""
    try:
        found = inflated_member(data, window, _MOST)
    except TooLarge:
        return None
    return found if found and found[0] else None


def _deflate(data: bytes, window: int, *, whole: bool) -> bytes:
    packer = zlib.compressobj(wbits=window)
    packed = packer.compress(data)
    return packed + (packer.flush() if whole else packer.flush(zlib.Z_SYNC_FLUSH))


def _readable(text: bytes) -> bool:
    """Most bytes happen to be a deflate stream's beginning; text, they seldom are."""
    sample = text[:_SAMPLE]
    return len(text) >= _LEAST and all(byte >= ord(" ") or byte in b"\t\r\n" for byte in sample)


def _narrow(body: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    wide = b"\0" in body[:_SAMPLE] or body.startswith(tuple(mark for mark, _ in _BOMS))
    if not wide or _NARROW.search(body):
        return body, same
    for mark, charset in _BOMS:
        if body.startswith(mark):
            return _decoded(body, mark, charset) or (body, same)
    if b"\0" in body[:_SAMPLE] and not len(body) % 2:
        sample = body[:_SAMPLE]
        for charset, place in (("utf-32-le", 0), ("utf-32-be", 3)):
            zeros = b"".join(sample[at::4] for at in range(4) if at != place)
            if not len(body) % 4 and not any(zeros):
                return _decoded(body, b"", charset) or (body, same)
        for charset, zeros in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[0::2])):
            if zeros.count(0) * 10 >= len(zeros) * 8:
                return _decoded(body, b"", charset) or (body, same)
    return body, same


def _decoded(body: bytes, mark: bytes, charset: str) -> tuple[bytes, Callable[[bytes], bytes]] | None:
    try:
        text = body[len(mark) :].decode(charset).encode()
    except UnicodeError:
        return None
    return text, lambda changed: mark + changed.decode().encode(charset)
