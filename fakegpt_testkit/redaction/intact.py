"""Says whether a client that read a body before it was redacted can still read it afterwards.

Knows no secret: a body as it was and as it is now go in.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.exchange import content_coding
from fakegpt_testkit.redaction.coats import uncovered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fakegpt_testkit.exchange import Headers

_ZIP: Final = b"PK\x03\x04"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_TEXTUAL: Final = bytes(range(0x20, 0x7F)) + b"\t\r\n"
_SAMPLE: Final = 4096


def broken(headers: Headers, before: bytes, after: bytes) -> str:
    """Why the changed body cannot be read as the one before could; empty when it can."""
    if before == after:
        return ""
    for start, whole, why in _KINDS:
        if before.startswith(start) and whole(before) and not whole(after):
            return why
    coding = content_coding(headers)
    if coding and _packed(before) and uncovered(before)[0] is before:
        return f"it is packed as {coding}, which was not taken off"
    return ""


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _is_zip(body: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return archive.testzip() is None
    except Exception:  # what a damaged archive makes zipfile raise is not written down
        return False


def _is_png(body: bytes) -> bool:
    return all(zlib.crc32(part) == checksum for part, checksum in _png_parts(body))


def _png_parts(body: bytes) -> Iterator[tuple[bytes, int]]:
    at = len(_PNG)
    while at + 12 <= len(body):
        end = at + 8 + int.from_bytes(body[at : at + 4], "big")
        yield body[at + 4 : end], int.from_bytes(body[end : end + 4], "big")
        at = end + 4


def _packed(body: bytes) -> bool:
    sample = body[:_SAMPLE]
    return len(sample.translate(None, _TEXTUAL)) * 4 > len(sample)


_KINDS: Final[tuple[tuple[bytes | tuple[bytes, ...], Callable[[bytes], bool], str], ...]] = (
    ((b"{", b"["), _is_json, "it is JSON, and would be none"),
    (_ZIP, _is_zip, "it is a zip archive, whose members have checksums"),
    (_PNG, _is_png, "it is a PNG image, whose parts have checksums"),
)
