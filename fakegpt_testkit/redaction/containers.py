"""Takes the texts out of zip archives and PNG images, and puts changed ones in: sizes and checksums are made anew.

Knows no secret, and no header: it goes by a body's first bytes. What it cannot put together again, it leaves as it is.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from copy import copy
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from fakegpt_testkit.bodies import ZLIB, TooLarge, inflated_member

if TYPE_CHECKING:
    from collections.abc import Callable

_ZIP: Final = b"PK\x03\x04"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_BETWEEN: Final = b"\n\x1e\n"
_MOST: Final = 64 * 1024 * 1024
_PIXELS: Final = frozenset({b"IDAT", b"IHDR", b"PLTE", b"IEND", b"fdAT"})
_HEAD: Final = 8
_CHECKSUM: Final = 4

Opened = tuple[bytes, "Callable[[bytes], bytes]"]
"""The texts, and what makes the body of changed ones."""


def opened(body: bytes) -> Opened | None:
    """The texts of an archive or an image; None for any other body, and one that is damaged, locked or too large."""
    if body.startswith(_ZIP):
        return _archive(body)
    return _image(body) if body.startswith(_PNG) else None


def _archive(body: bytes) -> Opened | None:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members, comment = archive.infolist(), archive.comment
            if sum(each.file_size for each in members) > _MOST:
                return None
            contents = [archive.read(each) for each in members]
    except Exception:  # what a damaged or locked archive makes zipfile raise is not written down
        return None
    names = [each.filename.encode("utf-8", "surrogateescape") for each in members]
    texts = (*names, comment, *contents)
    if any(_BETWEEN in each for each in texts):
        return None

    def packed(changed: bytes) -> bytes:
        parts = changed.split(_BETWEEN)
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.comment = parts[len(names)]
            for info, name, content in zip(members, parts, parts[len(names) + 1 :], strict=False):
                told = copy(info)
                told.filename = name.decode("utf-8", "surrogateescape")
                archive.writestr(told, content)
        return file.getvalue()

    return _BETWEEN.join(texts), packed


def _image(body: bytes) -> Opened | None:
    """By the PNG specification: a chunk is its length, its kind, its data and the CRC-32 of kind and data."""
    ends, kinds, contents = [len(_PNG)], [], []
    while ends[-1] < len(body):
        at = ends[-1]
        end = at + _HEAD + int.from_bytes(body[at : at + 4], "big") + _CHECKSUM
        kind, data = body[at + 4 : at + _HEAD], body[at + _HEAD : end - _CHECKSUM]
        if end > len(body) or zlib.crc32(kind + data).to_bytes(4, "big") != body[end - _CHECKSUM : end]:
            return None
        content = _unpacked(kind, data)
        if content is None:
            return None
        kinds.append(kind)
        contents.append(content)
        ends.append(end)
    texts = [content for kind, content in zip(kinds, contents, strict=True) if kind not in _PIXELS]
    if not texts or any(_BETWEEN in each for each in texts):
        return None

    def packed(changed: bytes) -> bytes:
        parts = iter(changed.split(_BETWEEN))
        made = [_PNG]
        for kind, content, (start, end) in zip(kinds, contents, pairwise(ends), strict=True):
            now = content if kind in _PIXELS else next(parts)
            made.append(body[start:end] if now == content else _chunk(kind, _repacked(kind, now)))
        return b"".join(made)

    return _BETWEEN.join(texts), packed


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def _packed_at(kind: bytes, data: bytes) -> int:
    """Where a chunk's packed text begins; 0 where none is packed."""
    name = data.find(b"\0")
    if kind == b"zTXt" and name > 0:
        return name + 2
    if kind == b"iTXt" and name > 0 and data[name + 1 : name + 2] == b"\1":
        language = data.find(b"\0", name + 3)
        return data.find(b"\0", language + 1) + 1
    return 0


def _unpacked(kind: bytes, data: bytes) -> bytes | None:
    at = _packed_at(kind, data)
    if not at:
        return data
    try:
        found = inflated_member(data[at:], ZLIB, _MOST)
    except TooLarge:
        return None
    return found and data[:at] + found[0]


def _repacked(kind: bytes, data: bytes) -> bytes:
    at = _packed_at(kind, data)
    return data[:at] + zlib.compress(data[at:]) if at else data
